"""Compound files (MS-CFB), because Excel keeps an encrypted workbook in one, written as a stream with bounded memory.

Version 3 with 512-byte sectors, as Excel writes it. One long stream (the encrypted package) lies first and unbroken; all
that depends on its length (small streams, directory, sector tables) follows it, and the header comes last of all, so a file
that was never finished is no compound file.
"""

import struct
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice, repeat
from typing import BinaryIO, Final, TypeAlias

SIGNATURE: Final = bytes.fromhex("d0cf11e0a1b11ae1")
SECTOR: Final = 512
MINI_SECTOR: Final = 64
MINI_CUTOFF: Final = 4096
"""Bytes under which a stream must be kept in the mini stream."""
LONGEST: Final = 2**31 - 16 * 2**20
"""Bytes: version 3 allows 2 GiB a stream; what stays free keeps all else, and every 32-bit reader's offsets, under 2 GiB."""

DIFSECT: Final = 0xFFFFFFFC
FATSECT: Final = 0xFFFFFFFD
ENDOFCHAIN: Final = 0xFFFFFFFE
FREESECT: Final = 0xFFFFFFFF
NOSTREAM: Final = 0xFFFFFFFF

STORAGE_KIND: Final = 1
STREAM_KIND: Final = 2
ROOT_KIND: Final = 5
RED: Final = 0
BLACK: Final = 1

HEADER: Final = struct.Struct("<8s16xHHHHH6xIIIIIIIII109I")
ENTRY: Final = struct.Struct("<64sHBBIII16xI16xIQ")
IDS_PER_SECTOR: Final = SECTOR // 4
HEADER_FAT_SECTORS: Final = 109
"""The header itself names so many table sectors, about 7 MB of data; further ones are named in DIFAT sectors."""
COPY_BYTES: Final = 1 << 17


class PackageTooLong(Exception):
    """The stream would pass the 2 GiB of a compound file, beyond which neither Excel nor LibreOffice opens one."""


class LongStream:
    """Stands in a tree for the stream that was written through `CompoundWriter.write`."""


LONG_STREAM: Final = LongStream()
Node: TypeAlias = "bytes | LongStream | Mapping[str, Node]"


@dataclass(slots=True)
class Entry:
    """A directory entry; `left`, `right` and `child` are places in the directory."""

    name: str
    kind: int
    node: "Node | None" = None
    color: int = BLACK
    left: int = NOSTREAM
    right: int = NOSTREAM
    child: int = NOSTREAM
    start: int = 0
    size: int = 0

    def packed(self) -> bytes:
        name = self.name.encode("utf-16-le") + b"\0\0"
        return ENTRY.pack(name, len(name), self.kind, self.color, self.left, self.right, self.child, 0, self.start, self.size)


FREE_ENTRY: Final = ENTRY.pack(b"", 0, 0, 0, NOSTREAM, NOSTREAM, NOSTREAM, 0, 0, 0)


