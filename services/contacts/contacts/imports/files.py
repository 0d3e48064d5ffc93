"""The folder of uploads that wait to be imported: each import has its few files there, and none when it is over."""

from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from common.clock import from_millis
from common.ids import parse_id

IMPORT_FILES_KEPT = timedelta(days=1)
"""A file goes when its import has ended, and after so long whatever became of it."""


class Files:
    """The files of imports, shared by the API's processes, which write them, and the workers', which read them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def upload(self, import_id: UUID) -> Path:
        """The file as it came."""
        return self._path(import_id, "upload")

    def plain(self, import_id: UUID) -> Path:
        """The workbook that was inside one with a password."""
        return self._path(import_id, "plain")

    def spool(self, import_id: UUID, attempt: int) -> Path:
        """What a reader keeps beside it; each attempt has its own, for an older one may still be at work."""
        return self._path(import_id, f"spool-{attempt}")

    def rows(self, import_id: UUID) -> Path:
        """Its rows, read and ready to be written into contacts."""
        return self._path(import_id, "rows")

    def unfinished_rows(self, import_id: UUID, attempt: int) -> Path:
        """The rows while they are still being read."""
        return self._path(import_id, f"rows-{attempt}")

    def there(self) -> set[UUID]:
        """The imports that have any file."""
        found = (parse_id(path.name.partition(".")[0]) for path in self._folder.glob("*.*"))
        return {import_id for import_id in found if import_id is not None}

    def remove(self, *import_ids: UUID) -> None:
        """Delete all files of these imports."""
        for import_id in import_ids:
            for path in self._folder.glob(f"{import_id}.*"):
                path.unlink(missing_ok=True)

    def _path(self, import_id: UUID, what: str) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._folder / f"{import_id}.{what}"


def came_before(import_ids: Collection[UUID], at: datetime) -> set[UUID]:
    """Those whose upload began at this instant or earlier: their ids (version 7) begin with it."""
    return {import_id for import_id in import_ids if from_millis(import_id.int >> 80) <= at}
