"""Opens a workbook that has a password, segment by segment: its whole length is never in memory."""

import hashlib
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO
from xml.parsers.expat import ExpatError

import olefile
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from msoffcrypto.exceptions import DecryptionError, FileFormatError, InvalidKeyError
from msoffcrypto.format.ooxml import OOXMLFile

from common.errors import Unprocessable
from contacts.imports.tables.compound import INFO, PACKAGE, streams_of
from contacts.imports.tables.foreign import refuse_compound
from contacts.imports.tables.table import UnreadableFile

COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SEGMENT, _PIECE = 4096, 64 * 1024
_MOST_SPINS = 1_000_000
_DAMAGED = (
    FileFormatError, DecryptionError, ExpatError, OSError, ValueError, LookupError, TypeError, AttributeError, struct.error,
    OverflowError, RecursionError,
)  # fmt: skip


def unlock(file: Path, password: str | None, target: Path) -> None:
    """Write the workbook inside to `target`. Raises Unprocessable for a missing or wrong password, UnreadableFile."""
    with file.open("rb") as opened:
        office = _opened(opened)
        if not password:
            raise Unprocessable(
                "This workbook has a password. Send it along as `password`.", code="passwordRequired", pointer="/password"
            )
        try:
            office.load_key(password=password, verify_password=True)
        except InvalidKeyError:
            raise _wrong() from None
        except _DAMAGED:
            raise _old() from None
        try:
            with target.open("wb") as plain:
                for piece in _plain(office):
                    plain.write(piece)
        except _DAMAGED:
            raise _old() from None


def _opened(file: BinaryIO) -> Any:
    """The locked workbook. Raises UnreadableFile, which names what else the file is."""
    try:
        streams = streams_of(file)
        if INFO.lower() not in streams:
            raise refuse_compound(streams) or _old()
        office: Any = OOXMLFile(file)
        if office.type == "agile" and office.info["spinValue"] > _MOST_SPINS:
            raise DecryptionError
    except _DAMAGED:
        raise _old() from None
    return office


def _plain(office: Any) -> Iterator[bytes]:
    """MS-OFFCRYPTO 2.3.4.4: eight bytes of length, then the package, in segments of 4096 bytes where it is agile."""
    pieces = _pieces(office.file)
    held = bytearray(next(pieces))
    (left,) = struct.unpack_from("<Q", held)
    del held[:8]
    number = 0
    for piece in pieces:
        held += piece
        while len(held) > _SEGMENT:  # the last segment may be shorter, so one is always kept back
            plain = _decrypt(office, bytes(held[:_SEGMENT]), number)[:left]
            del held[:_SEGMENT]
            left -= len(plain)
            number += 1
            yield plain
    while held and left > 0:
        plain = _decrypt(office, bytes(held[:_SEGMENT]), number)[:left]
        del held[:_SEGMENT]
        left -= len(plain)
        number += 1
        yield plain


def _decrypt(office: Any, segment: bytes, number: int) -> bytes:
    segment = segment[: len(segment) // 16 * 16]
    mode: modes.Mode
    if office.type == "agile":
        salted = office.info["keyDataSalt"] + struct.pack("<I", number)
        mode = modes.CBC(hashlib.new(office.info["keyDataHashAlgorithm"].lower(), salted).digest()[:16])
    else:
        mode = modes.ECB()  # noqa: S305 - what the standard encryption of 2007 is
    decryptor = Cipher(algorithms.AES(office.secret_key), mode).decryptor()
    return decryptor.update(segment) + decryptor.finalize()


def _pieces(compound: Any) -> Iterator[bytes]:
    """The encrypted package as it lies in the compound file's sectors; the library would read all of it at once."""
    entry = compound.direntries[compound._find(PACKAGE)]
    if entry.size < compound.minisectorcutoff:
        yield compound.openstream(PACKAGE).read()
        return
    file: BinaryIO = compound.fp
    sector, size, left = entry.isectStart, compound.sectorsize, entry.size
    held = bytearray()
    for _ in range(len(compound.fat)):
        if sector == olefile.ENDOFCHAIN or left <= 0:
            break
        file.seek((sector + 1) * size)
        data = file.read(min(size, left))
        left -= len(data)
        held += data
        sector = compound.fat[sector]
        if len(held) >= _PIECE:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


def _wrong() -> Unprocessable:
    return Unprocessable("The password does not open this workbook.", code="wrongPassword", pointer="/password")


def _old() -> UnreadableFile:
    return UnreadableFile(
        "This is no workbook that can be read. Open it in a spreadsheet program, save it as .xlsx, and send that.",
        code="unreadableWorkbook",
    )
