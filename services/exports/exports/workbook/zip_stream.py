"""A ZIP file written strictly forwards, because an encrypted package cannot be sought in and a sheet may pass 4 GiB.

Of all legal ways to say "the length follows" and "it may need 64 bits", this is the one that Excel and LibreOffice both
read: version 4.5 and bit 3 in the local header, no ZIP64 field there, a data descriptor with 64-bit lengths, and a ZIP64 field in
the directory only where a number needs it.
"""

import struct
from dataclasses import dataclass
from typing import Final, Protocol

from exports.workbook.packed import DEFLATED, LAST, Packed, joined_crc, pack

LOCAL: Final = struct.Struct("<4sHHHHHIIIHH")
DESCRIPTOR: Final = struct.Struct("<4sIQQ")
CENTRAL: Final = struct.Struct("<4sHHHHHHIIIHHHHHII")
END64: Final = struct.Struct("<4sQHHIIQQQQ")
END64_LOCATOR: Final = struct.Struct("<4sIQI")
END: Final = struct.Struct("<4sHHHHIIH")
PLAIN_VERSION: Final = 20
ZIP64_VERSION: Final = 45
LENGTHS_FOLLOW: Final = 0x08
NO_TIME: Final = 0
FIRST_DAY: Final = 0x21
"""1 January 1980, ZIP's first day: the same table gives the same bytes."""
NARROW: Final = 0xFFFFFFFF


class Sink(Protocol):
    """Anything that takes bytes in order."""

    def write(self, data: bytes, /) -> object: ...


@dataclass(frozen=True, slots=True)
class _Part:
    name: bytes
    version: int
    flags: int
    crc: int
    packed: int
    size: int
    offset: int

    def record(self) -> bytes:
        """The part's record in the directory."""
        wide = [number for number in (self.size, self.packed, self.offset) if number >= NARROW]
        extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
        head = CENTRAL.pack(
            b"PK\x01\x02", self.version, self.version, self.flags, DEFLATED, NO_TIME, FIRST_DAY, self.crc,
            min(self.packed, NARROW), min(self.size, NARROW), len(self.name), len(extra), 0, 0, 0, 0,
            min(self.offset, NARROW),
        )  # fmt: skip
        return head + self.name + extra


class ZipStream:
    """Adds short parts whole with `add`, long ones with `begin`, `write` …, `end`; `close` writes the directory."""

    def __init__(self, out: Sink) -> None:
        self._out = out
        self._at = 0
        self._parts: list[_Part] = []
        self._name = b""
        self._offset = self._crc = self._size = self._packed = 0

    def add(self, name: str, data: bytes) -> None:
        """A whole part of less than 4 GiB."""
        piece = pack(data)
        packed = piece.data + LAST
        part = _Part(name.encode(), PLAIN_VERSION, 0, piece.crc, len(packed), piece.size, self._at)
        self._put(_local(part) + packed)
        self._parts.append(part)

    def begin(self, name: str) -> None:
        """Begin a part whose length nobody knows yet."""
        self._crc = self._size = self._packed = 0
        self._name, self._offset = name.encode(), self._at
        self._put(_local(_Part(self._name, ZIP64_VERSION, LENGTHS_FOLLOW, 0, 0, 0, 0)))

    def write(self, piece: Packed) -> None:
        """Append to the part begun."""
        self._crc = joined_crc(self._crc, piece)
        self._size += piece.size
        self._put_packed(piece.data)

    def end(self) -> None:
        """End the part begun."""
        self._put_packed(LAST)
        self._put(DESCRIPTOR.pack(b"PK\x07\x08", self._crc, self._packed, self._size))
        self._parts.append(_Part(self._name, ZIP64_VERSION, LENGTHS_FOLLOW, self._crc, self._packed, self._size, self._offset))

    def close(self) -> None:
        """Write the directory; does not close the sink."""
        start, count = self._at, len(self._parts)
        for part in self._parts:
            self._put(part.record())
        size, end = self._at - start, self._at
        if end >= NARROW:
            self._put(END64.pack(b"PK\x06\x06", END64.size - 12, ZIP64_VERSION, ZIP64_VERSION, 0, 0, count, count, size, start))
            self._put(END64_LOCATOR.pack(b"PK\x06\x07", 0, end, 1))
        self._put(END.pack(b"PK\x05\x06", 0, 0, count, count, size, min(start, NARROW), 0))

    def _put(self, data: bytes) -> None:
        self._out.write(data)
        self._at += len(data)

    def _put_packed(self, data: bytes) -> None:
        self._packed += len(data)
        self._put(data)


def _local(part: _Part) -> bytes:
    head = LOCAL.pack(
        b"PK\x03\x04", part.version, part.flags, DEFLATED, NO_TIME, FIRST_DAY,
        part.crc, part.packed, part.size, len(part.name), 0,
    )  # fmt: skip
    return head + part.name
