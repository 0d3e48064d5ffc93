"""Tables as text: which encoding and delimiter a file has, and its lines, read with bounded memory."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from common.filters.text import WHITE_SPACE
from common.long_values import MARKS
from contacts.imports.tables.encoding import encoding_of, unknown_encoding
from contacts.imports.tables.table import CUT, MOST_COLUMNS, Cell, Line, UnreadableFile, stripped, too_many_columns, unguarded

_SAMPLE, _SAMPLE_LINES = 64 * 1024, 20
_MOST_LINE, _MOST_RECORD = 1024 * 1024, 8 * 1024 * 1024
_DELIMITERS = (",", "\t", ";")
_EXCEL_HINT = re.compile(r'"?sep=([,;\t])"?\r?\n')


@dataclass(frozen=True, slots=True)
class Layout:
    """How a text file is written."""

    encoding: str
    delimiter: str


def layout_of(file: Path, said: str | None = None) -> Layout:
    """Find out how the file is written, or obey the encoding that is `said`. Raises UnreadableFile, Unprocessable."""
    encoding = encoding_of(file, said)
    with file.open(encoding=encoding, newline="") as text:
        return Layout(encoding, delimiter_of(text.read(_SAMPLE)))


def lines(file: Path, layout: Layout) -> Iterator[Line]:
    """The file's lines; a record with new lines inside quotes is one. Raises UnreadableFile, naming the row."""
    with file.open(encoding=layout.encoding, newline="") as text:
        bounded = _Bounded(text, layout.delimiter)
        reader = csv.reader(bounded, delimiter=layout.delimiter, strict=True)
        number = 0
        while True:
            number += 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                raise _row(
                    number,
                    "has a quotation mark that is not closed, or text after one, or a cell of more than 131,072 characters",
                ) from None
            except _TooLong:
                raise _row(number, "is too long") from None
            except UnicodeDecodeError:
                raise unknown_encoding() from None
            bounded.pending = 0
            line = Line(number, [_cell(cell) for cell in cells])
            if any(cell is not None for cell in line.cells[MOST_COLUMNS:]):
                raise too_many_columns()
            yield line


def _cell(text: str) -> Cell:
    cell = stripped(unguarded(text.strip(WHITE_SPACE)))
    # A text file has no other sheet where the rest could stand.
    return CUT if cell is not None and cell.endswith(MARKS) else cell


def delimiter_of(sample: str) -> str:
    """Comma, tab or semicolon: the one that parts most of the sample's lines alike, outside quotation marks."""
    hint = _EXCEL_HINT.match(sample)
    if hint is not None:
        return hint[1]
    # Text inside quotation marks says nothing; a quotation that the sample cuts off goes to its end.
    bare = re.sub(r'"[^"]*("|\Z)', "", sample)
    parted = [line for line in bare.splitlines() if line][:_SAMPLE_LINES]

    def score(delimiter: str) -> tuple[int, int]:
        counts = Counter(count for line in parted if (count := line.count(delimiter)))
        return max(((alike, count) for count, alike in counts.items()), default=(0, 0))

    return max(_DELIMITERS, key=score)


class _TooLong(Exception):
    pass


class _Bounded:
    """The lines of a text, none of which, and no record of which, can grow without bound."""

    def __init__(self, text: TextIO, delimiter: str) -> None:
        self._text = text
        # A text that a formula guards is quoted by that: without its equals sign it is a quoted cell like any other.
        self._guarded = re.compile(rf'(\A|{delimiter})[ ]*=("(?:[^"]|"")*")[ ]*(?=[{delimiter}\r\n]|\Z)')
        self.pending = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._text.readline(_MOST_LINE + 1):
            self.pending += len(line)
            if len(line) > _MOST_LINE or self.pending > _MOST_RECORD:
                raise _TooLong
            yield self._guarded.sub(r"\1\2", line) if '="' in line else line


def _row(number: int, wrong: str) -> UnreadableFile:
    detail = f"Row {number} {wrong}. Mend it, or save the table as a workbook, and send it again."
    return UnreadableFile(detail, extra={"row": number})
