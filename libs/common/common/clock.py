"""Time as the system sees it: instants in UTC to the millisecond, given to decisions and never taken by them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Protocol

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


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


def to_wire(instant: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, `2026-11-24T03:00:00.000Z`."""
    utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds")[:-6] + "Z"


def from_wire(text: str) -> datetime:
    """Read RFC 3339 with an offset; digits past the millisecond are cut off.

    Raises ValueError where the text is anything else, an instant without an offset or a bare date included.
    """
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
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A pydantic field type: RFC 3339 on the wire, an aware UTC datetime inside."""
