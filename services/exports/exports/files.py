"""Export files on disk: written beside their place and moved there whole, readable by the service alone."""

import hashlib
import os
from pathlib import Path
from typing import BinaryIO, cast
from uuid import UUID

_READ = 1 << 20


class Files:
    """One folder. Every method blocks and belongs in a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, export_id: UUID) -> Path:
        """Where a finished file lies."""
        return self._folder / f"{export_id}.xlsx"

    def _partial(self, export_id: UUID) -> Path:
        return self._folder / f"{export_id}.partial"

    def begin(self, export_id: UUID) -> BinaryIO:
        """An empty file to write into; what an earlier attempt left is gone."""
        self._partial(export_id).unlink(missing_ok=True)
        descriptor = os.open(self._partial(export_id), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        return cast("BinaryIO", os.fdopen(descriptor, "w+b"))

    def finish(self, export_id: UUID, file: BinaryIO) -> tuple[int, str]:
        """Put a written file in its place, safe against a power cut; answers its size in bytes and its SHA-256."""
        file.flush()
        os.fsync(file.fileno())
        digest = hashlib.sha256()
        file.seek(0)
        while data := file.read(_READ):
            digest.update(data)
        size = file.tell()
        self._partial(export_id).replace(self.path(export_id))
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return size, digest.hexdigest()

    def remove(self, export_id: UUID) -> None:
        """Delete what there is of an export's file."""
        self._partial(export_id).unlink(missing_ok=True)
        self.path(export_id).unlink(missing_ok=True)

    def ids(self) -> set[UUID]:
        """The exports of which anything lies here."""
        return {UUID(p.stem) for p in self._folder.iterdir() if p.suffix in {".xlsx", ".partial"}}
