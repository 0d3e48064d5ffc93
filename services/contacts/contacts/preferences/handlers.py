"""Reading and changing one's own preferences."""

from collections.abc import Mapping

from pydantic import JsonValue

from common.auth import Caller
from common.postgres import Database
from contacts.preferences import store
from contacts.preferences.preference import merged, with_defaults


class Preferences:
    """The one read and the one command."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, caller: Caller) -> dict[str, JsonValue]:
        """What the caller has set, and the defaults."""
        async with self._database.connection() as connection:
            return with_defaults(await store.read(connection, caller.channel, caller.subject))

    async def change(self, caller: Caller, given: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Merge these keys in. Raises Unprocessable."""
        async with self._database.transaction() as tx:
            after = merged(await store.lock(tx, caller.channel, caller.subject), given)
            await store.save(tx, caller.channel, caller.subject, after)
        return with_defaults(after)
