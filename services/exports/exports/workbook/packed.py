"""Pieces of a ZIP file's part, deflated each for itself, so that several processes may make them and one joins them.

Every piece ends in a full flush (RFC 1951; zlib's Z_FULL_FLUSH): at a whole byte, and nothing behind it refers to what is before.
"""

from dataclasses import dataclass
from typing import Final

from isal import isal_zlib

LEVEL: Final = 1
DEFLATED: Final = 8
LAST: Final = b"\x03\x00"
"""An empty block that is marked as the last one: it ends what the pieces began."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A piece: the deflated bytes, and of the plain ones their CRC-32 and their number."""

    data: bytes
    crc: int
    size: int


def pack(plain: bytes) -> Packed:
    """Deflate a piece."""
    deflate = isal_zlib.compressobj(LEVEL, DEFLATED, -isal_zlib.MAX_WBITS)
    data = deflate.compress(plain) + deflate.flush(isal_zlib.Z_FULL_FLUSH)
    return Packed(data, isal_zlib.crc32(plain), len(plain))


def joined_crc(crc: int, following: Packed) -> int:
    """The CRC-32 of all so far, whose own was `crc`, with a piece behind it."""
    return isal_zlib.crc32_combine(crc, following.crc, following.size)
