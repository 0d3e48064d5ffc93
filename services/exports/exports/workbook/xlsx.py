"""Writes one table as an .xlsx workbook, row by row with bounded memory, each cell exactly as it is and none able to run.

Cells are inline strings, numbers, booleans and dates; there is no formula. Parts: ECMA-376 (SpreadsheetML); limits: Excel's.
"""

import math
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Final, Self, TypeAlias

from exports.workbook.zip_stream import Sink, ZipStream

Cell: TypeAlias = str | int | float | bool | datetime | None

MOST_ROWS: Final = 1_048_576
"""Rows of a sheet, the heading's among them."""
MOST_COLUMNS: Final = 16_384
LONGEST_TEXT: Final = 32_767
"""UTF-16 units that a cell can hold."""
BATCH_CHARACTERS: Final = 1 << 19
"""How much of the sheet is gathered before it is compressed."""

EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - cells hold local time without a zone
FIRST_DATE: Final = datetime(1900, 3, 1)  # noqa: DTZ001
"""Excel counts a 29 February 1900 that never was; earlier dates cannot be told in cells that all programs read alike."""
DAY_MILLISECONDS: Final = 86_400_000

WHOLE_LIMIT: Final = 10**15
"""Whole numbers from here on have more digits than the 15 that Excel keeps, and are written as text."""
LARGEST: Final = 9.99999999999999e307
SMALLEST: Final = 2.2250738585072014e-308
"""Excel knows no larger number and takes a smaller one for zero; both are written as text."""

# Places in cellXfs of STYLES.
HEADING: Final = 1
TEXT: Final = 2
QUOTED: Final = 3
DATE: Final = 4

ILLEGAL: Final = r"\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff"
"""What XML 1.0 cannot hold, and the carriage return, which an XML reader would turn into a line feed."""
ESCAPE: Final = re.compile(rf"[{ILLEGAL}]|_(?=x[0-9A-Fa-f]{{4}}[_{ILLEGAL}])")
"""What is written as _xHHHH_ (ST_Xstring): the illegal, and an underscore that a reader would take for such an escape."""
LIVE: Final = frozenset("=+-@'＝＋－＠")
"""First characters, half and full width, that make Excel read a text as something else once a person edits the cell."""
EDGE: Final = LIVE | {" "}

XML: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"

