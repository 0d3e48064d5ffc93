"""Tables in workbooks: the first visible sheet's lines, formulas by the values they last had, in bounded memory.

Read from the few parts that cells need, for the number formats, the formulas that were never calculated and the odd workbooks of
other programs are what readers made for other ends leave out or stumble over.
"""

import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Protocol
from xml.parsers.expat import ExpatError

from contacts.imports.tables.areas import Area, Areas
from contacts.imports.tables.cell import number_cell
from contacts.imports.tables.long_values import LongValues
from contacts.imports.tables.merges import Merges, read_merges
from contacts.imports.tables.number_format import GENERAL, Format
from contacts.imports.tables.package import PIECE, Over, Package, Readable, too_large
from contacts.imports.tables.plain_rows import PlainCell, PlainRows
from contacts.imports.tables.strings import SharedStrings, TextItem, unescaped
from contacts.imports.tables.table import (
    BROKEN,
    MERGED,
    MOST_COLUMNS,
    MOST_ROWS,
    UNCALCULATED,
    Cell,
    Line,
    UnreadableFile,
    column_number,
    stripped,
    too_many_columns,
    too_many_rows,
    unguarded,
)
from contacts.imports.tables.workbook import Workbook, read_workbook

_REFERENCE = re.compile(r"\$?([A-Za-z]{1,3})\$?(\d{1,7})", re.ASCII)
_MOST_DIGITS = 7
_MOST_CELLS = 20_000
_MOST_VALUE = 1024 * 1024
MOST_ROW = 1_048_576
"""The last row of a sheet (ECMA-376 part 1, 18.3.1.73, and every program's limit)."""
# What another kind of file, or a damaged workbook, makes the reader raise: its parts are whatever the sender wrote.
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, ExpatError, struct.error, LookupError, OSError, ValueError, EOFError,
    ArithmeticError, RuntimeError,
)  # fmt: skip


class Texts(Protocol):
    """A workbook's texts by their numbers."""

    def __getitem__(self, index: int, /) -> str:
        """The text of this number. Raises IndexError."""
        ...


def _row_number(said: str | None, last: int) -> int:
    """The number of a row: what the file says, or the next. Raises ValueError where it does not come after the last."""
    if said is None:
        return last + 1
    number = int(said) if said.isascii() and said.isdigit() and len(said) <= len(str(MOST_ROW)) else 0
    if not last < number <= MOST_ROW:
        raise ValueError("a row out of its order")
    return number


def lines(file: Path, spool: Path, *, merges_within: int | None = None) -> Iterator[Line]:
    """The lines of the first visible sheet that have cells, with texts that go on on another sheet as a whole.

    `spool` is a file used meanwhile. What is merged stands behind the rows: it is looked for in so many bytes of the sheet, or in
    all of it. Raises UnreadableFile.
    """
    with _damage_told():
        package = Package(file)
    with package, _damage_told():
        book = read_workbook(package)
        part = package.open(book.strings)
        strings = None if part is None else SharedStrings(part, spool)
        try:
            texts: Texts = strings if strings is not None else []
            long_values = LongValues(_pieces(package, book, texts), book.words)
            for line in _lines(package, book, texts, merges_within):
                yield long_values.filled(line)
        finally:
            if strings is not None:
                strings.close()


@contextmanager
def _damage_told() -> Iterator[None]:
    try:
        yield
    except UnreadableFile:
        raise
    except _DAMAGED:
        raise UnreadableFile(
            "This is no workbook that can be read. Open it in a spreadsheet program, save it as .xlsx, and send that.",
            code="unreadableWorkbook",
        ) from None


def _lines(package: Package, book: Workbook, strings: Texts, merges_within: int | None) -> Iterator[Line]:
    part = package.open(book.sheet)
    if part is None:
        raise KeyError(book.sheet)
    sheet = _Sheet(book, strings, merges=read_merges(package, book.sheet, merges_within))
    with part:
        for count, line in enumerate(_all(part, sheet), 1):
            if count > MOST_ROWS + 1:
                raise too_many_rows()
            yield line


