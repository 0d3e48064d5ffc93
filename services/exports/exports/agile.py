"""Agile encryption (ECMA-376; MS-OFFCRYPTO 2.3.4.10-15), because an export is a workbook that only its password opens.

AES-256 in CBC mode, SHA-512, 100,000 rounds over the password, an HMAC over the whole: what Excel itself writes. The plain
workbook never touches the disk: it is encrypted at once, segment by segment, into a compound file. Only the HMAC needs a
second pass, over the encrypted bytes, since it begins with a length that is known last.
"""

import hashlib
import hmac
import io
import os
import re
import struct
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Final, Self

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from isal import isal_zlib

from exports.compound import LONG_STREAM, CompoundWriter, Node
from exports.compound_reader import Damaged, Stream, read_streams

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

SEGMENT: Final = 4096
"""Bytes that are encrypted under one initial vector (MS-OFFCRYPTO 2.3.4.15)."""
BATCH: Final = 64 * SEGMENT
SALT: Final = 16
BLOCK: Final = 16
KEY: Final = 32
DIGEST: Final = 64
SPINS: Final = 100_000
LONGEST_PASSWORD: Final = 255
SIZE: Final = struct.Struct("<Q")
NUMBER: Final = struct.Struct("<I")

# What each derived key or initial vector is for (MS-OFFCRYPTO 2.3.4.11 to 2.3.4.14).
FOR_VERIFIER: Final = bytes.fromhex("fea7d2763b4b9e79")
FOR_VERIFIER_HASH: Final = bytes.fromhex("d7aa0f6d3061344e")
FOR_KEY: Final = bytes.fromhex("146e0be7abacd0d6")
FOR_HMAC_KEY: Final = bytes.fromhex("5fb2ad010cb9e1f6")
FOR_HMAC_VALUE: Final = bytes.fromhex("a0677f02b22c8433")

INFO_PREFIX: Final = struct.pack("<HHI", 4, 4, 0x40)
INFO: Final = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n'
    '<encryption xmlns="http://schemas.microsoft.com/office/2006/encryption"'
    ' xmlns:p="http://schemas.microsoft.com/office/2006/keyEncryptor/password"'
    ' xmlns:c="http://schemas.microsoft.com/office/2006/keyEncryptor/certificate">'
    '<keyData saltSize="16" blockSize="16" keyBits="256" hashSize="64" cipherAlgorithm="AES"'
    ' cipherChaining="ChainingModeCBC" hashAlgorithm="SHA512" saltValue="{key_salt}"/>'
    '<dataIntegrity encryptedHmacKey="{hmac_key}" encryptedHmacValue="{hmac_value}"/>'
    '<keyEncryptors><keyEncryptor uri="http://schemas.microsoft.com/office/2006/keyEncryptor/password">'
    '<p:encryptedKey spinCount="100000" saltSize="16" blockSize="16" keyBits="256" hashSize="64" cipherAlgorithm="AES"'
    ' cipherChaining="ChainingModeCBC" hashAlgorithm="SHA512" saltValue="{password_salt}"'
    ' encryptedVerifierHashInput="{verifier}" encryptedVerifierHashValue="{verifier_hash}"'
    ' encryptedKeyValue="{key}"/></keyEncryptor></keyEncryptors></encryption>'
)


class WrongPassword(Exception):
    """The password does not open this file."""


class Tampered(Exception):
    """The file is not, byte for byte, what `EncryptedPackage` wrote."""


def _text(text: str) -> bytes:
    """A text of the data-space structures: its length in bytes, UTF-16, filled to four bytes (UNICODE-LP-P4)."""
    data = text.encode("utf-16-le")
    return NUMBER.pack(len(data)) + data + bytes(-len(data) % 4)


def data_spaces() -> Mapping[str, Node]:
    """The storage that says the package is encrypted, the same in every file (MS-OFFCRYPTO 2.1 and 2.3.4.1-3)."""
    versions = struct.pack("<HHHHHH", 1, 0, 1, 0, 1, 0)
    reference = NUMBER.pack(1) + NUMBER.pack(0) + _text("EncryptedPackage") + _text("StrongEncryptionDataSpace")
    transform_name = _text("{FF9A3F03-56EF-4613-BDD5-5A41C1D07246}")
    transform = NUMBER.pack(8 + len(transform_name)) + NUMBER.pack(1) + transform_name
    return {
        "Version": _text("Microsoft.Container.DataSpaces") + versions,
        "DataSpaceMap": struct.pack("<II", 8, 1) + NUMBER.pack(len(reference) + 4) + reference,
        "DataSpaceInfo": {
            "StrongEncryptionDataSpace": struct.pack("<II", 8, 1) + _text("StrongEncryptionTransform"),
        },
        "TransformInfo": {
            "StrongEncryptionTransform": {
                # No cipher is named here (0, 0, 0, then a reserved 4): agile encryption names it in EncryptionInfo.
                "\x06Primary": transform
                + _text("Microsoft.Container.EncryptionTransform")
                + versions
                + struct.pack("<IIII", 0, 0, 0, 4),
            },
        },
    }


