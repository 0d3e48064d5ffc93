"""What an encrypted workbook is made of (ECMA-376; MS-OFFCRYPTO 2.3.4.10-15): keys from passwords, blocks, and its description.

AES-256 in CBC mode, SHA-512 and 100,000 rounds over the password: what Excel itself writes.
"""

import hashlib
import hmac
import os
import re
import struct
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Final, Self

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from exports.workbook.compound import Node

SEGMENT: Final = 4096
"""Bytes that are encrypted under one initial vector (MS-OFFCRYPTO 2.3.4.15)."""
BATCH: Final = 32 * SEGMENT
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


def sha512(*parts: bytes) -> bytes:
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


def aes_encrypt(key: bytes, vector: bytes, data: bytes) -> bytes:
    """Whole blocks under AES-256 in CBC mode."""
    return Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor().update(data)


class SegmentCipher:
    """Encrypts segments one after the other, each under its own initial vector, with one cipher for all of them.

    To make a cipher takes longer than to encrypt a segment. In CBC a block is combined with the vector or the block before:
    to take the first block of a segment combined with both makes of the latter the former.
    """

    def __init__(self, key: bytes, salt: bytes) -> None:
        self._cipher = Cipher(algorithms.AES256(key), modes.CBC(bytes(BLOCK))).encryptor()
        self._salt = salt
        self._segments = 0
        self._last = 0
        self._encrypted = bytearray(BATCH + BLOCK)

    def encrypt(self, plain: bytearray) -> memoryview:
        """Whole segments, a batch at most, which are changed; only the last call may bring a shorter one, of whole blocks.

        What it answers is good until the next call.
        """
        last, hashed, update = self._last, hashlib.sha512, self._cipher.update_into
        number = self._segments
        data, room = memoryview(plain), memoryview(self._encrypted)
        for start in range(0, len(plain), SEGMENT):
            end = min(start + SEGMENT, len(plain))
            vector = hashed(self._salt + NUMBER.pack(number)).digest()[:BLOCK]
            first = int.from_bytes(data[start : start + BLOCK]) ^ int.from_bytes(vector) ^ last
            data[start : start + BLOCK] = first.to_bytes(BLOCK)
            update(data[start:end], room[start:])
            last = int.from_bytes(room[end - BLOCK : end])
            number += 1
        data.release()
        self._last, self._segments = last, number
        return room[: len(plain)]


def decrypt_segments(key: bytes, salt: bytes, number: int, data: bytes) -> bytes:
    """The reverse of it, from the segment of this number on."""
    plain = bytearray(aes_decrypt(key, bytes(BLOCK), data))
    for start in range(0, len(data), SEGMENT):
        vector = start_vector(salt, NUMBER.pack(number + start // SEGMENT))
        before = data[start - BLOCK : start] if start else bytes(BLOCK)
        first = int.from_bytes(plain[start : start + BLOCK]) ^ int.from_bytes(vector) ^ int.from_bytes(before)
        plain[start : start + BLOCK] = first.to_bytes(BLOCK)
    return bytes(plain)


def aes_decrypt(key: bytes, vector: bytes, data: bytes) -> bytes:
    """The reverse of `aes_encrypt`."""
    return Cipher(algorithms.AES(key), modes.CBC(vector)).decryptor().update(data)


def start_vector(salt: bytes, purpose: bytes) -> bytes:
    """The initialisation vector of a purpose or of a segment's number."""
    return hashlib.sha512(salt + purpose).digest()[:BLOCK]