def _pieces(package: Package, book: Workbook, strings: Texts) -> Iterator[Sequence[Cell]]:
    """The rows of the sheets for long texts, below the headings that an export writes, with their texts unchanged."""
    for name in book.long_values:
        part = package.open(name)
        if part is None or book.words is None:
            return
        with part:
            rows = (line.cells for line in _all(part, _Sheet(book, strings, _unchanged)))
            if tuple(next(rows, ())) != book.words.headings:
                return
            yield from rows


def _all(part: Readable, sheet: "_Sheet") -> Iterator[Line]:
    rows = PlainRows(sheet)
    try:
        while data := part.read(PIECE):
            rows.feed(data)
            yield from sheet.lines
            sheet.lines.clear()
        rows.finish()
    except Over:
        pass
    yield from sheet.lines
    if not sheet.whole:
        raise ValueError("no end of the rows")


class _Sheet:
    """Makes lines of a sheet's elements; whole ones wait in `lines`."""

    def __init__(
        self, book: Workbook, strings: Texts, taken: Callable[[str], Cell] | None = None, merges: Merges | None = None
    ) -> None:
        self._taken = _text if taken is None else taken
        self._merges = Merges() if merges is None else merges
        self.lines: list[Line] = []
        self.whole = False
        self._book = book
        self._strings = strings
        self._row = 0
        self._cells: list[Cell] = []
        self._seen = 0
        self._column = -1
        self._kind = "n"
        self._without_style = book.formats[0] if book.formats else GENERAL
        self._format = self._without_style
        self._formula: dict[str, str] | None = None
        self._value: list[str] = []
        self._length = 0
        self._taking = False
        self._inline: TextItem | None = None
        self._item = TextItem()
        self._uncalculated = Areas()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if name == "c":
            self._begin(attributes)
        elif name == "v":
            self._taking = True
        elif self._inline is not None:
            self._inline.start(name)
        elif name == "f":
            self._formula = attributes
        elif name == "is":
            self._inline = self._item
        elif name == "row":
            number = attributes.get("r")
            self._row = _row_number(number, self._row)
            self._cells, self._column, self._seen = [], -1, 0

    def text(self, data: str) -> None:
        """Characters."""
        if self._taking:
            self._value.append(data)
            self._length += len(data)
            if self._length > _MOST_VALUE:
                raise too_large()
        elif self._inline is not None:
            self._inline.text(data)

    def end(self, name: str) -> None:
        """An element ends."""
        if name == "c":
            self._put(self._cell())
        elif name == "v":
            self._taking = False
        elif name == "row":
            self._end_row()
        elif name == "sheetData":
            self.whole = True
            raise Over
        elif self._inline is not None and name != "is":
            self._inline.end(name)

    @property
    def is_between(self) -> bool:
        """Whether no value and no text is being read."""
        return self._inline is None and not self._taking

    def plain(self, number: str, cells: Sequence[PlainCell]) -> None:
        """A row whose cells have a value each, and nothing else."""
        self._row = _row_number(number, self._row)
        self._cells = []
        for letters, style, inline, text, kind, value in cells:
            self._column = _column_called(letters)
            if inline:
                cell = self._taken(text)
            elif kind == "s":
                cell = self._shared(value)
            else:
                cell = _value(value, kind, self._styled(style) if style else self._without_style, self._book.from_1904)
            self._put(cell)
        self._end_row()

    def _shared(self, value: str) -> Cell:
        return self._taken(self._strings[int(value)]) if value.strip() else None

    def _end_row(self) -> None:
        self._fill(self._row, self._cells)
        self.lines.append(Line(self._row, self._cells))

    def _begin(self, attributes: dict[str, str]) -> None:
        self._seen += 1
        if self._seen > _MOST_CELLS:
            raise too_large()
        reference = attributes.get("r")
        self._column = self._column + 1 if reference is None else _column(reference)
        self._kind = attributes.get("t", "n")
        style = attributes.get("s")
        self._format = self._without_style if style is None else self._styled(style)
        self._formula = None
        self._value, self._length = [], 0
        if self._inline is not None:  # a cell within a cell: what the outer one had begun is no part of this one
            self._item, self._inline = TextItem(), None

    def _styled(self, style: str) -> Format:
        formats = self._book.formats
        return formats[int(style)] if style.isdigit() and int(style) < len(formats) else GENERAL

    def _put(self, cell: Cell) -> None:
        if cell is None:
            return
        if not 0 <= self._column < MOST_COLUMNS:
            raise too_many_columns()
        if self._column == len(self._cells):
            self._cells.append(cell)
            return
        self._cells += [None] * (self._column + 1 - len(self._cells))
        self._cells[self._column] = cell

    def _cell(self) -> Cell:
        inline, self._inline = self._inline, None
        if inline is not None:
            text = inline.taken()
            if self._kind in ("inlineStr", "str", "n"):
                return self._taken(text)
        value = "".join(self._value)
        if self._formula is not None and self._is_uncalculated(value):
            self._remember(self._formula)
            return UNCALCULATED
        match self._kind:
            case "s":
                return self._shared(value)
            case "str" | "inlineStr":
                return self._taken(value)
            case _:
                return _value(value, self._kind, self._format, self._book.from_1904)

    def _is_uncalculated(self, value: str) -> bool:
        """Whether a formula has no value yet. Writers that cannot calculate leave it out, or a nought that is none.

        An empty text is a value, and says that it is one by its type.
        """
        if not value.strip():
            return self._kind != "str"
        return self._kind == "n" and (value == "0.0" or (value == "0" and self._book.uncalculated))

    def _remember(self, formula: dict[str, str]) -> None:
        """An array's or a table's formula stands in its first cell for all: the others have no value either."""
        first, _, last = formula.get("ref", "").partition(":")
        begin, end = _REFERENCE.fullmatch(first), _REFERENCE.fullmatch(last)
        if formula.get("t") in ("array", "dataTable") and begin and end:
            right = min(_column(last), MOST_COLUMNS - 1)
            self._uncalculated.add(Area(int(begin[2]), int(end[2]), _column(first), right))

    def _fill(self, number: int, cells: list[Cell]) -> None:
        columns = self._uncalculated.columns(number)
        if columns:
            cells += [None] * (columns[-1] + 1 - len(cells))
            for column in columns:
                cells[column] = UNCALCULATED if cells[column] is None else cells[column]
        if any(cell is not None for cell in cells):
            self._cover(number, cells)

    def _cover(self, number: int, cells: list[Cell]) -> None:
        """A row with nothing of its own stays blank: its cells are those of the row above, which is read."""
        for column in self._merges.covered(number, cells):
            cells += [None] * (column + 1 - len(cells))
            cells[column] = MERGED