def sectors(size: int, of: int = SECTOR) -> int:
    """How many sectors `size` bytes fill."""
    return -(-size // of)


def padded(data: bytes, to: int) -> bytes:
    return data + bytes(-len(data) % to)


def run(start: int, count: int) -> Iterable[int]:
    """The table's entries of `count` neighbouring sectors: each names the next, the last ends the chain."""
    return chain(range(start + 1, start + count), (ENDOFCHAIN,)) if count else ()


def directory(root: Mapping[str, Node]) -> list[Entry]:
    """The tree as directory entries, each storage's children a valid red-black tree (MS-CFB 2.6.4)."""
    entries = [Entry("Root Entry", ROOT_KIND)]
    pending = [(0, root)]
    while pending:
        parent, children = pending.pop(0)
        first = len(entries)
        # Names are ordered by length, then by their upper case.
        for name in sorted(children, key=lambda each: (len(each), each.upper())):
            node = children[name]
            if isinstance(node, Mapping):
                pending.append((len(entries), node))
                entries.append(Entry(name, STORAGE_KIND))
            else:
                entries.append(Entry(name, STREAM_KIND, node))
        top = _balance(entries, first, len(entries), len(children).bit_length())
        entries[parent].child = top
        if top != NOSTREAM:
            entries[top].color = BLACK
    return entries


def _balance(entries: list[Entry], low: int, high: int, levels: int) -> int:
    """Make entries[low:high] a search tree and give its root: as flat as can be, so only its last, broken level is red."""
    if low == high:
        return NOSTREAM
    middle = (low + high) // 2
    entry = entries[middle]
    entry.left = _balance(entries, low, middle, levels - 1)
    entry.right = _balance(entries, middle + 1, high, levels - 1)
    entry.color = RED if levels == 1 else BLACK
    return middle


@dataclass(slots=True)
class MiniStream:
    """The streams under 4096 bytes, in 64-byte sectors within one ordinary stream."""

    data: bytearray = field(default_factory=bytearray)
    table: "array[int]" = field(default_factory=lambda: array("I"))

    def add(self, content: bytes) -> int:
        """Take a stream in; its first mini sector."""
        start = len(self.table)
        self.table.extend(run(start, sectors(len(content), MINI_SECTOR)))
        self.data += padded(content, MINI_SECTOR)
        return start if content else ENDOFCHAIN


class CompoundWriter:
    """Writes a compound file into an empty, seekable, readable binary file.

    First `write` the long stream, then perhaps `patch` its beginning, then `finish` with the whole tree. A file whose
    `finish` was never reached has no header and opens nowhere.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.length = 0
        file.seek(0)
        file.write(bytes(SECTOR))

    def write(self, data: bytes | memoryview) -> None:
        """Append to the long stream. Raises `PackageTooLong`."""
        if self.length + len(data) > LONGEST:
            raise PackageTooLong("The file passes 2 GiB, the most an encrypted workbook can hold; take fewer columns or rows.")
        self._file.write(data)
        self.length += len(data)

    def patch(self, data: bytes) -> None:
        """Overwrite the long stream's first bytes."""
        self._file.seek(SECTOR)
        self._file.write(data)

    def written(self) -> Iterator[bytes]:
        """The long stream, read back from the file."""
        self._file.seek(SECTOR)
        left = self.length
        while left:
            data = self._file.read(min(COPY_BYTES, left))
            if not data:
                raise OSError("The file is shorter than what was written to it.")
            left -= len(data)
            yield data

    def finish(self, root: Mapping[str, Node]) -> None:
        """Write everything that follows the long stream, then the header. `root` holds `LONG_STREAM` once."""
        entries = directory(root)
        mini = MiniStream()
        long_sectors = sectors(self.length) if self.length >= MINI_CUTOFF else 0
        for entry in entries:
            match entry.node:
                case LongStream() if long_sectors:
                    entry.start, entry.size = 0, self.length
                case LongStream():
                    entry.start, entry.size = mini.add(b"".join(self.written())), self.length
                case bytes() as content:
                    if len(content) >= MINI_CUTOFF:
                        raise ValueError(f"The stream {entry.name!r} must be under {MINI_CUTOFF} bytes.")
                    entry.start, entry.size = mini.add(content), len(content)
                case _:
                    pass  # a storage, or the root, which is filled in below
        self._lay_out(entries, mini, long_sectors)

    def _lay_out(self, entries: list[Entry], mini: MiniStream, long_sectors: int) -> None:
        """Long stream | mini stream | its table | directory | DIFAT sectors | FAT sectors; then the header."""
        mini_start = long_sectors
        mini_table_start = mini_start + sectors(len(mini.data))
        directory_start = mini_table_start + sectors(4 * len(mini.table))
        difat_start = directory_start + sectors(ENTRY.size * len(entries))
        entries[0].start = mini_start if mini.data else ENDOFCHAIN
        entries[0].size = len(mini.data)

        fats, difats = _table_sizes(difat_start)
        fat_start = difat_start + difats
        fat_sectors = range(fat_start, fat_start + fats)
        self._file.seek(SECTOR + self.length if long_sectors else SECTOR)
        self._file.write(bytes(-self.length % SECTOR) if long_sectors else b"")
        self._file.write(padded(bytes(mini.data), SECTOR))
        self._write_ids(mini.table)
        packed = b"".join(entry.packed() for entry in entries)
        self._file.write(packed + FREE_ENTRY * (-len(entries) % (SECTOR // ENTRY.size)))
        self._write_ids(_difat(fat_sectors[HEADER_FAT_SECTORS:], difat_start, difats))
        self._write_ids(
            chain(
                run(0, long_sectors),
                run(mini_start, mini_table_start - mini_start),
                run(mini_table_start, directory_start - mini_table_start),
                run(directory_start, difat_start - directory_start),
                repeat(DIFSECT, difats),
                repeat(FATSECT, fats),
            )
        )
        self._file.truncate(self._file.tell())
        self._file.flush()
        named = [*fat_sectors[:HEADER_FAT_SECTORS], *[FREESECT] * (HEADER_FAT_SECTORS - fats)]
        header = HEADER.pack(
            SIGNATURE, 0x3E, 3, 0xFFFE, 9, 6, 0, fats, directory_start, 0, MINI_CUTOFF,
            mini_table_start if mini.table else ENDOFCHAIN, directory_start - mini_table_start,
            difat_start if difats else ENDOFCHAIN, difats, *named,
        )  # fmt: skip
        self._file.seek(0)
        self._file.write(header)
        self._file.flush()

    def _write_ids(self, ids: Iterable[int]) -> None:
        """Write sector ids from the file's position on, filling the last sector up with free ones."""
        iterator = iter(ids)
        while True:
            part = array("I", islice(iterator, COPY_BYTES))
            if not part:
                return
            part.extend([FREESECT] * (-len(part) % IDS_PER_SECTOR))
            self._file.write(part.tobytes())


def _table_sizes(others: int) -> tuple[int, int]:
    """How many FAT and DIFAT sectors describe `others` sectors and themselves."""
    fats = difats = 0
    while True:
        needed = sectors(others + fats + difats, IDS_PER_SECTOR)
        difats_needed = sectors(max(0, needed - HEADER_FAT_SECTORS), IDS_PER_SECTOR - 1)
        if (needed, difats_needed) == (fats, difats):
            return fats, difats
        fats, difats = needed, difats_needed


def _difat(fat_sectors: range, start: int, count: int) -> Iterator[int]:
    """The FAT sectors that the header has no room for; each DIFAT sector's last place names the next one."""
    per_sector = IDS_PER_SECTOR - 1
    for index in range(count):
        part = fat_sectors[index * per_sector : (index + 1) * per_sector]
        yield from part
        yield from [FREESECT] * (per_sector - len(part))
        yield start + index + 1 if index + 1 < count else ENDOFCHAIN
