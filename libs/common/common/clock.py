"""Time as the system sees it: instants in UTC to the millisecond, given to decisions and never taken by them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, NewType, Protocol

import msgspec
from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)

_LENGTH = len("2026-11-24T03:00:00.000Z")
_SCHEMA = {"type": "string", "format": "date-time"}

_Written = NewType("_Written", str)
WireInstant = Annotated[_Written, msgspec.Meta(extra_json_schema={"format": "date-time"}), WithJsonSchema(_SCHEMA)]
"""An instant as it goes on the wire, `2026-11-24T03:00:00.000Z`. `to_wire` alone makes it: the order of texts is that of time."""


class Clock(Protocol):
    """Where the present comes from."""

    def now(self) -> datetime:
        """The present instant, UTC, cut to the millisecond."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant, UTC, cut to the millisecond."""
        return cut(datetime.now(UTC))


class FixedClock:
    """A clock that stands until it is set: for tests and replays."""

    def __init__(self, now: datetime) -> None:
        self.instant = cut(now)

    def now(self) -> datetime:
        """The instant it was last set to."""
        return self.instant


def cut(instant: datetime) -> datetime:
    """The instant without its digits past the millisecond."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def to_millis(instant: datetime) -> int:
    """Milliseconds since 1970 in UTC."""
    return (instant - EPOCH) // timedelta(milliseconds=1)


def from_millis(millis: int) -> datetime:
    """The instant that many milliseconds after 1970 in UTC."""
    return EPOCH + timedelta(milliseconds=millis)


def to_wire(instant: datetime) -> WireInstant:
    """RFC 3339 in UTC with milliseconds, `2026-11-24T03:00:00.000Z`."""
    at = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    # `isoformat` takes nearly twice as long.
    parts = (at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond // 1000)
    return _Written("%04d-%02d-%02dT%02d:%02d:%02d.%03dZ" % parts)  # noqa: UP031


def from_wire(text: str) -> datetime:
    """Read RFC 3339 with an offset; digits past the millisecond are cut off.

    Raises ValueError where the text is anything else, an instant without an offset or a bare date included.
    """
    instant = _from_our_own(text)
    return _from_any(text) if instant is None else instant


def is_wire(text: str) -> bool:
    """Whether a text is an instant as `to_wire` writes it."""
    return _from_our_own(text) is not None


def _from_our_own(text: str) -> datetime | None:
    """What `to_wire` wrote, at a tenth of the cost of reading any; None for what it did not write."""
    if len(text) != _LENGTH or text[4:22:3] != "--T::." or text[11:13] > "23" or text[23] != "Z":
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _from_any(text: str) -> datetime:
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("must be an RFC 3339 instant with an offset, such as 2026-11-24T03:00:00.000Z")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    try:
        local = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=UTC)
        if offset not in "Zz":
            sign = 1 if offset[0] == "+" else -1
            if int(offset[1:3]) > 23 or int(offset[4:6]) > 59:
                raise ValueError
            local -= sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6]))
    except (ValueError, OverflowError):
        raise ValueError("must be an instant that exists, between the years 1 and 9999") from None
    return local + timedelta(milliseconds=int((fraction or "0")[:3].ljust(3, "0")))


def _read(value: object) -> datetime:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return cut(value.astimezone(UTC))
    if isinstance(value, str):
        return from_wire(value)
    raise ValueError("must be an RFC 3339 instant with an offset, such as 2026-11-24T03:00:00.000Z")


Instant = Annotated[
    datetime,
    BeforeValidator(_read),
    PlainSerializer(to_wire, return_type=str, when_used="json-unless-none"),
    WithJsonSchema(_SCHEMA),
]
"""A pydantic field type: RFC 3339 on the wire, an aware UTC datetime inside."""
