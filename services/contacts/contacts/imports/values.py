"""What a cell becomes in its field: the same value that the API would take, or a refusal that never repeats the cell."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import MAX_PREC, Context, Decimal
from functools import lru_cache
from typing import Any, assert_never
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from common.clock import to_wire
from common.errors import Unprocessable
from common.events.contacts import FieldTypeName
from common.pointer import parts_of
from common.term_lists import read_list
from common.text_rules import clean_text
from contacts.imports.dates import is_two_days, read_compact, read_date
from contacts.imports.mapping import MEMBER_ID, Column
from contacts.imports.tables.table import Broken, Cell, Fault, Formatted, as_text
from contacts.profile_field import PRESETS

_INFERRED: tuple[FieldTypeName, ...] = ("Boolean", "Number", "Date")
_LISTS = frozenset({"tags", "addTags", "removeTags"})
_CONSENT = re.compile("unsubscribe")
_TRUE = frozenset({"true", "t", "yes", "y", "1", "o", "on", "예", "네", "참", "맞음"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "x", "off", "아니오", "아니요", "거짓", "아님"})
_REFUSED, _GRANTED = frozenset({"거부", "수신거부"}), frozenset({"동의", "수신동의", "수신", "허용"})
# As a person writes a number: grouped by commas or not, but without the leading zeros that a code has.
_NUMBER = re.compile(r"[+-]?(0|[1-9]\d{0,2}(,\d{3})+|[1-9]\d*)(\.\d+)?", re.ASCII)
_MOST_DIGITS = 15
_REMEMBERED, _SHORT = 16_384, 64
"""Of a table's columns most say a few things again and again: so many short texts are read once."""
# What a spreadsheet program writes for a number that is too long for its column: 1.23457E+12. The digits are lost.
_SHORTENED = re.compile(r"-?\d(?:\.(\d+))?E\+(\d{2,3})", re.ASCII)
_FIRST_YEAR, _LAST_YEAR = 1900, 2100
_ERRORS = frozenset({
    "#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!", "#FIELD!", "#BLOCKED!", "#CONNECT!",
    "#GETTING_DATA", "#BUSY!",
})  # fmt: skip
"""What spreadsheet programs write where a formula has failed."""


def row_of(cells: Iterable[tuple[Column, Cell]], types: Mapping[str, FieldTypeName], zone: ZoneInfo) -> dict[str, Any]:
    """A row as the body of a write; blank cells change nothing and are left out. Raises Unprocessable with the key's place.

    `types` are the profile fields' types by key (`profile.grade`).
    """
    row: dict[str, Any] = {}
    profile: dict[str, Any] = {}
    for column, cell in cells:
        if cell is None:
            continue
        for key in column.keys:
            if key.startswith("profile."):
                profile[key[8:]] = _value(cell, types.get(key, "String"), key, zone)
            else:
                row[key] = _value(cell, _type_of(key), key, zone)
    return {**row, "profile": profile} if profile else row


def key_of(pointer: str | None) -> str | None:
    """The key that a refusal's pointer names."""
    names = parts_of(pointer or "")
    if len(names) > 1 and names[0] == "profile":
        return f"profile.{names[1]}"
    return names[0] if names else None


@lru_cache(maxsize=512)
def _place_of(key: str) -> str:
    return f"/profile/{key[8:]}" if key.startswith("profile.") else f"/{key}"


@lru_cache(maxsize=64)
def _type_of(built_in: str) -> FieldTypeName:
    if built_in in _LISTS:
        return "List"
    return "Boolean" if built_in == "blocked" or _CONSENT.match(built_in) else "String"


