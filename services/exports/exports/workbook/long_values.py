"""Texts longer than a cell: put aside whole while their table is written, to stand in pieces on a sheet of their own."""

import hashlib
import struct
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, Protocol

from common.long_values import LONGEST_TEXT, Words, cut, is_full, units
from exports.workbook.block import LongText
from exports.workbook.cells import MOST_ROWS

_RECORD: Final = struct.Struct("<4sII")
_UNIT = 2


class Aside(Protocol):
    """Takes bytes in order and gives them back in that order, once."""

    def write(self, data: bytes, /) -> object: ...

    def turn(self) -> None:
        """From now on it is read, from the beginning."""

    def read(self, size: int, /) -> bytes: ...


class Piece(NamedTuple):
    """A part of a long text: where its cell is, such as row 17 of column C, and which part it is, counted from 1."""

    row: int
    column: str
    number: int
    text: str


class Proof:
    """How many long texts there are, and a SHA-256 over each with its place, given whole and in order."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.count = 0

    def add(self, row: int, column: str, text: str) -> None:
        """The next text."""
        data = text.encode("utf-8", "surrogatepass")
        self._digest.update(b"%s%d %d\n%s\n" % (column.encode(), row, len(data), data))
        self.count += 1

    def told(self) -> tuple[int, str]:
        """The count, and the digest in hexadecimal."""
        return self.count, self._digest.hexdigest()


def pieces(text: str, limit: int = LONGEST_TEXT) -> Iterator[str]:
    """The text in parts of `limit` UTF-16 units at most, 2 at least, none of which ends in half of a surrogate pair."""
    data, at = text.encode("utf-16-le", "surrogatepass"), 0
    while at < len(data):
        piece = cut(data, at, limit)
        at += units(piece) * _UNIT
        yield piece


class LongValues:
    """Keeps what is too long for its cell until the table is written; its sheets have `most_rows` rows each."""

    def __init__(self, aside: Aside, words: Words, *, most_rows: int = MOST_ROWS) -> None:
        self._aside = aside
        self.words = words
        self.most_rows = most_rows
        self.proof = Proof()

    def put(self, texts: Iterable[LongText]) -> None:
        """Put texts aside, in the order of their places."""
        for row, column, text in texts:
            self.proof.add(row, column, text)
            data = text.encode("utf-8", "surrogatepass")
            self._aside.write(_RECORD.pack(column.encode(), row, len(data)) + data)

    def pieces(self) -> Iterator[Piece]:
        """All of them in pieces, in the order in which they came."""
        self._aside.turn()
        while record := self._aside.read(_RECORD.size):
            column, row, size = _RECORD.unpack(record)
            text = self._aside.read(size).decode("utf-8", "surrogatepass")
            parts = list(pieces(text))
            if is_full(parts[-1]):  # so that a missing last piece is missed
                parts.append("")
            for number, piece in enumerate(parts, 1):
                yield Piece(row, column.rstrip(b"\0").decode(), number, piece)
