"""Agile encryption (ECMA-376; MS-OFFCRYPTO 2.3.4.10-15), because an export is a workbook that only its password opens.

AES-256 in CBC mode, SHA-512, 100,000 rounds over the password, an HMAC over the whole: what Excel itself writes. The plain
workbook never touches the disk: it is encrypted at once, segment by segment, into a compound file. Only the HMAC needs a
second pass, over the encrypted bytes, since it begins with a length that is known last.
"""

import hmac
import os
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

from isal import isal_zlib

from exports.workbook.agile_format import (
    BATCH,
    BLOCK,
    DIGEST,
    FOR_HMAC_KEY,
    FOR_HMAC_VALUE,
    FOR_KEY,
    FOR_VERIFIER,
    FOR_VERIFIER_HASH,
    KEY,
    SALT,
    SIZE,
    Info,
    SegmentCipher,
    Stretched,
    Tampered,
    aes_encrypt,
    data_spaces,
    sha512,
    start_vector,
)
from exports.workbook.compound import LONG_STREAM, CompoundWriter

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class EncryptedPackage:
    """A binary sink that turns a plain package into an encrypted workbook in `file`.

    `file` must be empty, seekable and readable. The workbook exists only after `close`; left by an exception (or by
    `abandon`) the file has no header and no key, and nobody can open it. Memory: some 300 KB, whatever the size.
    Raises `PackageTooLong` beyond 2 GiB, and `ValueError` for a password that Excel could not take.
    """

    def __init__(self, file: BinaryIO, password: str | Stretched, random: Callable[[int], bytes] = os.urandom) -> None:
        self._random = random
        self._key = random(KEY)
        self._key_salt = random(SALT)
        lock = Stretched.of(password, random) if isinstance(password, str) else password
        self._password_salt = lock.salt
        self._stretched = lock.digest
        self._compound = CompoundWriter(file)
        self._compound.write(SIZE.pack(0))
        self._cipher = SegmentCipher(self._key, self._key_salt)
        self._pending = bytearray()
        self._crc = 0
        self._open = True
        self.size = 0

    def write(self, data: "ReadableBuffer") -> int:
        """Take the next plain bytes."""
        if not self._open:
            raise ValueError("The package is closed.")
        with memoryview(data).cast("B") as plain:
            for start in range(0, len(plain), BATCH):
                self._take(plain[start : start + BATCH])
            self.size += len(plain)
            return len(plain)

    def _take(self, plain: memoryview) -> None:
        missing = BATCH - len(self._pending)
        self._pending += plain[:missing]
        if len(self._pending) == BATCH:
            self._put(self._pending)
            self._pending = bytearray(plain[missing:])

    def close(self) -> None:
        """Encrypt what is left, read all back for the HMAC, write keys and directory. Raises `Tampered` where the disk
        gives back other bytes than it was given."""
        if not self._open:
            return
        self._open = False
        self._put(self._pending + bytes(-len(self._pending) % BLOCK))
        self._pending.clear()
        self._compound.patch(SIZE.pack(self.size))
        hmac_key = self._random(DIGEST)
        info = self._info(hmac_key, self._read_back(hmac_key))
        self._compound.finish({"\x06DataSpaces": data_spaces(), "EncryptionInfo": info.packed(), "EncryptedPackage": LONG_STREAM})

    def abandon(self) -> None:
        """Give up: nothing more is written, and no key."""
        self._open = False
        self._pending.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()

    def _put(self, plain: bytearray) -> None:
        """Encrypt whole segments; only the last call may bring a shorter one."""
        data = self._cipher.encrypt(plain)
        self._crc = isal_zlib.crc32(data, self._crc)
        self._compound.write(data)

    def _read_back(self, hmac_key: bytes) -> bytes:
        """The HMAC over the stream as the file now holds it, after comparing that with what was written."""
        mac = hmac.new(hmac_key, digestmod="sha512")
        crc, skip = 0, SIZE.size
        for data in self._compound.written():
            mac.update(data)
            crc = isal_zlib.crc32(data[skip:], crc)
            skip = 0
        if crc != self._crc:
            raise Tampered("The disk gave back other bytes than were written.")
        return mac.digest()

    def _info(self, hmac_key: bytes, hmac_value: bytes) -> Info:
        verifier = self._random(SALT)
        salt = self._password_salt

        def by_password(purpose: bytes, data: bytes) -> bytes:
            return aes_encrypt(sha512(self._stretched, purpose)[:KEY], salt, data)

        return Info(
            key_salt=self._key_salt,
            hmac_key=aes_encrypt(self._key, start_vector(self._key_salt, FOR_HMAC_KEY), hmac_key),
            hmac_value=aes_encrypt(self._key, start_vector(self._key_salt, FOR_HMAC_VALUE), hmac_value),
            password_salt=salt,
            verifier=by_password(FOR_VERIFIER, verifier),
            verifier_hash=by_password(FOR_VERIFIER_HASH, sha512(verifier)),
            key=by_password(FOR_KEY, self._key),
        )
