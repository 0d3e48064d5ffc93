"""Visits and custom events as they are reported: what is read, and what is refused."""

from collections.abc import Sized
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import JsonValue

from common.clock import from_wire
from common.errors import Unprocessable
from common.ids import parse_id
from common.invisible import has_invisible, unseen
from common.number import one_form
from common.pointer import escape
from contacts.device import read_device
from contacts.member_id import check_member_id
from contacts.size import check_visit, weight

AHEAD = timedelta(minutes=5)
VISIT = "visit"
_MEMBERS = {"id", "memberId", "contactId", "name", "at", "properties", "url", "device"}
_MOST_ID, _MOST_NAME, _MOST_URL, _MOST_KEYS, _MOST_KEY, _MOST_TEXT = 128, 64, 2048, 100, 128, 10_000
_MOST_ELEMENTS, _MOST_ELEMENT = 100, 256


@dataclass(frozen=True, slots=True)
class Reported:
    """One report: of a member or of a contact by id, never both."""

    index: int
    id: str
    member_id: str | None
    contact_id: UUID | None
    name: str
    at: datetime
    properties: dict[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    url: str | None = None
    device: dict[str, JsonValue] | None = None
    bytes: int = field(default=0, compare=False)
    """Of properties, device and url, as JSON."""


def read_report(index: int, raw: object, now: datetime) -> Reported:
    """Read one report of a batch. Raises Unprocessable with the place."""
    place = f"/visits/{index}"
    if not isinstance(raw, dict):
        raise Unprocessable("A visit must be an object.", pointer=place)
    if not raw.keys() <= _MEMBERS:
        unknown = min(raw.keys() - _MEMBERS)
        raise Unprocessable("A visit has no such member.", code="unknownMember", pointer=f"{place}/{escape(unknown)}")
    member_id, contact_id = _whose(raw, place)
    properties = _mapping(raw.get("properties"), f"{place}/properties")
    device = read_device(raw.get("device"), f"{place}/device")
    bytes_ = check_visit([properties, device], place)
    return Reported(
        index,
        _text(raw, "id", place, _MOST_ID),
        member_id,
        contact_id,
        _text(raw, "name", place, _MOST_NAME, VISIT),
        _at(raw.get("at"), now, place),
        properties or {},
        _text(raw, "url", place, _MOST_URL, "") or None,
        device,
        bytes_ + weight(raw.get("url")),
    )


def _whose(raw: dict[str, Any], place: str) -> tuple[str | None, UUID | None]:
    if (raw.get("memberId") is None) == (raw.get("contactId") is None):
        raise Unprocessable("A visit names either `memberId` or `contactId`.", pointer=place)
    if raw.get("memberId") is not None:
        return check_member_id(raw["memberId"], f"{place}/memberId"), None
    contact_id = parse_id(raw["contactId"]) if isinstance(raw["contactId"], str) else None
    if contact_id is None:
        raise Unprocessable("There is no such contact.", code="unknownContact", pointer=f"{place}/contactId")
    return None, contact_id


def _text(raw: dict[str, Any], key: str, place: str, most: int, default: str | None = None) -> str:
    value = raw.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or not value.strip() or len(value) > most:
        detail = f"`{key}` must be a text of 1 to {most:,} characters."
        raise Unprocessable(detail, pointer=f"{place}/{key}", extra={"most": most})
    if has_invisible(value):
        raise unseen(key, f"{place}/{key}")
    return value


def _at(value: object, now: datetime, place: str) -> datetime:
    if value is None:
        return now
    try:
        at = from_wire(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None:
        raise Unprocessable("`at` must be an RFC 3339 instant with an offset.", pointer=f"{place}/at")
    if at > now + AHEAD:
        minutes = int(AHEAD.total_seconds()) // 60
        detail = f"`at` is more than {minutes} minutes ahead. Check the clock of the sender."
        raise Unprocessable(detail, code="inTheFuture", pointer=f"{place}/at", extra={"minutes": minutes})
    return at


def _mapping(value: object, place: str) -> dict[str, JsonValue] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or len(value) > _MOST_KEYS:
        raise Unprocessable(f"This must be an object of {_MOST_KEYS} keys at most.", pointer=place, extra={"most": _MOST_KEYS})
    if max(map(len, value), default=0) > _MOST_KEY:
        detail = f"A property's key has {_MOST_KEY} characters at most."
        raise Unprocessable(detail, code="tooLong", pointer=place, extra={"most": _MOST_KEY})
    return {key: item if _is_plain(item) else _property(item, f"{place}/{escape(key)}") for key, item in value.items()}


def _is_plain(item: object) -> bool:
    """Whether it is a property as it is, as by far the most are."""
    kind = type(item)
    return (kind is str and len(item) <= _MOST_TEXT) or kind is bool or item is None  # type: ignore[arg-type]


def _property(item: object, place: str) -> JsonValue:
    match item:
        case None | bool():
            return item
        case int() | float():
            return one_form(item)
        case str():
            _check_length(item, _MOST_TEXT, "characters", place)
            return item
        case list() if all(isinstance(element, str) for element in item):
            _check_length(item, _MOST_ELEMENTS, "elements", place)
            for n, element in enumerate(item):
                _check_length(element, _MOST_ELEMENT, "characters", f"{place}/{n}")
            return item
        case _:
            raise Unprocessable("A property is a text, a number, true or false, or a list of texts.", pointer=place)


def _check_length(value: Sized, most: int, of_what: str, place: str) -> None:
    if len(value) > most:
        raise Unprocessable(f"This has {most:,} {of_what} at most.", code="tooLong", pointer=place, extra={"most": most})