def _broken(fault: Fault, place: str) -> Unprocessable:
    match fault:
        case Fault.CUT:
            return _cut(place)
        case Fault.MERGED:
            return Unprocessable(
                "This cell is merged with one above or left of it, which alone has a value. Unmerge the cells, fill each, and "
                "send the file again.",
                code="mergedCell",
                pointer=place,
            )
        case Fault.UNCALCULATED:
            return Unprocessable(
                "The formula in this cell was never calculated: open the file in its program and save it.",
                code="brokenCell",
                pointer=place,
            )
        case Fault.ERROR:
            return Unprocessable(
                "The cell holds an error instead of a value. Mend the formula.", code="brokenCell", pointer=place
            )
        case _:
            assert_never(fault)


def _cut(place: str) -> Unprocessable:
    return Unprocessable(
        "Only the beginning of a longer text stands in this cell. Send the exported workbook itself, with its sheet of long "
        "values and the rows where they were; or write the whole text into the field, or leave the column out.",
        code="cutValue",
        pointer=place,
    )


def _value(cell: Cell, kind: FieldTypeName, key: str, zone: ZoneInfo) -> JsonValue:
    if not isinstance(cell, str):
        return _read(cell, kind, key, zone)
    if kind == "String" or len(cell) > _SHORT:
        return _read_text(cell, kind, key, zone)
    if kind == "Number" and (number := _plain_number(cell)) is not None:
        return number
    value = _remembered(cell, kind, key, zone)
    return list(value) if isinstance(value, list) else value


def _read_text(text: str, kind: FieldTypeName, key: str, zone: ZoneInfo) -> JsonValue:
    if text in _ERRORS:
        raise _broken(Fault.ERROR, _place_of(key))
    return _read(clean_text(text, _place_of(key)), kind, key, zone)


_remembered = lru_cache(maxsize=_REMEMBERED)(_read_text)


def _read(cell: Cell, kind: FieldTypeName, key: str, zone: ZoneInfo) -> JsonValue:
    place = _place_of(key)
    if isinstance(cell, Broken):
        raise _broken(cell.fault, place)
    match kind:
        case "String":
            return _text(cell, key, place)
        case "Number":
            return _number(cell, place)
        case "Boolean":
            return _boolean(cell, key, place)
        case "Date":
            return _date(cell, zone, place)
        case "List":
            text = _text(cell, key, place)
            # A comma in a number parts thousands, no elements.
            return list(read_list(text)) if isinstance(cell, str) else [text]


def _text(cell: Cell, key: str, place: str) -> str:
    text = cell if isinstance(cell, str) else as_text(cell)
    if key == MEMBER_ID and isinstance(cell, Formatted) and cell.grouped:
        return text.replace(",", "")
    shortened = _SHORTENED.fullmatch(text) if "E+" in text else None
    if (shortened is not None and len(shortened[1] or "") < int(shortened[2])) or (isinstance(cell, Formatted) and cell.cut):
        raise Unprocessable(
            "A spreadsheet program has shortened this number; its last digits are lost. Format the column as text where the "
            "numbers are whole, and save it again.",
            code="digitsLost",
            pointer=place,
        )
    return text


def _number(cell: Cell, place: str) -> JsonValue:
    if isinstance(cell, Formatted):
        cell = cell.text if cell.value is None else cell.value
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return cell
    if not isinstance(cell, str) or not _NUMBER.fullmatch(cell):
        raise _wrong(place, "a number, such as 1200 or 1,200.5, without zeros in front")
    number = as_number(cell)
    if number is None:
        raise _wrong(place, "a number of 15 digits at most; what has more is a code, for a field of type String")
    return number


def as_number(text: str) -> int | float | None:
    """The number that a text is, digit by digit; None where it is none, is written as a code is, or would lose digits."""
    if (plain := _plain_number(text)) is not None:
        return plain
    if not _NUMBER.fullmatch(text):
        return None
    exact = Decimal(text.replace(",", ""))
    if exact == exact.to_integral_value():
        return int(exact) if abs(exact) < 10**_MOST_DIGITS else None
    # More decimals than that are kept where they come back as they were, such as 0.30000000000000004.
    near = float(exact)
    digits = len(exact.normalize(Context(prec=MAX_PREC)).as_tuple().digits)
    kept = digits <= _MOST_DIGITS and (near != 0 or exact == 0)  # what no double is near to becomes 0
    return near if kept or Decimal(repr(near)) == exact else None


