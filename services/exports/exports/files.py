"""Export files: written and proven in a folder of this machine, then kept whole where all machines find them."""

import asyncio
import hashlib
import os
import re
import secrets
import tempfile
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, cast
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

from common.errors import Unavailable
from common.files.folder import Folder
from common.files.keeping import FileStore, Reading
from common.telemetry import log

_READ = 1 << 20
_IN_MEMORY = 4 << 20
_KEY, _BLOCK = 32, 16
_NAME = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(\d+)\.(?:xlsx|partial)")


class Aside:
    """What is put aside while a file is written: in memory, and when it grows in a file without a name, encrypted with a key
    that is nowhere but here, so that a killed worker leaves nothing of it. It is written, then read once."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(folder))  # noqa: SIM115 - closed by `close`
        cipher = Cipher(AES256(secrets.token_bytes(_KEY)), CTR(bytes(_BLOCK)))
        self._encryptor, self._decryptor = cipher.encryptor(), cipher.decryptor()

    def write(self, data: bytes) -> None:
        """Append."""
        self._file.write(self._encryptor.update(data))

    def turn(self) -> None:
        """From now on it is read, from the beginning."""
        self._file.seek(0)

    def read(self, size: int) -> bytes:
        """The next bytes, fewer at the end."""
        return self._decryptor.update(self._file.read(size))

    def close(self) -> None:
        """It is gone."""
        self._file.close()


class Files:
    """A file per export and attempt: whoever lost an export to another worker cannot touch the other's file.

    It is written in a folder of this machine, and kept in a store: the same folder where none is given.
    """

    def __init__(self, folder: Path, store: FileStore | None = None) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._store = store or Folder(folder)

    def _partial(self, export_id: UUID, attempt: int) -> Path:
        return self._folder / f"{export_id}.{attempt}.partial"

    async def check(self) -> None:
        """Raises Unavailable or OSError where files cannot be kept now."""
        await self._store.check()

    async def begin(self, export_id: UUID, attempt: int) -> BinaryIO:
        """An empty file to write into and read back, for nobody else. Raises Unavailable where it could not be kept then."""
        await self._store.check()
        return await asyncio.to_thread(_new, self._partial(export_id, attempt))

    def aside(self) -> Aside:
        """A place for what cannot be written yet."""
        return Aside(self._folder)

    async def finish(self, export_id: UUID, attempt: int, file: BinaryIO) -> tuple[int, str]:
        """Keep a written file; answers its size in bytes and its SHA-256. Raises Unavailable, OSError, Altered."""
        size, digest = await asyncio.to_thread(_written, file)
        await self._store.put(_kept(export_id, attempt), self._partial(export_id, attempt), digest)
        return size, digest

    async def open(self, export_id: UUID, attempt: int, sent: range | None = None) -> Reading:
        """A finished file, or these of its bytes, to be read. Raises FileNotFoundError, Unavailable, OSError."""
        return await self._store.open(_kept(export_id, attempt), sent)

    async def remove(self, export_id: UUID, attempt: int) -> None:
        """Delete what an attempt has left. Raises Unavailable, OSError."""
        await asyncio.to_thread(self._partial(export_id, attempt).unlink, missing_ok=True)
        await self._store.remove(_kept(export_id, attempt))

    async def let_go(self, export_id: UUID, attempt: int) -> bool:
        """Delete what an attempt has left, or leave it to the sweep where that cannot be done now; answers whether it is gone."""
        try:
            await self.remove(export_id, attempt)
        except (Unavailable, OSError) as error:
            log.warning("a file is to be deleted later", export=str(export_id), attempt=attempt, exc_info=error)
            return False
        return True

    async def remove_all(self, export_id: UUID) -> None:
        """Delete what any attempt has left. Raises Unavailable, OSError."""
        for _, attempt in await self.there(str(export_id)):
            await self.remove(export_id, attempt)

    async def tidy(self, before: datetime) -> None:
        """Give up what began to be kept before then and never was. Raises Unavailable, OSError."""
        await self._store.tidy(before)

    async def there(self, beginning: str = "") -> set[tuple[UUID, int]]:
        """The exports, whose ids begin so, and attempts of which anything lies here or is kept. Raises Unavailable, OSError."""
        here = await asyncio.to_thread(lambda: {path.name for path in self._folder.glob(f"{beginning}*")})
        names = (_NAME.fullmatch(name) for name in here | await self._store.names(beginning))
        return {(UUID(found[1]), int(found[2])) for found in names if found}


def _kept(export_id: UUID, attempt: int) -> str:
    return f"{export_id}.{attempt}.xlsx"


def _new(path: Path) -> BinaryIO:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    return cast("BinaryIO", os.fdopen(descriptor, "w+b"))


def _written(file: BinaryIO) -> tuple[int, str]:
    """Size and SHA-256 of what was written, once it is on the disk."""
    file.flush()
    os.fsync(file.fileno())
    digest = hashlib.sha256()
    file.seek(0)
    while data := file.read(_READ):
        digest.update(data)
    return file.tell(), digest.hexdigest()
