"""Reads back what `agile` writes, seekable and checked to the last byte, because a file is ready only once it has been read."""

import hmac
import io
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, BinaryIO

from exports.workbook.agile_format import (
    BATCH,
    BLOCK,
    FOR_HMAC_KEY,
    FOR_HMAC_VALUE,
    FOR_KEY,
    FOR_VERIFIER,
    FOR_VERIFIER_HASH,
    KEY,
    SEGMENT,
    SIZE,
    Info,
    Stretched,
    Tampered,
    WrongPassword,
    aes_decrypt,
    data_spaces,
    decrypt_segments,
    sha512,
    start_vector,
    stretched,
)
from exports.workbook.compound import Node
from exports.workbook.compound_reader import Damaged, Stream, read_streams

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class DecryptedPackage(io.RawIOBase):
    """The plain package inside an encrypted workbook, seekable, decrypted as it is read; `open_package` makes it.

    Wrap it in `io.BufferedReader(package, 1 << 18)` before giving it to `zipfile` or openpyxl, which read little pieces.
    """

    def __init__(self, stream: Stream, key: bytes, salt: bytes, size: int) -> None:
        super().__init__()
        self._stream = stream
        self._key = key
        self._salt = salt
        self._at = 0
        self.size = size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError("A position is not negative.")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: "WriteableBuffer") -> int:
        with memoryview(buffer).cast("B") as view:
            count = max(0, min(len(view), self.size - self._at))
            first, last = self._at // SEGMENT, -(-(self._at + count) // SEGMENT)
            data = self._stream.read(SIZE.size + first * SEGMENT, (last - first) * SEGMENT) if count else b""
            plain = decrypt_segments(self._key, self._salt, first, data)
            skip = self._at - first * SEGMENT
            view[:count] = plain[skip : skip + count]
            self._at += count
            return count


def open_package(file: BinaryIO, password: str | Stretched) -> DecryptedPackage:
    """Open an encrypted workbook after checking the password and then, in one pass, that no byte was changed.

    Reads only what `EncryptedPackage` writes. Raises `WrongPassword` and `Tampered`; damage to the very bytes that check a
    password cannot be told from a wrong one.
    """
    try:
        streams = read_streams(file)
        info = Info.parse(_whole(streams, "EncryptionInfo"))
        _check_data_spaces(streams, "\x06DataSpaces", data_spaces())
        package = streams.get("EncryptedPackage")
        if package is None:
            raise Tampered("The file holds no package.")
        salt = info.password_salt
        digest = stretched(password, salt) if isinstance(password, str) else password.under(salt)

        def by_password(purpose: bytes, data: bytes) -> bytes:
            return aes_decrypt(sha512(digest, purpose)[:KEY], info.password_salt, data)

        verifier = by_password(FOR_VERIFIER, info.verifier)
        if not hmac.compare_digest(sha512(verifier), by_password(FOR_VERIFIER_HASH, info.verifier_hash)):
            raise WrongPassword("The password does not open this file.")
        key = by_password(FOR_KEY, info.key)
        _check_hmac(package, key, info)
    except Damaged as reason:
        raise Tampered(str(reason)) from reason
    size = SIZE.unpack(package.read(0, SIZE.size))[0]
    if package.size != SIZE.size + size + -size % BLOCK:
        raise Tampered("The package has another length than it says.")
    return DecryptedPackage(package, key, info.key_salt, size)


def decrypt(file: BinaryIO, password: str | Stretched) -> Iterator[bytes]:
    """The plain package piece by piece; password and wholeness are checked before the iterator is given.

    Raises as `open_package` does.
    """
    package = open_package(file, password)
    return iter(lambda: package.read(BATCH) or b"", b"")


def _whole(streams: Mapping[str, Stream], path: str) -> bytes:
    stream = streams.get(path)
    if stream is None:
        raise Tampered("The file lacks a part that an encrypted workbook has.")
    return stream.read(0, min(stream.size, SEGMENT))


def _check_data_spaces(streams: Mapping[str, Stream], path: str, expected: Node) -> None:
    if isinstance(expected, Mapping):
        for name, node in expected.items():
            _check_data_spaces(streams, f"{path}/{name}", node)
    elif _whole(streams, path) != expected:
        raise Tampered("The file's description of what is encrypted is not one that an export writes.")


def _check_hmac(package: Stream, key: bytes, info: Info) -> None:
    mac = hmac.new(aes_decrypt(key, start_vector(info.key_salt, FOR_HMAC_KEY), info.hmac_key), digestmod="sha512")
    for start in range(0, package.size, BATCH):
        mac.update(package.read(start, BATCH))
    expected = aes_decrypt(key, start_vector(info.key_salt, FOR_HMAC_VALUE), info.hmac_value)
    if not hmac.compare_digest(mac.digest(), expected):
        raise Tampered("The file was changed after it was written.")
