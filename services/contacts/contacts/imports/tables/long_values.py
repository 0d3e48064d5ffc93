"""Texts of an exported workbook that are longer than a cell: put together from the sheet where they stand in pieces. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from common.long_values import MARKS, Words, is_full, shortened
from contacts.imports.tables.package import too_large
from contacts.imports.tables.strings import MOST_TEXT
from contacts.imports.tables.table import CUT, Cell, Line, column_number, stripped

Place = tuple[int, int]
"""A row, counted from 1, and a column, counted from 0."""
_NOWHERE, _BEHIND_ALL = (0, 0), (1 << 62, 0)


class LongValues:
    """The long texts of a file by their places, asked for in the order of rows and columns, as they stand on their sheets."""

    def __init__(self, pieces: Iterable[Sequence[Cell]], words: Words | None) -> None:
        self._texts = _texts(pieces)
        self._words = words
        self._place: Place = _NOWHERE
        self._text: str | None = None

    def filled(self, line: Line) -> Line:
        """The line with the whole of each text whose beginning stands in it; CUT where there is none that it begins."""
        if not any(type(cell) is str and cell.endswith(MARKS) for cell in line.cells):
            return line
        cells = [
            self._whole((line.number, column), cell) if isinstance(cell, str) and cell.endswith(MARKS) else cell
            for column, cell in enumerate(line.cells)
        ]
        return Line(line.number, cells)

    def _whole(self, place: Place, beginning: str) -> Cell:
        while self._place < place:
            self._place, self._text = next(self._texts, (_BEHIND_ALL, None))
        if self._place != place or self._text is None or self._words is None:
            return CUT
        # Whoever has sorted, moved or changed rows since has another text at this place than the one that begins so.
        begins = stripped(shortened(self._text, self._words)) == beginning
        return stripped(self._text) if begins else CUT


def _texts(pieces: Iterable[Sequence[Cell]]) -> Iterator[tuple[Place, str | None]]:
    """Each text with its place, as long as the places rise; None for one whose pieces are not all there, in their order."""
    last = _NOWHERE
    for place, found in groupby(pieces, _place):
        if place is None or place <= last:
            return
        last = place
        yield place, _joined(found)


def _place(cells: Sequence[Cell]) -> Place | None:
    match cells[:2]:
        case [int(row), str(letters)]:
            column = column_number(letters)
            return None if column is None else (row, column)
        case _:
            return None


def _joined(pieces: Iterator[Sequence[Cell]]) -> str | None:
    texts: list[str] = []
    length = 0
    for number, cells in enumerate(pieces, 1):
        match cells[2:4]:
            case [int(said), str() | None as text] if said == number:
                texts.append(text or "")
            case [int(said)] if said == number:
                texts.append("")
            case _:
                return None
        length += len(texts[-1])
        if length > MOST_TEXT:
            raise too_large()
    return None if is_full(texts[-1]) else "".join(texts)
