"""Rows of a table as SpreadsheetML, many at once: each column is looked at, escaped and encoded as one text.

What a column's cells have in common stands once; a column that holds something out of the ordinary is written cell by cell, by
`cells`, which says what a cell is. Both write the same: `tests/exports/workbook/test_block.py` compares them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from operator import attrgetter
from typing import Final, NamedTuple, TypeAlias

from common.long_values import LONGEST_TEXT, Words, shortened
from exports.workbook.cells import (
    DATE,
    DIGITS,
    FIRST_DATE,
    LIVE,
    QUOTED,
    TEXT,
    WHOLE_LIMIT,
    Cell,
    column_letters,
    escaped,
    is_plain,
    is_too_long,
    serial,
    value_cell,
)
from exports.workbook.packed import Packed, pack

_MARKS: Final = "|~^`\\"
"""What may stand between the texts of a column while they are one: the first that is in none of them."""
_ABSENT: Final = frozenset({type(None)})
_LIVE: Final = "".join(sorted(LIVE))


class LongText(NamedTuple):
    """A text longer than its cell, with the cell's place."""

    row: int
    column: str
    text: str


_Values: TypeAlias = list[bytes]


class _Alike(NamedTuple):
    """Cells that differ in nothing but a value: what stands between a cell's place and the value, and what follows the value."""

    opening: bytes
    values: _Values
    closing: bytes


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring rows, ready to be appended to a sheet, and the texts among them that are longer than their cells."""

    rows: int
    packed: Packed
    long: Sequence[LongText]


def make_block(first: int, columns: Sequence[Sequence[Cell]], words: Words | None = None) -> Block:
    """The rows from the `first` on, counted from 1; the columns, one at least, have a cell for each of them.

    With `words` a text longer than a cell ends with their mark in it. Raises CellTooLong without, and CellUnfit.
    """
    rows = _Rows(first, len(columns[0]), words)
    xml = rows.xml(columns)
    return Block(len(columns[0]), pack(xml), rows.long)


class _Rows:
    def __init__(self, first: int, count: int, words: Words | None) -> None:
        self._words = words
        self._places = range(first, first + count)
        self._numbers = [b"%d" % number for number in self._places]
        self.long: list[LongText] = []

    def xml(self, columns: Sequence[Sequence[Cell]]) -> bytes:
        """The rows; afterwards `long` has its texts in the order of their places."""
        pieces: list[bytes | _Values] = [b'<row r="', self._numbers, b'">']
        for index, cells in enumerate(columns):
            pieces += self._column(column_letters(index), cells)
        self.long.sort(key=attrgetter("row"))  # it is stable: within a row by column
        return _interwoven([*pieces, b"</row>"], len(self._numbers))

    def _column(self, letters: str, cells: Sequence[Cell]) -> list[bytes | _Values]:
        kinds = set(map(type, cells))
        if kinds == _ABSENT:
            return []
        alike = _alike(kinds, cells)
        if alike is None and kinds > _ABSENT:
            return [self._sparse(letters, kinds - _ABSENT, cells)]
        if alike is None:
            return [self._each(letters, cells)]
        opening = b'<c r="' + letters.encode()
        return [opening, self._numbers, alike.opening, alike.values, alike.closing]

    def _sparse(self, letters: str, kinds: set[type], cells: Sequence[Cell]) -> _Values:
        """A column in which some cells are absent."""
        alike = _alike(kinds, [cell for cell in cells if cell is not None])
        if alike is None:
            return self._each(letters, cells)
        cell = b'<c r="%b%%b%b%%b%b' % (letters.encode(), alike.opening, alike.closing)
        values = iter(alike.values)
        return [b"" if each is None else cell % (number, next(values)) for number, each in zip(self._numbers, cells, strict=True)]

    def _each(self, letters: str, cells: Sequence[Cell]) -> _Values:
        return [self._cell(row, letters, cell) for row, cell in zip(self._places, cells, strict=True)]

    def _cell(self, row: int, letters: str, cell: Cell) -> bytes:
        if cell is None:
            return b""
        if self._words is not None and type(cell) is str and is_too_long(cell):
            self.long.append(LongText(row, letters, cell))
            cell = shortened(cell, self._words)
        return value_cell(f"{letters}{row}", cell).encode()


def _interwoven(pieces: Sequence[bytes | _Values], count: int) -> bytes:
    """One row after the other: of each list the row's own value, and what is the same in all of them."""
    merged: list[bytes | _Values] = []
    for piece in pieces:
        if isinstance(piece, bytes) and merged and isinstance(merged[-1], bytes):
            merged[-1] += piece
        else:
            merged.append(piece)
    stride = len(merged)
    parts = [b""] * (stride * count)
    for index, piece in enumerate(merged):
        parts[index::stride] = piece if isinstance(piece, list) else [piece] * count
    return b"".join(parts)


