"""A file that came, as a table: opened if it is locked, and its rows written down so that work can begin anywhere."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

import orjson

from common.events.contacts import FieldTypeName
from contacts.imports.mapping import Column, Headed
from contacts.imports.tables import sheet as import_sheet
from contacts.imports.tables import text as import_text
from contacts.imports.tables.foreign import HEAD, refuse_foreign
from contacts.imports.tables.table import HEAD_LINES, MOST_ROWS, Cell, Line, UnreadableFile, from_json, to_json, too_many_rows
from contacts.imports.tables.text import Layout
from contacts.imports.tables.unlock import COMPOUND, unlock
from contacts.imports.values import Inference

Format: TypeAlias = Literal["csv", "xlsx"]
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_HEAD_BYTES = 16 * 1024 * 1024
"""So much of a sheet is unpacked to see what is merged before a head is shown: what is merged stands behind all rows."""
_MOST_WRITTEN, _MOST_READ = 1024 * 1024 * 1024, 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Source:
    """A file that can be read as a table; `layout` where it is text."""

    file: Path
    layout: Layout | None = None

    @property
    def format(self) -> Format:
        """What kind of file it is."""
        return "xlsx" if self.layout is None else "csv"

    def lines(self, spool: Path, *, merges_within: int | None = None) -> Iterator[Line]:
        """All lines; `spool` is a file used meanwhile. Raises UnreadableFile.

        What a workbook merges is looked for in so many bytes of its sheet, or in all of it.
        """
        if self.layout is None:
            return import_sheet.lines(self.file, spool, merges_within=merges_within)
        return import_text.lines(self.file, self.layout)

    def head(self, spool: Path, most: int = HEAD_LINES) -> list[Line]:
        """The first lines that are not blank, at the cost of a head however long the table is. Raises UnreadableFile.

        Cells that are merged are told where the sheet is not so long that looking for them is work.
        """
        lines = self.lines(spool, merges_within=_HEAD_BYTES)
        try:
            return list(islice((line for line in islice(lines, 100) if not line.blank), most))
        finally:
            lines.close()  # type: ignore[attr-defined]  # both are generators, which hold files open


@dataclass(frozen=True, slots=True)
class Row:
    """A row below the headings: the cells of the columns that are read, and whether others stand right of all headings.

    Once it is written down, `place` is where it begins in that file.
    """

    number: int
    cells: tuple[Cell, ...]
    wide: bool
    place: int = 0


def source_of(file: Path, password: str | None, plain: Path, encoding: str | None = None) -> Source:
    """Look at a file; a locked workbook is opened into `plain`, and text is in the `encoding` if one is said.

    Raises Unprocessable.
    """
    with file.open("rb") as opened:
        head = opened.read(HEAD)
    if not head:
        raise UnreadableFile("The file is empty. Its first row must hold the headings.", code="emptyFile")
    if head.startswith(COMPOUND):
        unlock(file, password, plain)
        file.unlink()
        return Source(plain)
    if head.startswith(_ZIP):
        return Source(file)
    refuse_foreign(head)
    return Source(file, import_text.layout_of(file, encoding))


def rows(lines: Iterable[Line], headed: Headed) -> Iterator[Row]:
    """The rows below the headings that are not blank."""
    used = [column.index for column in headed.used]
    width = 1 + max(column.index for column in headed.columns)
    for line in lines:
        if line.number <= headed.number or line.blank:
            continue
        cells = tuple(line.cells[index] if index < len(line.cells) else None for index in used)
        yield Row(line.number, cells, any(cell is not None for cell in line.cells[width:]))


@dataclass(frozen=True, slots=True)
class Written:
    """What was written down: how many rows, and the types of fields nobody has defined, by key."""

    total: int
    types: Mapping[str, FieldTypeName]


def write_rows(source: Iterable[Row], columns: Iterable[Column], unknown: Iterable[str], zone: ZoneInfo, target: Path) -> Written:
    """Write the rows one JSON line each, and learn the types of the `unknown` keys. Raises UnreadableFile."""
    places = {key: n for n, column in enumerate(columns) for key in column.keys}
    inferences = {key: Inference(zone) for key in unknown}
    total = size = 0
    with target.open("wb") as file:
        for total, row in enumerate(source, 1):
            if total > MOST_ROWS:
                raise too_many_rows()
            for key, inference in inferences.items():
                inference.see(row.cells[places[key]])
            size += file.write(orjson.dumps([row.number, [to_json(cell) for cell in row.cells], row.wide]) + b"\n")
            if size > _MOST_WRITTEN:  # a workbook can say a long text once and mean it in every row
                detail = f"The rows hold more than {_MOST_WRITTEN // 1024**3} GiB of text. Send the file in parts."
                raise UnreadableFile(detail, code="tooMuchText", extra={"most": _MOST_WRITTEN})
    return Written(total, types_of(inferences))


def types_of(inferences: Mapping[str, Inference]) -> dict[str, FieldTypeName]:
    """What was learned, for the keys of which any cell said something."""
    return {key: kind for key, inference in inferences.items() if (kind := inference.type(key)) is not None}


def read_rows(file: Path, start: int, most: int) -> tuple[list[Row], int]:
    """Some rows from a place in the file on, fewer where they are long, and the place behind them; none at the end."""
    found: list[Row] = []
    place = start
    with file.open("rb") as opened:
        opened.seek(start)
        for line in islice(opened, most):
            found.append(_row(orjson.loads(line), place))
            place += len(line)
            if place - start > _MOST_READ:
                break
    return found, place


def _row(raw: Any, place: int) -> Row:
    number, cells, wide = raw
    return Row(number, tuple(map(from_json, cells)), wide, place)
