"""Writes one table as an .xlsx workbook, row by row with bounded memory, each cell exactly as it is and none able to run.

Cells are inline strings, numbers, booleans and dates; there is no formula. Parts: ECMA-376 (SpreadsheetML); limits: Excel's.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import chain, islice
from types import TracebackType
from typing import Final, Self

from common.long_values import LONGEST_TEXT
from exports.workbook import parts
from exports.workbook.cells import (
    EDGE,
    HEADING,
    MOST_COLUMNS,
    MOST_ROWS,
    Cell,
    CellUnfit,
    TooManyColumns,
    TooManyRows,
    column_letters,
    date_cell,
    float_cell,
    int_cell,
    is_plain,
    is_too_long,
    text_cell,
)
from exports.workbook.long_values import LongValues
from exports.workbook.zip_stream import Sink, ZipStream

BATCH_CHARACTERS: Final = 1 << 19
"""How much of the sheet is gathered before it is compressed."""


class SheetWriter:
    """Streams one table to `out`, any object with `write(bytes)`; it is never sought in.

    `headings` become a bold first row that stays in sight, with filter buttons if `autofilter`. A row has as many cells as
    there are headings. `datetime`s are local, without a zone; those before 1 March 1900 become text. Numbers of more than 15
    digits become text too. With `long_values`, a text longer than a cell stands whole, in pieces, on sheets behind the first.
    The file is a workbook only after `close`; leaving by an exception does not close it.
    Raises `TooManyColumns`, `TooManyRows`, `CellTooLong`, `CellUnfit` (all `CannotWrite`) and `ValueError` for a row of
    another width; after any of them the file is unfinished and to be thrown away.
    """

    def __init__(
        self,
        out: Sink,
        headings: Sequence[str],
        *,
        sheet: str = "Sheet1",
        autofilter: bool = True,
        long_values: LongValues | None = None,
    ) -> None:
        if not 0 < len(headings) <= MOST_COLUMNS:
            raise TooManyColumns(f"A sheet has 1 to {MOST_COLUMNS:,} columns, not {len(headings):,}.")
        if not 0 < len(sheet) <= 31 or re.search(r"[\[\]:*?/\\]|^'|'\Z", sheet):
            raise ValueError("A sheet's name has 1 to 31 characters, none of []:*?/\\ and no apostrophe at its ends.")
        self._columns = [column_letters(index) for index in range(len(headings))]
        self._sheets = [sheet]
        self._autofilter = autofilter
        self._long_values = long_values
        self._open = True
        self._zip = ZipStream(out)
        self._zip.add("[Content_Types].xml", parts.CONTENT_TYPES.encode())
        self._zip.add("_rels/.rels", parts.ROOT_RELATIONS.encode())
        self._zip.add("xl/styles.xml", parts.STYLES.encode())
        self._table = _Sheet(self._zip, 1, headings)

    @property
    def rows(self) -> int:
        """Rows written so far, the headings not among them."""
        return self._table.rows - 1

    def write_rows(self, rows: Iterable[Sequence[Cell]]) -> None:
        """Append rows; may be called any number of times."""
        if not self._open:
            raise ValueError("The workbook is closed.")
        width = len(self._columns)
        for row in rows:
            number = self._table.rows + 1
            if len(row) != width:
                raise ValueError(f"Row {number} has {len(row)} cells for {width} headings.")
            self._table.put(self._cells(number, row))

    def _cells(self, number: int, row: Sequence[Cell]) -> list[str]:
        """The row's cells as XML; the hot path, so texts with nothing to escape in the whole row are written as they are."""
        texts = "".join([cell for cell in row if type(cell) is str])
        plain = len(texts) <= LONGEST_TEXT // 2 and is_plain(texts)
        cells: list[str] = []
        put = cells.append
        for column, cell in zip(self._columns, row, strict=True):
            if type(cell) is str:
                if plain and cell and cell[0] not in EDGE and cell[-1] != " ":
                    put(f'<c r="{column}{number}" s="2" t="inlineStr"><is><t>{cell}</t></is></c>')
                else:
                    put(self._text(number, column, cell))
            elif cell is None:
                continue
            elif type(cell) is bool:
                put(f'<c r="{column}{number}" t="b"><v>{cell:d}</v></c>')
            elif type(cell) is datetime:
                put(date_cell(f"{column}{number}", cell))
            elif type(cell) is int:
                put(int_cell(f"{column}{number}", cell))
            elif type(cell) is float:
                put(float_cell(f"{column}{number}", cell))
            else:
                raise CellUnfit(f"{column}{number}", "a value that is no text, number, boolean or date")
        return cells

    def _text(self, number: int, column: str, text: str) -> str:
        if self._long_values is not None and is_too_long(text):
            text = self._long_values.put(number, column, text)
        return text_cell(f"{column}{number}", text)

    def close(self) -> None:
        """Write the rest of the workbook; does not close `out`."""
        if not self._open:
            return
        self._open = False
        self._table.end(autofilter=self._autofilter)
        if self._long_values is not None and self._long_values.proof.count:
            self._write_long(self._long_values)
        filtered = f"$A$1:${self._columns[-1]}${self._table.rows}" if self._autofilter else None
        self._zip.add("xl/workbook.xml", parts.workbook(self._sheets, filtered).encode())
        self._zip.add("xl/_rels/workbook.xml.rels", parts.workbook_relations(len(self._sheets)).encode())
        self._zip.close()

    def _write_long(self, long_values: LongValues) -> None:
        """Sheets of pieces, as many as their rows need."""
        words, following = long_values.words, long_values.pieces()
        while batch := list(islice(following, 1)):
            number = len(self._sheets) + 1
            self._sheets.append(words.sheet if number == 2 else f"{words.sheet} {number - 1}")
            sheet = _Sheet(self._zip, number, words.headings)
            for piece in chain(batch, islice(following, long_values.most_rows - 2)):
                n = sheet.rows + 1
                sheet.put(
                    [
                        int_cell(f"A{n}", piece.row),
                        text_cell(f"B{n}", piece.column),
                        int_cell(f"C{n}", piece.number),
                        text_cell(f"D{n}", piece.text),
                    ]
                )
            sheet.end(autofilter=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        self._open = False


class _Sheet:
    """One sheet being written: rows are gathered and compressed by the batch."""

    def __init__(self, archive: ZipStream, number: int, headings: Sequence[str]) -> None:
        self._zip = archive
        self._zip.begin(parts.sheet_part(number))
        self._batch = [parts.SHEET_START]
        self._batched = 0
        self._last_column = column_letters(len(headings) - 1)
        self.rows = 0
        self.put([text_cell(f"{column_letters(n)}1", heading, HEADING) for n, heading in enumerate(headings)])

    def put(self, cells: Sequence[str]) -> None:
        """Append a row. Raises TooManyRows."""
        if self.rows >= MOST_ROWS:
            raise TooManyRows(f"A sheet has {MOST_ROWS:,} rows with its headings; write fewer.")
        self.rows += 1
        row = f'<row r="{self.rows}">{"".join(cells)}</row>'
        self._batch.append(row)
        self._batched += len(row)
        if self._batched >= BATCH_CHARACTERS:
            self._flush()

    def end(self, *, autofilter: bool) -> None:
        """Write what is gathered and the sheet's end."""
        self._batch.append(parts.sheet_tail(f"{self._last_column}{self.rows}", autofilter=autofilter))
        self._flush()
        self._zip.end()

    def _flush(self) -> None:
        self._zip.write("".join(self._batch).encode())
        self._batch.clear()
        self._batched = 0
