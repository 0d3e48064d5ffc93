"""Texts longer than a cell of a workbook: how an export says that they go on elsewhere, and how an import knows it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from common.language import ENGLISH, KOREAN, Language

LONGEST_TEXT: Final = 32_767
"""UTF-16 units that a cell can hold."""
_UNIT = 2


@dataclass(frozen=True, slots=True)
class Words:
    """What the sheet is called, its four headings (row, column, piece, text), and what ends a text that goes on there."""

    sheet: str
    headings: tuple[str, str, str, str]
    mark: str


LONG_VALUES: Mapping[Language, Words] = {
    KOREAN: Words("긴 값", ("행", "열", "조각", "내용"), " …[긴 값]"),
    ENGLISH: Words("Long values", ("Row", "Column", "Piece", "Text"), " …[Long values]"),
}
"""By language. The sheets behind the first of them have its name and a number: `긴 값 2`."""
MARKS = tuple(words.mark for words in LONG_VALUES.values())


def words_of(sheet: str) -> Words | None:
    """The words of a file that has a sheet of this name for its long texts; None where the sheet is for something else."""
    name = re.sub(r" \d+\Z", "", sheet)
    return next((words for words in LONG_VALUES.values() if words.sheet == name), None)


def units(text: str) -> int:
    """How long a text is for a cell: in UTF-16 units. (A lone surrogate is one, as every program counts it.)"""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // _UNIT


def is_full(piece: str) -> bool:
    """Whether a piece of a long text is as long as a cell allows: then another follows it."""
    return units(piece) >= LONGEST_TEXT - 1


def shortened(text: str, words: Words) -> str:
    """What the cell of a text that is too long holds: its beginning and the mark."""
    return head(text, LONGEST_TEXT - units(words.mark)) + words.mark


def head(text: str, limit: int) -> str:
    """The longest beginning of a text that has `limit` UTF-16 units at most and ends in no half of a surrogate pair."""
    return cut(text.encode("utf-16-le", "surrogatepass"), 0, limit)


def cut(data: bytes, at: int, limit: int) -> str:
    """The same of a text in UTF-16, little end first, from the byte `at` on."""
    end = at + limit * _UNIT
    # A low surrogate begins the rest where the cut goes through a pair: its high one stays with it.
    if end < len(data) and data[end + 1] & 0xFC == 0xDC and data[end - 1] & 0xFC == 0xD8:
        end -= _UNIT
    return data[at:end].decode("utf-16-le", "surrogatepass")
