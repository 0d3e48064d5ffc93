"""One cell of a sheet as SpreadsheetML (ECMA-376), exactly as it is and unable to run; the limits are Excel's."""

import math
import re
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeAlias

from common.long_values import LONGEST_TEXT, units

Cell: TypeAlias = str | int | float | bool | datetime | None

MOST_ROWS: Final = 1_048_576
"""Rows of a sheet, the heading's among them."""
MOST_COLUMNS: Final = 16_384

EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - cells hold local time without a zone
FIRST_DATE: Final = datetime(1900, 3, 1)  # noqa: DTZ001
"""Excel counts a 29 February 1900 that never was; earlier dates cannot be told in cells that all programs read alike."""
DAY_MILLISECONDS: Final = 86_400_000

DIGITS: Final = 15
"""Significant digits that Excel keeps of a number; one with more is written as text, with all of them."""
WHOLE_LIMIT: Final = 10**DIGITS
SMALLEST: Final = 2.2250738585072014e-308
"""Excel takes a smaller number for zero; it is written as text."""

# Places in cellXfs of STYLES.
HEADING: Final = 1
TEXT: Final = 2
QUOTED: Final = 3
DATE: Final = 4

ILLEGAL: Final = r"\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff"
"""What XML 1.0 cannot hold, and the carriage return, which an XML reader would turn into a line feed."""
ESCAPE: Final = re.compile(rf"[{ILLEGAL}]|_(?=x[0-9A-Fa-f]{{4}}[_{ILLEGAL}])")
"""What is written as _xHHHH_ (ST_Xstring): the illegal, and an underscore that a reader would take for such an escape."""
_ESCAPED: Final = re.compile("_x([0-9A-Fa-f]{4})_")
LIVE: Final = frozenset("=+-@'＝＋－＠")
"""First characters, half and full width, that make Excel read a text as something else once a person edits the cell."""


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
    if "_x" in text or not text.isprintable():
        text = ESCAPE.sub(lambda found: f"_x{ord(found[0]):04X}_", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescaped(text: str) -> str:
    """What a reader makes of a stored text: the inverse of `escaped` after the XML itself is read."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


def serial(moment: datetime) -> float:
    """Days since Excel's beginning, cut to whole milliseconds, which is what Excel tells apart."""
    passed = moment - EPOCH
    return passed.days + (passed.seconds * 1000 + passed.microseconds // 1000) / DAY_MILLISECONDS


def is_plain(text: str) -> bool:
    """Whether nothing in it needs escaping. No character that XML forbids is printable, nor is any space but the ASCII one."""
    return text.isprintable() and "&" not in text and "<" not in text and ">" not in text and "_x" not in text


def is_too_long(text: str) -> bool:
    """Whether a text is longer than a cell may be."""
    return len(text) > LONGEST_TEXT // 2 and units(text) > LONGEST_TEXT


def text_cell(place: str, text: str, style: int = TEXT) -> str:
    """A text, which stays one when a person edits it. Raises CellTooLong."""
    if is_too_long(text):
        raise CellTooLong(place, units(text))
    if style == TEXT and text[:1] in LIVE:
        style = QUOTED
    space = ' xml:space="preserve"' if text != text.strip() else ""
    data = text if is_plain(text) else escaped(text)
    return f'<c r="{place}" s="{style}" t="inlineStr"><is><t{space}>{data}</t></is></c>'


def int_cell(place: str, value: int) -> str:
    """A whole number; with more than 15 digits a text of them."""
    if -WHOLE_LIMIT < value < WHOLE_LIMIT:
        return f'<c r="{place}"><v>{value}</v></c>'
    return text_cell(place, str(value))


def float_cell(place: str, value: float) -> str:
    """A number; with more than 15 digits a text of them, without exponent. Raises CellUnfit for NaN and infinities."""
    written = repr(value)
    # 15 digits and the point; most numbers are told by their length.
    if (len(written) <= DIGITS + 1 or _digits(written) <= DIGITS) and _is_within(value):
        return f'<c r="{place}"><v>{written}</v></c>'
    if not math.isfinite(value):
        raise CellUnfit(place, "a number that is not finite")
    text = f"{Decimal(written):f}"
    return text_cell(place, text.removesuffix(".0"))


def _is_within(value: float) -> bool:
    return value == 0 or SMALLEST <= abs(value) < WHOLE_LIMIT


def _digits(written: str) -> int:
    """The significant digits of a float as Python writes it."""
    return len(written.partition("e")[0].lstrip("-").replace(".", "").strip("0"))


def date_cell(place: str, value: datetime) -> str:
    """A local time; before Excel's dates begin a text. Raises CellUnfit for one with a zone."""
    if value.tzinfo is not None:
        raise CellUnfit(place, "a date with a zone; give it as local time without one")
    if value < FIRST_DATE:
        return text_cell(place, value.isoformat(sep=" "))
    return f'<c r="{place}" s="{DATE}"><v>{serial(value)!r}</v></c>'


def value_cell(place: str, value: Cell) -> str:
    """A cell of any kind; nothing for an absent one. Raises CellTooLong, CellUnfit."""
    if value is None:
        return ""
    if type(value) is str:
        return text_cell(place, value)
    if type(value) is bool:
        return f'<c r="{place}" t="b"><v>{value:d}</v></c>'
    if type(value) is datetime:
        return date_cell(place, value)
    if type(value) is int:
        return int_cell(place, value)
    if type(value) is float:
        return float_cell(place, value)
    raise CellUnfit(place, "a value that is no text, number, boolean or date")
