"""Merged cells of a sheet: which cells of a row are covered by one that stands above or left of them."""

import codecs
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import IO

from contacts.imports.tables.areas import Area, Areas
from contacts.imports.tables.package import Over, Package, scan
from contacts.imports.tables.table import MOST_COLUMNS, Cell, UnreadableFile, column_number

MOST_MERGES = 200_000
_MOST_OPEN = 4 * MOST_COLUMNS
"""Cells that do not overlap begin once in a column at most; each is two areas, and those of the row before may still be known."""
_REFERENCE = re.compile(r"\$?([A-Za-z]{1,3})\$?(\d{1,7}):\$?([A-Za-z]{1,3})\$?(\d{1,7})", re.ASCII)
# Where an element begins: no text holds a bare `<`. (A comment or a CDATA section may; no program writes this one into them.)
_NAME = b"mergeCells"
_BEGINNING = re.compile(rb"<(?:[^\s<>/!?'\"=&]{1,100}:)?mergeCells(?=[\s/>])")
_KEPT = 128
_PIECE = 1024 * 1024


class Merges:
    """The merged cells, asked for by rows that rise."""

    def __init__(self, areas: Iterable[Area] = ()) -> None:
        self._coming = sorted(areas, key=lambda area: area.top, reverse=True)
        self._covering = Areas(most=_MOST_OPEN, too_much=_too_wide)

    def covered(self, row: int, cells: Sequence[Cell]) -> Sequence[int]:
        """The columns of this row that a merged cell with a value covers, but for its first. Raises UnreadableFile."""
        while self._coming and self._coming[-1].top <= row:
            area = self._coming.pop()
            # The first cell of one that began in a row without cells is blank: it stands for nothing.
            if area.top == row and area.left < len(cells) and cells[area.left] is not None:
                self._covering.add(Area(row, row, area.left + 1, area.right))
                self._covering.add(Area(row + 1, area.bottom, area.left, area.right))
        return self._covering.columns(row)


def read_merges(package: Package, name: str, within: int | None = None) -> Merges:
    """What the sheet of this name merges, as far as its first `within` bytes tell. Raises UnreadableFile, ExpatError.

    It stands behind the rows, which are not looked at: they are many.
    """
    part = package.open(name)
    if part is None:
        return Merges()
    areas: list[Area] = []

    def start(element: str, attributes: dict[str, str]) -> None:
        if element == "mergeCell":
            areas.extend(_areas(attributes.get("ref", "")))
            if len(areas) > MOST_MERGES:
                raise _too_many()

    def end(element: str) -> None:
        if element == "mergeCells":
            raise Over

    with part:
        pieces = _pieces(part, within)
        try:
            found = _beginning(pieces)
            if found:
                for _ in scan(_Rest(found, pieces), start, end):
                    pass
        except _Far:
            return Merges()
    return Merges(areas)


class _Far(Exception):
    """What is merged stands farther in the part than it is to be looked for."""


class _Rest:
    """What is left of a part of which some was read."""

    def __init__(self, first: bytes, pieces: Iterator[bytes]) -> None:
        self._first = first
        self._pieces = pieces

    def read(self, _: int, /) -> bytes:
        """The next piece."""
        first, self._first = self._first, b""
        return first or next(self._pieces, b"")


def _pieces(part: IO[bytes], within: int | None) -> Iterator[bytes]:
    """The part in a writing in which names are those of ASCII. Raises _Far behind so many bytes."""
    piece = part.read(_PIECE)
    decoder = _decoder(piece)
    read = 0
    while piece:
        read += len(piece)
        if within is not None and read > within:
            raise _Far
        text = piece if decoder is None else decoder.decode(piece).encode()
        if text:
            yield text
        piece = part.read(_PIECE)


def _decoder(beginning: bytes) -> codecs.IncrementalDecoder | None:
    """What turns a part of two bytes a character into text, which XML tells by its first ones; None for others."""
    for marks, codec in (((b"\xff\xfe", b"<\0"), "utf-16-le"), ((b"\xfe\xff", b"\0<"), "utf-16-be")):
        if beginning.startswith(marks):
            return codecs.getincrementaldecoder(codec)("replace")
    return None


def _beginning(pieces: Iterator[bytes]) -> bytes:
    """What was read from where merged cells begin on, or nothing."""
    kept = b""
    for piece in pieces:
        kept += piece
        # Few sheets have any: the name is found far faster than the element.
        match = _BEGINNING.search(kept) if _NAME in kept else None
        if match is not None:
            return kept[match.start() :]
        kept = kept[-_KEPT:]
    return b""


def _areas(reference: str) -> Iterator[Area]:
    match = _REFERENCE.fullmatch(reference)
    if match is not None:
        left, right = sorted((column_number(match[1]) or 0, column_number(match[3]) or 0))
        top, bottom = sorted((int(match[2]), int(match[4])))
        if left < MOST_COLUMNS:
            yield Area(top, bottom, left, min(right, MOST_COLUMNS - 1))


def _too_many() -> UnreadableFile:
    return UnreadableFile(
        f"The sheet has more merged cells than can be looked at ({MOST_MERGES:,}). Unmerge them, fill each, and send it again.",
        code="tooManyMergedCells",
        extra={"most": MOST_MERGES},
    )


def _too_wide() -> UnreadableFile:
    return UnreadableFile(
        "The merged cells of the sheet cover too much of it to be looked at. Unmerge them, fill each, and send it again.",
        code="mergedTooWide",
    )
