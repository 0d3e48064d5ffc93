"""Reads compound files (MS-CFB version 3) that may be damaged, so that a finished export is checked before it is given out."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

from exports.workbook.compound import (
    ENDOFCHAIN,
    ENTRY,
    FREESECT,
    HEADER,
    HEADER_FAT_SECTORS,
    IDS_PER_SECTOR,
    MINI_CUTOFF,
    MINI_SECTOR,
    NOSTREAM,
    ROOT_KIND,
    SECTOR,
    SIGNATURE,
    STREAM_KIND,
    sectors,
)

MOST_ENTRIES: Final = 4096
"""Directory entries beyond which a file is taken for a damaged one; an encrypted workbook has 11."""


class Damaged(Exception):
    """The bytes are no whole compound file."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream as pieces of the file: `places` are offsets in the stream, `offsets` where in the file each piece begins."""

    file: BinaryIO
    size: int
    places: "array[int]"
    offsets: "array[int]"

    def read(self, at: int, count: int) -> bytes:
        """Up to `count` bytes from offset `at`; fewer only at the end. Raises `Damaged` where the file is cut short."""
        parts: list[bytes] = []
        end = min(self.size, at + count)
        piece = bisect_right(self.places, at) - 1
        while at < end:
            piece_end = self.places[piece + 1] if piece + 1 < len(self.places) else self.size
            wanted = min(end, piece_end) - at
            self.file.seek(self.offsets[piece] + at - self.places[piece])
            data = self.file.read(wanted)
            if len(data) != wanted:
                raise Damaged("The file is cut short.")
            parts.append(data)
            at += wanted
            piece += 1
        return b"".join(parts)


def read_streams(file: BinaryIO) -> Mapping[str, Stream]:
    """The file's streams by path (names joined by `/`). Raises `Damaged`.

    Memory: 4 bytes per 512 of the file for its sector table, 2 MB for a file of 256 MB.
    """
    file.seek(0)
    head = file.read(HEADER.size)
    if len(head) != HEADER.size:
        raise Damaged("The file is shorter than a header.")
    (
        signature, _, version, order, shift, mini_shift, _, fats, directory_start, _, cutoff,
        mini_table_start, mini_tables, difat_start, difats, *named,
    ) = HEADER.unpack(head)  # fmt: skip
    if (signature, version, order, shift, mini_shift, cutoff) != (SIGNATURE, 3, 0xFFFE, 9, 6, MINI_CUTOFF):
        raise Damaged("The header is not that of a compound file of version 3.")
    table = _read_table(file, fats, named, difat_start, difats)
    entries = list(_read_directory(file, table, directory_start))
    if not entries or entries[0].kind != ROOT_KIND:
        raise Damaged("The directory has no root.")
    mini_table = array("I")
    for sector in _follow(table, mini_table_start, mini_tables):
        mini_table.frombytes(_sector(file, sector))
    mini = _stream(file, table, entries[0].start, entries[0].size)
    found: dict[str, Stream] = {}
    for path, entry in _walk(entries):
        if entry.kind == STREAM_KIND and entry.size >= MINI_CUTOFF:
            found[path] = _stream(file, table, entry.start, entry.size)
        elif entry.kind == STREAM_KIND:
            found[path] = _mini_stream(mini, mini_table, entry.start, entry.size)
    return found


@dataclass(frozen=True, slots=True)
class _Found:
    name: str
    kind: int
    left: int
    right: int
    child: int
    start: int
    size: int


def _sector(file: BinaryIO, sector: int) -> bytes:
    file.seek(SECTOR * (sector + 1))
    data = file.read(SECTOR)
    if len(data) != SECTOR:
        raise Damaged("A sector lies beyond the end of the file.")
    return data


def _read_table(file: BinaryIO, fats: int, named: list[int], difat: int, difats: int) -> "array[int]":
    """The FAT: for each sector the one that follows it."""
    names = array("I", named)
    if difats > sectors(fats, IDS_PER_SECTOR - 1):
        raise Damaged("The header counts more table sectors than there can be.")
    for _ in range(difats):
        part = array("I")
        part.frombytes(_sector(file, difat))
        difat = part.pop()
        names.extend(part)
    if difat != ENDOFCHAIN or fats > len(names) or len(names) < HEADER_FAT_SECTORS:
        raise Damaged("The header's list of table sectors does not end where it should.")
    table = array("I")
    for sector in names[:fats]:
        table.frombytes(_sector(file, sector))
    if any(each != FREESECT for each in names[fats:]):
        raise Damaged("The header names more table sectors than it counts.")
    return table


def _follow(table: "array[int]", sector: int, count: int) -> Iterator[int]:
    """The chain of exactly `count` sectors that begins with `sector`."""
    for _ in range(count):
        if sector >= len(table):
            raise Damaged("A chain of sectors leads nowhere.")
        yield sector
        sector = table[sector]
    if count and sector != ENDOFCHAIN:
        raise Damaged("A chain of sectors is longer than its stream.")


def _pieces(file: BinaryIO, size: int, unit: int, starts: Iterable[int]) -> Stream:
    """A stream of the units that begin at `starts`, neighbours joined to one piece."""
    places, offsets = array("Q"), array("Q")
    expected = -1
    for index, start in enumerate(starts):
        if start != expected:
            places.append(index * unit)
            offsets.append(start)
        expected = start + unit
    return Stream(file, size, places, offsets)


def _stream(file: BinaryIO, table: "array[int]", start: int, size: int) -> Stream:
    chain = _follow(table, start, sectors(size))
    return _pieces(file, size, SECTOR, (SECTOR * (sector + 1) for sector in chain))


def _mini_stream(mini: Stream, mini_table: "array[int]", start: int, size: int) -> Stream:
    def starts() -> Iterator[int]:
        for unit in _follow(mini_table, start, sectors(size, MINI_SECTOR)):
            at = unit * MINI_SECTOR
            if at >= mini.size:
                raise Damaged("A small stream lies outside of where small streams are kept.")
            piece = bisect_right(mini.places, at) - 1
            yield mini.offsets[piece] + at - mini.places[piece]

    return _pieces(mini.file, size, MINI_SECTOR, starts())


def _read_directory(file: BinaryIO, table: "array[int]", sector: int) -> Iterator[_Found]:
    for _ in range(MOST_ENTRIES * ENTRY.size // SECTOR):
        if sector == ENDOFCHAIN:
            return
        if sector >= len(table):
            raise Damaged("The directory leads nowhere.")
        for name, length, kind, _, left, right, child, _, start, size in ENTRY.iter_unpack(_sector(file, sector)):
            text = name[: max(0, length - 2)].decode("utf-16-le", errors="replace")
            # Version 3 has 32-bit sizes; the upper half may hold rubbish (MS-CFB 2.6.3).
            yield _Found(text, kind, left, right, child, start, size & 0xFFFFFFFF)
        sector = table[sector]
    raise Damaged("The directory is longer than it can be.")


def _walk(entries: list[_Found]) -> Iterator[tuple[str, _Found]]:
    """All entries below the root with their paths."""
    pending = [("", entries[0].child)]
    seen: set[int] = set()
    while pending:
        prefix, index = pending.pop()
        if index == NOSTREAM:
            continue
        if index >= len(entries) or index in seen:
            raise Damaged("The directory is no tree.")
        seen.add(index)
        entry = entries[index]
        yield prefix + entry.name, entry
        pending += [(prefix, entry.left), (prefix, entry.right), (f"{prefix}{entry.name}/", entry.child)]
