"""Export files on disk: written beside their place and moved there whole, readable by the service alone."""

import hashlib
import os
import re
import secrets
import tempfile
from pathlib import Path
from typing import BinaryIO, cast
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

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
    """One folder, a file per export and attempt: whoever lost an export to another worker cannot touch the other's file.

    Every method blocks and belongs in a thread.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _whole(self, export_id: UUID, attempt: int) -> Path:
        return self._folder / f"{export_id}.{attempt}.xlsx"

    def _partial(self, export_id: UUID, attempt: int) -> Path:
        return self._folder / f"{export_id}.{attempt}.partial"

    def begin(self, export_id: UUID, attempt: int) -> BinaryIO:
        """An empty file to write into and read back, for nobody else."""
        descriptor = os.open(self._partial(export_id, attempt), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        return cast("BinaryIO", os.fdopen(descriptor, "w+b"))

    def aside(self) -> Aside:
        """A place for what cannot be written yet."""
        return Aside(self._folder)

    def finish(self, export_id: UUID, attempt: int, file: BinaryIO) -> tuple[int, str]:
        """Put a written file in its place, safe against a power cut; answers its size in bytes and its SHA-256."""
        file.flush()
        os.fsync(file.fileno())
        digest = hashlib.sha256()
        file.seek(0)
        while data := file.read(_READ):
            digest.update(data)
        size = file.tell()
        self._partial(export_id, attempt).replace(self._whole(export_id, attempt))
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return size, digest.hexdigest()

    def open(self, export_id: UUID, attempt: int) -> BinaryIO:
        """A finished file, to be read. Raises FileNotFoundError."""
        return self._whole(export_id, attempt).open("rb")

    def remove(self, export_id: UUID, attempt: int) -> None:
        """Delete what an attempt has left."""
        self._partial(export_id, attempt).unlink(missing_ok=True)
        self._whole(export_id, attempt).unlink(missing_ok=True)

    def remove_all(self, export_id: UUID) -> None:
        """Delete what any attempt has left."""
        for there, attempt in self.there():
            if there == export_id:
                self.remove(export_id, attempt)

    def there(self) -> set[tuple[UUID, int]]:
        """The exports and attempts of which anything lies here."""
        names = (_NAME.fullmatch(p.name) for p in self._folder.iterdir())
        return {(UUID(found[1]), int(found[2])) for found in names if found}