def _plain_number(text: str) -> int | None:
    """By far the most numbers are a few digits alone; None for what is to be looked at more closely."""
    plain = text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and (text[0] != "0" or text == "0")
    return int(text) if plain else None


def _boolean(cell: Cell, key: str, place: str) -> bool:
    if isinstance(cell, Formatted) and cell.value is not None:
        cell = cell.value
    if isinstance(cell, bool):
        return cell
    word = as_text(cell).casefold()
    consent = _CONSENT.match(key) is not None
    if word in _TRUE or (consent and word in _REFUSED) or (key == "blocked" and word == "차단"):
        return True
    if word in _FALSE or (consent and word in _GRANTED):
        return False
    raise _wrong(place, "true or false, Y or N, 예 or 아니오")


def _date(cell: Cell, zone: ZoneInfo, place: str) -> str:
    if isinstance(cell, Formatted):
        cell = cell.text if cell.value is None else cell.value
    match cell:
        case datetime():
            found = _wire(cell, zone)
        case str() | int() if not isinstance(cell, bool):
            found = read_date(str(cell), zone) or read_compact(str(cell), zone)
        case _:
            found = None
    if found is None and isinstance(cell, str) and is_two_days(cell):
        raise _wrong(place, "a date that is one day alone, such as 2026-11-24: this one changes with what is read as the month")
    if found is None:
        raise _wrong(place, "a date, such as 2026-11-24 or 2026-11-24 09:30")
    return found


def _wire(local: datetime, zone: ZoneInfo) -> str | None:
    try:
        return to_wire(local.replace(tzinfo=zone))
    except (OverflowError, ValueError):  # the first or last day there is, which is another in UTC
        return None


def _wrong(place: str, wanted: str) -> Unprocessable:
    detail = f"This value is of the wrong type: it must be {wanted}."
    return Unprocessable(detail, code="wrongType", pointer=place, extra={"wanted": wanted})


class Inference:
    """Which type a column of a field nobody has defined is of, from all of its cells."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._possible: set[FieldTypeName] = set(_INFERRED)
        self._seen = False

    def see(self, cell: Cell) -> None:
        """One more cell."""
        if cell is None or isinstance(cell, Broken):
            return
        self._seen = True
        if self._possible:
            short = isinstance(cell, str) and len(cell) <= _SHORT
            self._possible &= _could_be_remembered(cell, self._zone) if short else _could_be(cell, self._zone)

    def type(self, key: str) -> FieldTypeName | None:
        """The type, a preset's for a key that has one; None where no cell says anything."""
        if not self._seen:
            return None
        preset = PRESETS.get(key.removeprefix("profile."))
        if preset is not None:
            return preset[0]
        for kind in _INFERRED:
            if kind in self._possible:
                return kind
        return "String"


def _could_be(cell: Cell, zone: ZoneInfo) -> frozenset[FieldTypeName]:
    match cell:
        case Formatted():
            return frozenset() if cell.code or cell.value is None else _could_be(cell.value, zone)
        case bool():
            return frozenset({"Boolean"})
        case int() | float():
            return frozenset({"Number"})
        case datetime():
            return frozenset({"Date"})
        case str() if cell.casefold() in {"true", "false"}:
            return frozenset({"Boolean"})
        case str() if not cell.startswith("+") and as_number(cell) is not None:
            return frozenset({"Number"})
        case str() if _is_recent(read_date(cell, zone)):
            return frozenset({"Date"})
        case _:
            return frozenset()


_could_be_remembered = lru_cache(maxsize=_REMEMBERED)(_could_be)


def _is_recent(instant: str | None) -> bool:
    """Whether a text that can be read as a date is one of a customer's: `1234-5-6` is a code, of a flat, a part, an order."""
    return instant is not None and _FIRST_YEAR <= int(instant[:4]) <= _LAST_YEAR