CONTENT_TYPES: Final = (
    f'{XML}<Types xmlns="{PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{TYPE}.worksheet+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{TYPE}.styles+xml"/></Types>'
)
ROOT_RELATIONS: Final = (
    f'{XML}<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
)
WORKBOOK_RELATIONS: Final = (
    f'{XML}<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>'
)
# Texts have the format "@": editing 01012345678 or 1-2 in Excel leaves a text. quotePrefix does so for what looks like a formula.
STYLES: Final = (
    f'{XML}<styleSheet xmlns="{MAIN}">'
    '<numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/></numFmts>'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/><family val="2"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/><family val="2"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="5"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="49" fontId="1" fillId="0" borderId="0" xfId="0" quotePrefix="1" applyNumberFormat="1" applyFont="1"/>'
    '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" quotePrefix="1" applyNumberFormat="1"/>'
    '<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
SHEET_START: Final = (
    f'{XML}<worksheet xmlns="{MAIN}"><sheetViews><sheetView workbookViewId="0">'
    '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/><selection pane="bottomLeft"/>'
    '</sheetView></sheetViews><sheetFormatPr defaultColWidth="20" defaultRowHeight="15"/><sheetData>'
)


class CannotWrite(Exception):
    """A table that a workbook cannot hold unchanged; the text names the place, never the value."""


class CellTooLong(CannotWrite):
    """A text of more than 32,767 UTF-16 units; `cell` is its place, such as C17."""

    def __init__(self, cell: str, length: int) -> None:
        super().__init__(f"Cell {cell}: a text of {length:,} characters, where a cell holds {LONGEST_TEXT:,}.")
        self.cell, self.length = cell, length


class CellUnfit(CannotWrite):
    """A value that is no cell: NaN, an infinity, a datetime with a zone, another type; `cell` is its place."""

    def __init__(self, cell: str, what: str) -> None:
        super().__init__(f"Cell {cell}: {what}.")
        self.cell = cell


class TooManyRows(CannotWrite):
    """More rows than a sheet has."""


class TooManyColumns(CannotWrite):
    """More columns than a sheet has."""


def column_letters(column: int) -> str:
    """The name of a column counted from 0: A … Z, AA … XFD."""
    name = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        name = chr(ord("A") + letter) + name
    return name


def escaped(text: str) -> str:
    """The text as XML character data that decodes to it again (ST_Xstring, ECMA-376 part 1, 22.9.2.19)."""
    text = ESCAPE.sub(lambda found: f"_x{ord(found[0]):04X}_", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def serial(moment: datetime) -> float:
    """Days since Excel's beginning, cut to whole milliseconds, which is what Excel tells apart."""
    passed = moment - EPOCH
    return passed.days + (passed.seconds * 1000 + passed.microseconds // 1000) / DAY_MILLISECONDS


def _is_plain(text: str) -> bool:
    """Whether nothing in it needs escaping. No character that XML forbids is printable, nor is any space but the ASCII one."""
    return text.isprintable() and "&" not in text and "<" not in text and ">" not in text and "_x" not in text


def _text_cell(place: str, text: str, style: int = TEXT) -> str:
    if len(text) > LONGEST_TEXT // 2:
        length = len(text.encode("utf-16-le", "surrogatepass")) // 2
        if length > LONGEST_TEXT:
            raise CellTooLong(place, length)
    if style == TEXT and text[:1] in LIVE:
        style = QUOTED
    space = ' xml:space="preserve"' if text != text.strip() else ""
    data = text if _is_plain(text) else escaped(text)
    return f'<c r="{place}" s="{style}" t="inlineStr"><is><t{space}>{data}</t></is></c>'


def _int_cell(place: str, value: int) -> str:
    if -WHOLE_LIMIT < value < WHOLE_LIMIT:
        return f'<c r="{place}"><v>{value}</v></c>'
    return _text_cell(place, str(value))


def _float_cell(place: str, value: float) -> str:
    if value == 0 or SMALLEST <= abs(value) <= LARGEST:
        return f'<c r="{place}"><v>{value!r}</v></c>'
    if not math.isfinite(value):
        raise CellUnfit(place, "a number that is not finite")
    return _text_cell(place, repr(value))


def _date_cell(place: str, value: datetime) -> str:
    if value.tzinfo is not None:
        raise CellUnfit(place, "a date with a zone; give it as local time without one")
    if value < FIRST_DATE:
        return _text_cell(place, value.isoformat(sep=" "))
    return f'<c r="{place}" s="{DATE}"><v>{serial(value)!r}</v></c>'


class SheetWriter:
    """Streams one table to `out`, any object with `write(bytes)`; it is never sought in.

    `headings` become a bold first row that stays in sight, with filter buttons if `autofilter`. A row has as many cells as
    there are headings. `datetime`s are local, without a zone; those before 1 March 1900 become text. Whole numbers of more
    than 15 digits become text too. The file is a workbook only after `close`; leaving by an exception does not close it.
    Raises `TooManyColumns`, `TooManyRows`, `CellTooLong`, `CellUnfit` (all `CannotWrite`) and `ValueError` for a row of
    another width; after any of them the file is unfinished and to be thrown away.
    """

    def __init__(self, out: Sink, headings: Sequence[str], *, sheet: str = "Sheet1", autofilter: bool = True) -> None:
        if not 0 < len(headings) <= MOST_COLUMNS:
            raise TooManyColumns(f"A sheet has 1 to {MOST_COLUMNS:,} columns, not {len(headings):,}.")
        if not 0 < len(sheet) <= 31 or re.search(r"[\[\]:*?/\\]|^'|'\Z", sheet):
            raise ValueError("A sheet's name has 1 to 31 characters, none of []:*?/\\ and no apostrophe at its ends.")
        self._columns = [column_letters(index) for index in range(len(headings))]
        self._sheet = sheet
        self._autofilter = autofilter
        self._rows = 0
        self._open = True
        self._zip = ZipStream(out)
        self._zip.add("[Content_Types].xml", CONTENT_TYPES.encode())
        self._zip.add("_rels/.rels", ROOT_RELATIONS.encode())
        self._zip.add("xl/_rels/workbook.xml.rels", WORKBOOK_RELATIONS.encode())
        self._zip.add("xl/styles.xml", STYLES.encode())
        self._zip.begin("xl/worksheets/sheet1.xml")
        self._batch = [SHEET_START]
        self._batched = 0
        places = (f"{column}1" for column in self._columns)
        self._put_row([_text_cell(place, heading, HEADING) for place, heading in zip(places, headings, strict=True)])

    @property
    def rows(self) -> int:
        """Rows written so far, the headings not among them."""
        return self._rows - 1

    def write_rows(self, rows: Iterable[Sequence[Cell]]) -> None:
        """Append rows; may be called any number of times."""
        if not self._open:
            raise ValueError("The workbook is closed.")
        width = len(self._columns)
        for row in rows:
            if len(row) != width:
                raise ValueError(f"Row {self._rows + 1} has {len(row)} cells for {width} headings.")
            self._put_row(self._cells(row))

    def _cells(self, row: Sequence[Cell]) -> list[str]:
        """The row's cells as XML; the hot path, so texts with nothing to escape in the whole row are written as they are."""
        texts = "".join([cell for cell in row if type(cell) is str])
        plain = len(texts) <= LONGEST_TEXT // 2 and _is_plain(texts)
        number = str(self._rows + 1)
        cells: list[str] = []
        put = cells.append
        for column, cell in zip(self._columns, row, strict=True):
            if type(cell) is str:
                if plain and cell and cell[0] not in EDGE and cell[-1] != " ":
                    put(f'<c r="{column}{number}" s="2" t="inlineStr"><is><t>{cell}</t></is></c>')
                else:
                    put(_text_cell(f"{column}{number}", cell))
            elif cell is None:
                continue
            elif type(cell) is bool:
                put(f'<c r="{column}{number}" t="b"><v>{cell:d}</v></c>')
            elif type(cell) is datetime:
                put(_date_cell(f"{column}{number}", cell))
            elif type(cell) is int:
                put(_int_cell(f"{column}{number}", cell))
            elif type(cell) is float:
                put(_float_cell(f"{column}{number}", cell))
            else:
                raise CellUnfit(f"{column}{number}", "a value that is no text, number, boolean or date")
        return cells

    def close(self) -> None:
        """Write the rest of the workbook; does not close `out`."""
        if not self._open:
            return
        self._open = False
        corner = f"{self._columns[-1]}{self._rows}"
        filtered = f'<autoFilter ref="A1:{corner}"/>' if self._autofilter else ""
        self._batch.append(
            f'</sheetData>{filtered}<ignoredErrors><ignoredError sqref="A1:{corner}" numberStoredAsText="1"/></ignoredErrors>'
            "</worksheet>"
        )
        self._flush()
        self._zip.end()
        self._zip.add("xl/workbook.xml", self._workbook().encode())
        self._zip.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        self._open = False

    def _workbook(self) -> str:
        name = escaped(self._sheet).replace('"', "&quot;")
        quoted = escaped(self._sheet.replace("'", "''"))
        names = (
            '<definedNames><definedName name="_xlnm._FilterDatabase" localSheetId="0" hidden="1">'
            f"'{quoted}'!$A$1:${self._columns[-1]}${self._rows}</definedName></definedNames>"
        )
        return (
            f'{XML}<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><bookViews><workbookView/></bookViews>'
            f'<sheets><sheet name="{name}" sheetId="1" r:id="rId1"/></sheets>{names if self._autofilter else ""}</workbook>'
        )

    def _put_row(self, cells: list[str]) -> None:
        if self._rows >= MOST_ROWS:
            raise TooManyRows(f"A sheet has {MOST_ROWS:,} rows with its headings; write fewer.")
        self._rows += 1
        row = f'<row r="{self._rows}">{"".join(cells)}</row>'
        self._batch.append(row)
        self._batched += len(row)
        if self._batched >= BATCH_CHARACTERS:
            self._flush()

    def _flush(self) -> None:
        self._zip.write("".join(self._batch).encode())
        self._batch.clear()
        self._batched = 0
