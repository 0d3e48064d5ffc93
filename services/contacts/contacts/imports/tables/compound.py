"""Looks at a compound file (MS-CFB) before the libraries that open it do: they believe every figure in it."""

import struct
from collections.abc import Sequence
from typing import Any, BinaryIO

import olefile

INFO, PACKAGE = "EncryptionInfo", "EncryptedPackage"
"""The streams of a locked workbook: how it is locked, and the workbook."""
_HEADER = 512
_SECTOR_SHIFT, _TABLE_SECTORS = (30, "<H"), (44, "<I")
_SHIFTS = (9, 12)
_MOST_INFO = 64 * 1024
_MOST_DIRECTORY = 256 * 1024
"""Bytes of the list of streams, 128 for each."""
_MOST_SHORT = 1024 * 1024
"""Bytes of all short streams together, which are read as one, and of their table."""


class Measureless(ValueError):
    """A compound file that says of itself what no program writes."""


class _Bounded(olefile.OleFileIO):  # type: ignore[misc]  # it has no types
    """Reads no list of streams that is too long."""

    fat: Sequence[int]
    sectorsize: int
    num_mini_fat_sectors: int
    root: Any

    def loaddirectory(self, sect: int) -> None:
        """Raises Measureless for a list that is too long, as one that leads into itself is."""
        sector = sect
        for _ in range(_MOST_DIRECTORY // self.sectorsize):
            if not sector < len(self.fat):
                super().loaddirectory(sect)
                return
            sector = self.fat[sector]
        raise Measureless


def streams_of(file: BinaryIO) -> list[str]:
    """The names of the streams at the top, in small letters. Raises Measureless, OSError and what damage makes the library raise.

    A file that has passed can be opened by the libraries, and its short streams and how it is locked be read.
    """
    _check_header(file)
    with _Bounded(file) as compound:
        short = max(compound.root.size, compound.num_mini_fat_sectors * compound.sectorsize)
        if compound.exists(INFO) and (compound.get_size(INFO) > _MOST_INFO or short > _MOST_SHORT):
            raise Measureless
        return [path[-1].lower() for path in compound.listdir() if len(path) == 1]


def _check_header(file: BinaryIO) -> None:
    """A sector of the table of sectors stands for as many sectors as it holds numbers of four bytes."""
    size = file.seek(0, 2)
    file.seek(0)
    header = file.read(_HEADER)
    file.seek(0)
    shift, tables = (struct.unpack_from(kind, header, place)[0] for place, kind in (_SECTOR_SHIFT, _TABLE_SECTORS))
    if shift not in _SHIFTS or (tables - 1) << shift - 2 << shift > size:
        raise Measureless
