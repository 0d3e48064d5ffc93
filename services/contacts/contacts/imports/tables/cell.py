"""A workbook's number as its cell's format means it: a number, a day, a time, a code. Pure."""

import math
import re
from datetime import datetime, timedelta

from contacts.imports.tables.number_format import GENERAL, Format, Kind, Section, shown_number, shown_time
from contacts.imports.tables.table import BROKEN, Cell, Formatted, as_text, plainly

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,1000}", re.ASCII)
_KEPT = 15
"""How many digits spreadsheet programs keep of a number."""
# By the clock of whoever wrote the file, as all of a workbook is.
_DAY_ZERO, _DAY_ZERO_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)  # noqa: DTZ001
_NO_SUCH_DAY = 60
"""29 February 1900, which these programs count and which never was."""


def number_cell(raw: str, format_: Format, from_1904: bool) -> Cell:
    """The cell of a number as the file writes it. Raises ValueError where it is none."""
    if format_ is GENERAL and len(raw) <= _KEPT and raw.isascii() and raw.isdigit():
        return int(raw)  # by far the most
    if _WHOLE.fullmatch(raw) and len(raw.lstrip("-").lstrip("0")) > _KEPT:
        return _long(raw)
    if not _NUMBER.fullmatch(raw):
        raise ValueError("a number")
    number = float(raw)
    if not math.isfinite(number):
        return BROKEN
    section, minus = format_.section(number)
    match section.kind:
        case Kind.GENERAL:
            return _general(number)
        case Kind.NUMBER | Kind.LITERAL:
            return _formatted(number, section, minus)
        case Kind.ELAPSED:
            return Formatted(None, shown_time(number, section))
        case Kind.DAY | Kind.TIME:
            return _moment(number, section, from_1904)


def _long(raw: str) -> Cell:
    """A whole number of more digits than spreadsheet programs keep; noughts at its end are what they have made of others."""
    digits = raw.lstrip("-").lstrip("0")
    if digits[_KEPT:].strip("0"):
        return raw
    return Formatted(float(raw), raw, cut=True)


def _general(number: float) -> Cell:
    if abs(number) >= 10**_KEPT:
        return Formatted(number, plainly(number), cut=True)
    return _kept(number)


def _kept(number: float) -> int | float:
    """The number to the digits that are kept, so that 0.1 + 0.2 is 0.3; a whole one without a point."""
    kept = float(f"{number:.15g}")
    return int(kept) if kept.is_integer() and abs(kept) < 2**63 else kept


def _formatted(number: float, section: Section, minus: bool) -> Cell:
    if abs(number) >= 10**_KEPT:
        return Formatted(number, plainly(number), cut=True)
    shown, kept = shown_number(number, section, minus), _kept(number)
    if not shown.text or shown.text == plainly(kept):
        return kept
    grouped = shown.grouped and shown.text.replace(",", "") == plainly(kept)
    return Formatted(kept, shown.text, shown.code, grouped)


def _moment(serial: float, section: Section, from_1904: bool) -> Cell:
    first = 0 if from_1904 else 1
    if 0 <= serial < first and (serial or section.kind is Kind.TIME):
        return Formatted(None, _time(serial, section))
    day = _day(serial, from_1904) if serial >= first else None
    if day is None:
        return BROKEN
    text = as_text(day) if section.plain else _time(serial % 1, section, (day.year, day.month, day.day))
    return day if text == as_text(day) else Formatted(day, text)


def _time(part: float, section: Section, day: tuple[int, int, int] | None = None) -> str:
    if day is None and (section.kind is Kind.DAY or section.plain):
        return f"{_DAY_ZERO + timedelta(milliseconds=round(part * 86_400_000)):%H:%M:%S}"
    return shown_time(part, section, day or (0, 0, 0))


def _day(serial: float, from_1904: bool) -> datetime | None:
    """The moment of a serial number, to the millisecond; None for a day that never was or is beyond all calendars."""
    whole = int(serial)
    if not from_1904 and whole == _NO_SUCH_DAY:
        return None
    zero = _DAY_ZERO_1904 if from_1904 else _DAY_ZERO + timedelta(days=1 if whole < _NO_SUCH_DAY else 0)
    try:
        return zero + timedelta(days=whole, milliseconds=round((serial - whole) * 86_400_000))
    except OverflowError:
        return None
