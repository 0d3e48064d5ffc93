"""What a cell becomes in its field: the same value that the API would take, or a refusal that never repeats the cell."""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from common.clock import from_wire, to_wire
from common.errors import Unprocessable
from common.events.contacts import FieldTypeName
from common.text_rules import clean_text
from contacts.imports.mapping import Column
from contacts.imports.tables.table import Broken, Cell
from contacts.profile_field import PRESETS

_INFERRED: tuple[FieldTypeName, ...] = ("Boolean", "Number", "Date")
_LISTS = frozenset({"tags", "addTags", "removeTags"})
_CONSENT = re.compile("unsubscribe")
_TRUE = frozenset({"true", "t", "yes", "y", "1", "o", "on", "예", "네", "참", "맞음"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "x", "off", "아니오", "아니요", "거짓", "아님"})
_REFUSED, _GRANTED = frozenset({"거부", "수신거부"}), frozenset({"동의", "수신동의", "수신", "허용"})
_NUMBER = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?")
_PLAIN_NUMBER = re.compile(r"-?(0|[1-9]\d{0,2}(,\d{3}){1,4}|[1-9]\d{0,14})(\.\d{1,15})?")
_DATE = re.compile(
    r"(\d{4})\s*[-./년]\s*(\d{1,2})\s*[-./월]\s*(\d{1,2})\s*[.일]?(?:[T\s]\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)?"
)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_PARTS = re.compile(r"[,;\n]")


def row_of(cells: Iterable[tuple[Column, Cell]], types: Mapping[str, FieldTypeName], zone: ZoneInfo) -> dict[str, Any]:
    """A row as the body of a write; blank cells change nothing and are left out. Raises Unprocessable with the key's place.

    `types` are the profile fields' types by key (`profile.grade`).
    """
    row: dict[str, Any] = {}
    profile: dict[str, Any] = {}
    for column, cell in cells:
        for key in column.keys:
            if cell is None:
                continue
            place = f"/profile/{key[8:]}" if key.startswith("profile.") else f"/{key}"
            value = _value(cell, _type_of(key, types), key, zone, place)
            if key.startswith("profile."):
                profile[key[8:]] = value
            else:
                row[key] = value
    return {**row, "profile": profile} if profile else row


def key_of(pointer: str | None) -> str | None:
    """The key that a refusal's pointer names."""
    parts = (pointer or "").split("/")[1:]
    names = [part.replace("~1", "/").replace("~0", "~") for part in parts]
    if len(names) > 1 and names[0] == "profile":
        return f"profile.{names[1]}"
    return names[0] if names else None


def _type_of(key: str, types: Mapping[str, FieldTypeName]) -> FieldTypeName:
    if key in _LISTS:
        return "List"
    if key == "blocked" or _CONSENT.match(key):
        return "Boolean"
    return types.get(key, "String")


def _value(cell: Cell, kind: FieldTypeName, key: str, zone: ZoneInfo, place: str) -> JsonValue:
    if isinstance(cell, Broken):
        raise Unprocessable("The cell holds an error instead of a value. Mend the formula.", code="brokenCell", pointer=place)
    if isinstance(cell, str):
        cell = clean_text(cell, place)
    match kind:
        case "String":
            return as_text(cell)
        case "Number":
            return _number(cell, place)
        case "Boolean":
            return _boolean(cell, key, place)
        case "Date":
            return _date(cell, zone, place)
        case "List":
            return [part for piece in _PARTS.split(as_text(cell)) if (part := piece.strip())]


def as_text(cell: Cell) -> str:
    """The cell as a person reads it."""
    match cell:
        case bool():
            return "true" if cell else "false"
        case datetime() if cell.time() == time():
            return f"{cell:%Y-%m-%d}"
        case datetime():
            return f"{cell:%Y-%m-%d %H:%M:%S}"
        case float() if cell.is_integer():
            return str(int(cell))
        case _:
            return str(cell)


def _number(cell: Cell, place: str) -> JsonValue:
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return cell
    if isinstance(cell, str) and _NUMBER.fullmatch(cell):
        number = float(cell.replace(",", ""))
        if math.isfinite(number):
            return int(number) if number.is_integer() and abs(number) < 2**53 else number
    raise _wrong(place, "a number, such as 1200 or 1,200.5")


def _boolean(cell: Cell, key: str, place: str) -> bool:
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
    found = _instant(cell, zone)
    if found is None and isinstance(cell, str | int):
        match = _COMPACT.fullmatch(str(cell))
        found = None if match is None else _local([match[1], match[2], match[3]], zone)
    if found is None:
        raise _wrong(place, "a date, such as 2026-11-24 or 2026-11-24 09:30")
    return found


def _instant(cell: Cell, zone: ZoneInfo) -> str | None:
    if isinstance(cell, datetime):
        return _wire(cell, zone)
    if not isinstance(cell, str):
        return None
    try:
        return to_wire(from_wire(cell))
    except ValueError:
        match = _DATE.fullmatch(cell)
        return None if match is None else _local([part for part in match.groups() if part is not None], zone)


def _local(parts: list[str], zone: ZoneInfo) -> str | None:
    try:
        return _wire(datetime(*map(int, parts)), zone)  # type: ignore[arg-type]  # noqa: DTZ001 - the channel's zone follows
    except ValueError:
        return None


def _wire(local: datetime, zone: ZoneInfo) -> str | None:
    try:
        return to_wire(local.replace(tzinfo=zone))
    except (OverflowError, ValueError):  # the first or last day there is, which is another in UTC
        return None


def _wrong(place: str, wanted: str) -> Unprocessable:
    return Unprocessable(f"This value is of the wrong type: it must be {wanted}.", code="wrongType", pointer=place)


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
            self._possible &= _could_be(cell, self._zone)

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


def _could_be(cell: Cell, zone: ZoneInfo) -> set[FieldTypeName]:
    match cell:
        case bool():
            return {"Boolean"}
        case int() | float():
            return {"Number"}
        case datetime():
            return {"Date"}
        case str() if cell.casefold() in {"true", "false"}:
            return {"Boolean"}
        # A leading zero or very many digits are a code, of which a number would lose something.
        case str() if _PLAIN_NUMBER.fullmatch(cell):
            return {"Number"}
        case str() if _instant(cell, zone) is not None:
            return {"Date"}
        case _:
            return set()
