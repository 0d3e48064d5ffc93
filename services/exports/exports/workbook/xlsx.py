"""Writes one table as an .xlsx workbook, block by block with bounded memory, each cell exactly as it is and none able to run.

Cells are inline strings, numbers, booleans and dates; there is no formula. Parts: ECMA-376 (SpreadsheetML); limits: Excel's.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from types import TracebackType
from typing import Final, Self

from common.long_values import Words
from exports.workbook import parts
from exports.workbook.block import Block, make_block
from exports.workbook.cells import HEADING, MOST_COLUMNS, MOST_ROWS, Cell, TooManyColumns, TooManyRows, column_letters, text_cell
from exports.workbook.long_values import LongValues
from exports.workbook.packed import pack
from exports.workbook.zip_stream import Sink, ZipStream

BLOCK_ROWS: Final = 500
BLOCK_CHARACTERS: Final = 1 << 19
"""A block of rows ends with either."""


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
        for batch in self._table.batches(rows):
            self.write_block(make_block(self._table.rows + 1, list(zip(*batch, strict=True)), self._words))

    def write_block(self, block: Block) -> None:
        """Append rows that were made elsewhere, for this very place."""
        if not self._open:
            raise ValueError("The workbook is closed.")
        self._table.put(block)
        if self._long_values is not None:
            self._long_values.put(block.long)

    @property
    def _words(self) -> Words | None:
        return None if self._long_values is None else self._long_values.words

    def close(self) -> None:
        """Write the rest of the workbook; does not close `out`."""
        if not self._open:
            return
        self._open = False
        self._table.end(autofilter=self._autofilter)
        if self._long_values is not None and self._long_values.proof.count:
            self._write_long(self._long_values)
        filtered = f"$A$1:${self._table.last_column}${self._table.rows}" if self._autofilter else None
        self._zip.add("xl/workbook.xml", parts.workbook(self._sheets, filtered).encode())
        self._zip.add("xl/_rels/workbook.xml.rels", parts.workbook_relations(len(self._sheets)).encode())
        self._zip.close()

    def _write_long(self, long_values: LongValues) -> None:
        """Sheets of pieces, as many as their rows need."""
        words, following = long_values.words, long_values.pieces()
        while first := list(islice(following, 1)):
            number = len(self._sheets) + 1
            self._sheets.append(words.sheet if number == 2 else f"{words.sheet} {number - 1}")
            sheet = _Sheet(self._zip, number, words.headings)
            pieces = chain(first, islice(following, long_values.most_rows - 2))
            for batch in sheet.batches((piece.row, piece.column, piece.number, piece.text) for piece in pieces):
                sheet.put(make_block(sheet.rows + 1, list(zip(*batch, strict=True))))
            sheet.end(autofilter=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        self._open = False


class _Sheet:
    """One sheet being written."""

    def __init__(self, archive: ZipStream, number: int, headings: Sequence[str]) -> None:
        self._zip = archive
        self._zip.begin(parts.sheet_part(number))
        self._width = len(headings)
        self.last_column = column_letters(self._width - 1)
        self.rows = 1
        cells = [text_cell(f"{column_letters(n)}1", heading, HEADING) for n, heading in enumerate(headings)]
        self._zip.write(pack(f'{parts.SHEET_START}<row r="1">{"".join(cells)}</row>'.encode()))

    def batches(self, rows: Iterable[Sequence[Cell]]) -> Iterator[list[Sequence[Cell]]]:
        """The rows in as many at a time as a block has. Raises ValueError for a row of another width."""
        batch: list[Sequence[Cell]] = []
        characters = 0
        for row in rows:
            if len(row) != self._width:
                raise ValueError(f"Row {self.rows + len(batch) + 1} has {len(row)} cells for {self._width} headings.")
            batch.append(row)
            characters += sum(len(cell) for cell in row if isinstance(cell, str))
            if len(batch) >= BLOCK_ROWS or characters >= BLOCK_CHARACTERS:
                yield batch
                batch, characters = [], 0
        if batch:
            yield batch

    def put(self, block: Block) -> None:
        """Append rows. Raises TooManyRows."""
        if self.rows + block.rows > MOST_ROWS:
            raise TooManyRows(f"A sheet has {MOST_ROWS:,} rows with its headings; write fewer.")
        self.rows += block.rows
        self._zip.write(block.packed)

    def end(self, *, autofilter: bool) -> None:
        """Write the sheet's end."""
        self._zip.write(pack(parts.sheet_tail(f"{self.last_column}{self.rows}", autofilter=autofilter).encode()))
        self._zip.end()
