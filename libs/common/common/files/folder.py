"""A folder of this machine, or of a disk that machines share, as a store of files: readable by the service alone."""

import asyncio
import os
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from common.files.keeping import PIECE


class FolderReading:
    """Bytes of an open file."""

    def __init__(self, file: BinaryIO, size: int, sent: range) -> None:
        self._file = file
        self._left = len(sent)
        self.size = size

    async def read(self) -> bytes:
        """The next bytes, none at the end. Raises OSError."""
        data = await asyncio.to_thread(self._file.read, min(self._left, PIECE))
        self._left -= len(data)
        return data

    async def close(self) -> None:
        """The file is closed. It waits for a read that is under way, in a thread of its own: a disk over the network may hang."""
        await asyncio.to_thread(self._file.close)


class Folder:
    """The store of a machine of its own. What is put must lie on the same file system."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def check(self) -> None:
        """Raises OSError where the folder is not there, as when its disk is not mounted."""
        await asyncio.to_thread(self._folder.stat)

    async def put(self, name: str, written: Path, sha256: str) -> None:
        """Put a written file in its place, safe against a power cut. Raises OSError."""
        await asyncio.to_thread(self._put, name, written)

    def _put(self, name: str, written: Path) -> None:
        written.replace(self._folder / name)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    async def open(self, name: str, sent: range | None) -> FolderReading:
        """All of a file, or these of its bytes. Raises FileNotFoundError, OSError."""
        return await asyncio.to_thread(self._open, name, sent)

    def _open(self, name: str, sent: range | None) -> FolderReading:
        file = (self._folder / name).open("rb")
        size = os.fstat(file.fileno()).st_size
        wanted = range(size) if sent is None else sent
        file.seek(wanted.start)
        return FolderReading(file, size, wanted)

    async def remove(self, name: str) -> None:
        """Delete it. Raises OSError."""
        await asyncio.to_thread((self._folder / name).unlink, missing_ok=True)

    async def tidy(self, before: datetime) -> None:
        """Nothing is put here by halves."""

    async def names(self, beginning: str = "") -> set[str]:
        """What lies here by names that begin so, whoever put it. Raises OSError."""
        return await asyncio.to_thread(lambda: {each.name for each in self._folder.iterdir() if each.name.startswith(beginning)})
