"""The files of uploads that wait to be imported: each import has its few, and none when it is over."""

import asyncio
import hashlib
import os
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from common.clock import from_millis
from common.files.keeping import FileStore
from common.ids import parse_id

IMPORT_FILES_KEPT = timedelta(days=1)
"""A file goes when its import has ended, and after so long whatever became of it."""

_UPLOAD, _PLAIN, _ROWS = "upload", "plain", "rows"
_SHARED = (_UPLOAD, _PLAIN, _ROWS)


class Files:
    """The files of imports. The API's processes write them and the workers' read them: in a folder that all of them share.

    With a `store` each process has a folder of its own: what another is to read lies in the store, and is fetched from there.
    """

    def __init__(self, folder: Path, store: FileStore | None = None) -> None:
        self._folder = folder
        self._store = store

    def upload(self, import_id: UUID) -> Path:
        """The file as it came."""
        return self._path(import_id, _UPLOAD)

    def plain(self, import_id: UUID) -> Path:
        """The workbook that was inside one with a password."""
        return self._path(import_id, _PLAIN)

    def spool(self, import_id: UUID, attempt: int) -> Path:
        """What a reader keeps beside it; each attempt has its own, for an older one may still be at work."""
        return self._path(import_id, f"spool-{attempt}")

    def rows(self, import_id: UUID) -> Path:
        """Its rows, read and ready to be written into contacts."""
        return self._path(import_id, _ROWS)

    def unfinished_rows(self, import_id: UUID, attempt: int) -> Path:
        """The rows while they are still being read."""
        return self._path(import_id, f"rows-{attempt}")

    async def check(self) -> None:
        """Raises Unavailable or OSError where the store cannot be used now."""
        if self._store is not None:
            await self._store.check()

    async def share_upload(self, import_id: UUID) -> None:
        """From now on any process can fetch what came. Raises Unavailable, OSError."""
        await self._share(import_id, _UPLOAD)
        await self._share(import_id, _PLAIN)

    async def share_rows(self, import_id: UUID) -> None:
        """From now on any process can fetch its rows. Raises Unavailable, OSError."""
        await self._share(import_id, _ROWS)

    async def fetch_upload(self, import_id: UUID) -> None:
        """What came is in this process's folder, where it is anywhere. Raises Unavailable, OSError."""
        await self._fetch(import_id, _UPLOAD)
        await self._fetch(import_id, _PLAIN)

    async def fetch_rows(self, import_id: UUID) -> None:
        """Its rows are in this process's folder, where they are anywhere. Raises Unavailable, OSError."""
        await self._fetch(import_id, _ROWS)

    async def there(self) -> set[UUID]:
        """The imports that have any file. Raises Unavailable, OSError."""
        names = await asyncio.to_thread(self._own)
        if self._store is not None:
            names |= {name for name in await self._store.names() if name.rpartition(".")[2] in _SHARED}
        return _imports(names)

    async def remove(self, *import_ids: UUID) -> None:
        """Delete all files of these imports, wherever they lie. Raises Unavailable, OSError."""
        await self.discard(*import_ids)
        if self._store is not None:
            for import_id in import_ids:
                for what in _SHARED:
                    await self._store.remove(f"{import_id}.{what}")

    async def tidy(self, before: datetime) -> None:
        """Give up what was begun before then and never came to its end. Raises Unavailable, OSError."""
        if self._store is not None:
            await self._store.tidy(before)

    async def discard(self, *import_ids: UUID) -> None:
        """Delete what this process's folder has of these imports."""
        await asyncio.to_thread(self._discard, import_ids)

    async def uploaded(self, import_id: UUID, *, kept: bool) -> None:
        """A request has ended: what came is the workers' from now on, or was not made an import."""
        if self._store is not None or not kept:
            await self.discard(import_id)

    async def discard_from_before(self, at: datetime) -> None:
        """Delete what requests left here that began at this instant or earlier and were killed. Nothing in a shared folder."""
        if self._store is not None:
            await self.discard(*came_before(_imports(await asyncio.to_thread(self._own)), at))

    async def _share(self, import_id: UUID, what: str) -> None:
        path = self._path(import_id, what)
        if self._store is None or not path.exists():
            return
        sending = self._path(import_id, f"sending-{what}")  # it is the store's from then on
        await asyncio.to_thread(_linked, path, sending)
        digest = await asyncio.to_thread(_sha256, sending)
        await self._store.put(path.name, sending, digest)

    async def _fetch(self, import_id: UUID, what: str) -> None:
        if self._store is None:
            return
        path = self._path(import_id, what)
        try:
            reading = await self._store.open(path.name, None)
        except FileNotFoundError:
            path.unlink(missing_ok=True)
            return
        part = self._path(import_id, f"fetching-{what}")
        try:
            with part.open("wb") as file:
                while data := await reading.read():
                    await asyncio.to_thread(file.write, data)
            part.rename(path)
        finally:
            await reading.close()

    def _own(self) -> set[str]:
        return {path.name for path in self._folder.glob("*.*")}

    def _discard(self, import_ids: Collection[UUID]) -> None:
        for import_id in import_ids:
            for path in self._folder.glob(f"{import_id}.*"):
                path.unlink(missing_ok=True)

    def _path(self, import_id: UUID, what: str) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._folder / f"{import_id}.{what}"


def _imports(names: Collection[str]) -> set[UUID]:
    found = (parse_id(name.partition(".")[0]) for name in names)
    return {import_id for import_id in found if import_id is not None}


def _linked(path: Path, beside: Path) -> None:
    beside.unlink(missing_ok=True)
    os.link(path, beside)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def came_before(import_ids: Collection[UUID], at: datetime) -> set[UUID]:
    """Those whose upload began at this instant or earlier: their ids (version 7) begin with it."""
    return {import_id for import_id in import_ids if from_millis(import_id.int >> 80) <= at}