def _alike(kinds: set[type], cells: Sequence[Cell]) -> _Alike | None:
    """The cells, if they are of one kind and nothing about them is out of the ordinary."""
    if kinds == {str}:
        return _texts(cells)  # type: ignore[arg-type]
    if kinds == {int}:
        return _wholes(cells)  # type: ignore[arg-type]
    if kinds == {float}:
        return _floats(cells)  # type: ignore[arg-type]
    if kinds == {bool}:
        return _Alike(b'" t="b"><v>', [b"1" if cell else b"0" for cell in cells], b"</v></c>")
    if kinds == {datetime}:
        return _dates(cells)  # type: ignore[arg-type]
    return None


def _texts(texts: Sequence[str]) -> _Alike | None:
    joined, mark = _joined(texts)
    if len(joined) > LONGEST_TEXT // 2 and any(len(text) > LONGEST_TEXT // 2 for text in texts):
        return None
    live = sum(joined.count(mark + sign) for sign in _LIVE if sign in joined) if mark else 0
    if not mark:
        return None
    plain = is_plain(joined)
    space = b"" if plain and f"{mark} " not in joined and f" {mark}" not in joined else b' xml:space="preserve"'
    values = (joined if plain else escaped(joined)).encode().split(mark.encode())[1:-1]
    opening, closing = b'%d" t="inlineStr"><is><t' + space + b">", b"</t></is></c>"
    if live in {0, len(texts)}:
        return _Alike(b'" s="' + opening % (QUOTED if live else TEXT), values, closing)
    styled = opening % TEXT, opening % QUOTED
    return _Alike(b'" s="', [styled[text[:1] in LIVE] + value for text, value in zip(texts, values, strict=True)], closing)


def _joined(texts: Sequence[str]) -> tuple[str, str]:
    """The texts between marks, and the mark; none where each of them is in a text."""
    for mark in _MARKS:
        joined = mark.join(chain(("",), texts, ("",)))
        if joined.count(mark) == len(texts) + 1:
            return joined, mark
    return "", ""


def _wholes(numbers: Sequence[int]) -> _Alike | None:
    if not -WHOLE_LIMIT < min(numbers) <= max(numbers) < WHOLE_LIMIT:
        return None
    return _Alike(b'"><v>', [b"%d" % number for number in numbers], b"</v></c>")


def _floats(numbers: Sequence[float]) -> _Alike | None:
    written = list(map(repr, numbers))
    joined = " ".join(written)
    # An exponent, an infinity, what is no number; or more digits than Excel keeps.
    if "e" in joined or "n" in joined or max(map(len, written)) > DIGITS + 1:
        return None
    return _Alike(b'"><v>', joined.encode().split(b" "), b"</v></c>")


def _dates(moments: Sequence[datetime]) -> _Alike | None:
    if set(map(attrgetter("tzinfo"), moments)) != {None} or min(moments) < FIRST_DATE:
        return None
    return _Alike(b'" s="%d"><v>' % DATE, [b"%r" % serial(moment) for moment in moments], b"</v></c>")
