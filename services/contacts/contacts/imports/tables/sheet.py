"""Tables in workbooks: the first visible sheet's lines, formulas by the values they last had, in bounded memory."""

import math
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.stylesheet import apply_stylesheet
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.workbook import Workbook
from openpyxl.worksheet._reader import WorkSheetParser
from openpyxl.xml.constants import SHARED_STRINGS

from contacts.imports.tables.package import Package, SharedStrings
from contacts.imports.tables.table import (
    BROKEN,
    MOST_COLUMNS,
    MOST_ROWS,
    Cell,
    Line,
    UnreadableFile,
    stripped,
    too_many_columns,
    too_many_rows,
)

_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_MOST_INTEGER = 2**63
# What a workbook that is none, or a damaged one, makes the reader raise: its parts are whatever the sender wrote.
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, ParseError, DefusedXmlException, InvalidFileException, struct.error, LookupError, OSError,
    ValueError, TypeError, AttributeError, EOFError, OverflowError, RuntimeError, AssertionError,
)  # fmt: skip


def lines(file: Path, spool: Path) -> Iterator[Line]:
    """The lines of the first visible sheet that have cells; `spool` is a file used meanwhile.

    Raises UnreadableFile.
    """
    with _damage_told():
        package = Package(file)
    with package, _damage_told():
        reader = _Reader(package)
        part = reader.open()
        strings = reader.strings(spool)
        try:
            yield from _lines(reader, part, strings)
        finally:
            if strings is not None:
                strings.close()


def hush() -> None:
    """For a process that reads workbooks: the library's warnings quote cells, and nobody reads them."""
    warnings.filterwarnings("ignore", module="openpyxl")


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


class _Reader(ExcelReader):
    """Reads what the cells need of a workbook: its sheets, its formats, its epoch."""

    def __init__(self, package: Package) -> None:
        # The parent's own constructor would open the file by itself, without a bound.
        self.archive = self.parts = package
        self.valid_files = package.namelist()
        self.read_only, self.keep_vba, self.data_only, self.keep_links, self.rich_text = True, False, True, False, False
        self.wb: Workbook

    def open(self) -> str:
        """Read the workbook but for its cells; answers the part that holds the first visible sheet."""
        self.read_manifest()
        self.read_workbook()
        apply_stylesheet(self.archive, self.wb)
        for sheet, relation in self.parser.find_sheets():
            if sheet.state == "visible" and relation.Type.endswith("/worksheet") and relation.target in self.valid_files:
                part: str = relation.target
                return part
        raise UnreadableFile("The workbook has no sheet that is shown. Show the one with the customers and save it again.")

    def strings(self, spool: Path) -> SharedStrings | None:
        """The table of texts, if there is one."""
        package: Any = self.package
        part = package.find(SHARED_STRINGS)
        return None if part is None else SharedStrings(self.parts.stream(part.PartName[1:], "sst", "si"), spool)


class _Parser(WorkSheetParser):
    """The library's parser, without its memory of every row's height."""

    def parse_row(self, row: Any) -> tuple[int, list[dict[str, Any]]]:
        """A row's number and cells."""
        number = row.get("r")
        self.row_counter = int(float(number)) if number else self.row_counter + 1
        self.col_counter = 0
        return self.row_counter, [self.parse_cell(cell) for cell in row]


def _lines(reader: _Reader, part: str, strings: SharedStrings | None) -> Iterator[Line]:
    book: Any = reader.wb
    with reader.parts.stream(part, "sheetData", "row") as source:
        parser = _Parser(
            source, strings if strings is not None else [], data_only=True, epoch=book.epoch, date_formats=book._date_formats,
            timedelta_formats=book._timedelta_formats,
        )  # fmt: skip
        try:
            for count, (number, cells) in enumerate(parser.parse()):
                if count > MOST_ROWS:
                    raise too_many_rows()
                yield Line(number, _cells(cells))
        except ParseError:
            # Past the last row the part is not read, which the library takes for a part that is cut off.
            if not source.whole:
                raise


def _cells(cells: list[dict[str, Any]]) -> list[Cell]:
    line: list[Cell] = []
    for cell in cells:
        value = None if cell["value"] is None else _value(cell["value"], cell["data_type"])
        at = cell["column"] - 1
        if value is None:
            continue
        if at >= MOST_COLUMNS:
            raise too_many_columns()
        line += [None] * (at + 1 - len(line))
        line[at] = value
    return line


def _value(value: Any, kind: str) -> Cell:
    match value:
        case _ if kind == "e":
            return BROKEN
        case bool():
            return value
        case str():
            return _text(value)
        case int():
            return value if abs(value) < _MOST_INTEGER else str(value)
        case float() if not math.isfinite(value):
            return BROKEN
        case float():
            return int(value) if value.is_integer() and abs(value) < _MOST_INTEGER else value
        case datetime():
            return value.replace(tzinfo=None)
        case date():
            return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - by the writer's own clock
        case time() | timedelta():
            return str(value)
        case _:
            return BROKEN


def _text(value: str) -> Cell:
    """A text with its escapes resolved: UTF-16 units, of which two may stand for one character, and one for none at all."""
    text = _ESCAPED.sub(lambda escape: chr(int(escape[1], 16)), value)
    try:
        return stripped(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le") if text != value else value)
    except UnicodeDecodeError:
        return BROKEN
