"""A folder as a store of files that does not let go of some of them, as one under a legal hold does."""

from common.errors import Unavailable
from common.files.folder import Folder


class Stubborn(Folder):
    """What is named so stays."""

    kept = ""

    async def remove(self, name: str) -> None:
        """Raises Unavailable for what is kept."""
        if self.kept and name.startswith(self.kept):
            raise Unavailable("It is held.")
        await super().remove(name)