@dataclass(frozen=True, slots=True)
class Info:
    """The EncryptionInfo stream: two salts in the clear, the rest encrypted."""

    key_salt: bytes
    hmac_key: bytes
    hmac_value: bytes
    password_salt: bytes
    verifier: bytes
    verifier_hash: bytes
    key: bytes

    def packed(self) -> bytes:
        values = {each.name: b64encode(getattr(self, each.name)).decode() for each in fields(self)}
        return INFO_PREFIX + INFO.format(**values).encode()

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read what `packed` wrote and nothing else. Raises `Tampered`."""
        lengths = (SALT, DIGEST, DIGEST, SALT, SALT, DIGEST, KEY)
        pattern = re.escape(INFO)
        for each in fields(cls):
            pattern = pattern.replace(re.escape(f"{{{each.name}}}"), f"(?P<{each.name}>[A-Za-z0-9+/]+={{0,2}})")
        match = re.fullmatch(pattern.encode(), data.removeprefix(INFO_PREFIX))
        if match is None or not data.startswith(INFO_PREFIX):
            raise Tampered("The file's description of its encryption is not one that an export writes.")
        values = {name: _decoded(value) for name, value in match.groupdict().items()}
        if tuple(len(values[each.name]) for each in fields(cls)) != lengths:
            raise Tampered("The file's description of its encryption has values of wrong lengths.")
        return cls(**values)


def _decoded(value: bytes) -> bytes:
    decoded = b64decode(value + b"==")
    if b64encode(decoded) != value:
        raise Tampered("The file's description of its encryption holds a value that is no base64.")
    return decoded


def _sha512(*parts: bytes) -> bytes:
    return hashlib.sha512(b"".join(parts)).digest()


def stretched(password: str, salt: bytes) -> bytes:
    """The password's hash after 100,000 rounds, some 0.1 s of work on purpose (MS-OFFCRYPTO 2.3.4.11)."""
    sha512, pack = hashlib.sha512, NUMBER.pack
    digest = sha512(salt + password.encode("utf-16-le")).digest()
    for spin in range(SPINS):
        digest = sha512(pack(spin) + digest).digest()
    return digest


@dataclass(frozen=True, slots=True, repr=False)
class Stretched:
    """A password stretched under a salt: enough to lock and open one file, and of no use to find the password itself."""

    salt: bytes
    digest: bytes

    @classmethod
    def of(cls, password: str, random: Callable[[int], bytes] = os.urandom) -> Self:
        """Stretch a password under a fresh salt. Raises `ValueError` for one that Excel could not take."""
        if not 0 < len(password.encode("utf-16-le")) // 2 <= LONGEST_PASSWORD:
            raise ValueError(f"A password has 1 to {LONGEST_PASSWORD} characters.")
        salt = random(SALT)
        return cls(salt, stretched(password, salt))

    def under(self, salt: bytes) -> bytes:
        """The digest, if it belongs to the salt. Raises `WrongPassword`."""
        if not hmac.compare_digest(salt, self.salt):
            raise WrongPassword("The password does not open this file.")
        return self.digest


def _encrypt(key: bytes, vector: bytes, data: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor().update(data)


def _decrypt(key: bytes, vector: bytes, data: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.CBC(vector)).decryptor().update(data)


def _vector(salt: bytes, purpose: bytes) -> bytes:
    return _sha512(salt, purpose)[:BLOCK]


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
        self._pending = bytearray()
        self._segments = 0
        self._crc = 0
        self._open = True
        self.size = 0

    def write(self, data: "ReadableBuffer") -> int:
        """Take the next plain bytes."""
        if not self._open:
            raise ValueError("The package is closed.")
        before = len(self._pending)
        self._pending += data
        taken = len(self._pending) - before
        self.size += taken
        whole = len(self._pending) - len(self._pending) % BATCH
        if whole:
            self._put(bytes(self._pending[:whole]))
            del self._pending[:whole]
        return taken

    def close(self) -> None:
        """Encrypt what is left, read all back for the HMAC, write keys and directory. Raises `Tampered` where the disk
        gives back other bytes than it was given."""
        if not self._open:
            return
        self._open = False
        self._put(bytes(self._pending) + bytes(-len(self._pending) % BLOCK))
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

    def _put(self, plain: bytes) -> None:
        """Encrypt whole segments; only the last call may bring a shorter one."""
        parts = []
        for start in range(0, len(plain), SEGMENT):
            vector = _vector(self._key_salt, NUMBER.pack(self._segments))
            parts.append(_encrypt(self._key, vector, plain[start : start + SEGMENT]))
            self._segments += 1
        data = b"".join(parts)
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
            return _encrypt(_sha512(self._stretched, purpose)[:KEY], salt, data)

        return Info(
            key_salt=self._key_salt,
            hmac_key=_encrypt(self._key, _vector(self._key_salt, FOR_HMAC_KEY), hmac_key),
            hmac_value=_encrypt(self._key, _vector(self._key_salt, FOR_HMAC_VALUE), hmac_value),
            password_salt=salt,
            verifier=by_password(FOR_VERIFIER, verifier),
            verifier_hash=by_password(FOR_VERIFIER_HASH, _sha512(verifier)),
            key=by_password(FOR_KEY, self._key),
        )


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
            plain = b"".join(
                _decrypt(self._key, _vector(self._salt, NUMBER.pack(first + index)), data[start : start + SEGMENT])
                for index, start in enumerate(range(0, len(data), SEGMENT))
            )
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
            return _decrypt(_sha512(digest, purpose)[:KEY], info.password_salt, data)

        verifier = by_password(FOR_VERIFIER, info.verifier)
        if not hmac.compare_digest(_sha512(verifier), by_password(FOR_VERIFIER_HASH, info.verifier_hash)):
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
    mac = hmac.new(_decrypt(key, _vector(info.key_salt, FOR_HMAC_KEY), info.hmac_key), digestmod="sha512")
    for start in range(0, package.size, BATCH):
        mac.update(package.read(start, BATCH))
    expected = _decrypt(key, _vector(info.key_salt, FOR_HMAC_VALUE), info.hmac_value)
    if not hmac.compare_digest(mac.digest(), expected):
        raise Tampered("The file was changed after it was written.")