def _column(reference: str) -> int:
    letters = reference.rstrip("0123456789")
    column = _called(letters) if 0 < len(reference) - len(letters) <= _MOST_DIGITS else None
    return _column_of(reference) if column is None else column


_called = lru_cache(maxsize=1024)(column_number)


def _column_called(letters: str) -> int:
    column = _called(letters)
    assert column is not None, "a column is called by up to three letters"
    return column


def _column_of(reference: str) -> int:
    """As it may be written too: `$A$1`. Raises ValueError."""
    match = _REFERENCE.fullmatch(reference)
    column = None if match is None else column_number(match[1])
    if column is None:
        raise ValueError("a cell's place")
    return column


def _value(value: str, kind: str, format_: Format, from_1904: bool) -> Cell:
    match kind:
        case "e":
            return BROKEN
        case _ if not value.strip():
            return None
        case "b":
            return value.strip() in ("1", "true")
        case "d":
            return _iso(value.strip())
        case _:
            return number_cell(value.strip(), format_, from_1904)


def _iso(value: str) -> Cell:
    """A day or a time of the strict form; with an offset it is a text that says so."""
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return _text(value)
    return at if at.tzinfo is None else value


def _text(value: str) -> Cell:
    try:
        text = stripped(unescaped(value) if "_x" in value else value)
        return stripped(unguarded(text)) if text is not None and text.startswith("=") else text
    except UnicodeDecodeError:
        return BROKEN


def _unchanged(value: str) -> Cell:
    try:
        return unescaped(value)
    except UnicodeDecodeError:
        return BROKEN
