"""Dates as Korean and English programs write them, read where they can mean one instant alone."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from common.clock import to_wire

_MONTHS = {
    "jan": 1, "january": 1, "feb": 2, "february": 2, "mar": 3, "march": 3, "apr": 4, "april": 4, "may": 5, "jun": 6, "june": 6,
    "jul": 7, "july": 7, "aug": 8, "august": 8, "sep": 9, "sept": 9, "september": 9, "oct": 10, "october": 10,
    "nov": 11, "november": 11, "dec": 12, "december": 12,
}  # fmt: skip
_WEEKDAYS = {
    "mon": 0, "monday": 0, "tue": 1, "tues": 1, "tuesday": 1, "wed": 2, "wednesday": 2, "thu": 3, "thur": 3, "thurs": 3,
    "thursday": 3, "fri": 4, "friday": 4, "sat": 5, "saturday": 5, "sun": 6, "sunday": 6,
    **{f"{day}{suffix}": number for number, day in enumerate("월화수목금토일") for suffix in ("", "요일")},
}  # fmt: skip
_BEFORE_NOON = frozenset({"am", "a.m.", "오전", "午前", "上午"})
_AFTER_NOON = frozenset({"pm", "p.m.", "오후", "午後", "下午"})
# The zones whose letters mean one offset everywhere; EST, IST and most others are several zones' letters.
_NAMED = {"z": 0, "utc": 0, "gmt": 0, "kst": 9, "jst": 9}


def _any(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_MONTH = rf"(?P<month_name>{_any(_MONTHS)})\.?"
_ENGLISH_DAY = rf"(?:{_any(n for n in _WEEKDAYS if n.isascii())})"
_LEADING_DAY = rf"(?:(?P<first_weekday>{_ENGLISH_DAY})\.?,?\s+)?"
_KOREAN_DAY = rf"(?:\s*\(\s*(?P<weekday>{_any(_WEEKDAYS)})\s*\)|\s*(?P<bare_weekday>[월화수목금토일]요일))?"
_DATES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?P<year>\d{{4}})\s*[-./년年]\s*(?P<month>\d{{1,2}})\s*[-./월月]\s*(?P<day>\d{{1,2}})(?:\s*[.일日])?{_KOREAN_DAY}",
        rf"{_LEADING_DAY}{_MONTH}\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year>\d{{4}})(?!\d|:)",
        rf"{_LEADING_DAY}(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:\s+|-){_MONTH},?(?:\s+|-)(?P<year>\d{{4}})(?!\d|:)",
        r"(?P<one>\d{1,2})\s*(?P<between>[-./])\s*(?P<other>\d{1,2})\s*(?P=between)\s*(?P<year>\d{4})",
    )
)
# As Unix and Java write it: the year stands behind the time.
_YEAR_LAST = re.compile(rf"({_ENGLISH_DAY}\s+[a-z]+\s+\d{{1,2}})\s+(\d\d:\d\d:\d\d(?:\s+[a-z]+)?)\s+(\d{{4}})")
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:t?(\d\d)(\d\d)(\d\d)?)?(?=\D|\Z)")
_HALF = rf"(?:{_any(_BEFORE_NOON | _AFTER_NOON)})"
_TIME = re.compile(
    rf"(?:(?P<half>{_HALF})\s*)?(?P<hour>\d{{1,2}})"
    r"(?:\s*:\s*(?P<minute>\d{2})(?:\s*:\s*(?P<second>\d{2})(?:[.,](?P<fraction>\d+))?)?"
    r"|\s*시(?:\s*(?P<korean_minute>\d{1,2})\s*분(?:\s*(?P<korean_second>\d{1,2})\s*초)?)?)"
    rf"(?:\s*(?P<late_half>{_HALF}))?"
)
_OFFSET = re.compile(
    r"(?P<zone>z|utc|gmt|kst|jst)?\s*(?:(?P<sign>[+-])(?P<hours>\d{1,2})(?::?(?P<minutes>\d{2}))?)?"
    r"(?:\s*\([^()\d]*\)|\[[a-z0-9_/+-]+\])?"
)
_BARE_NUMBER = re.compile(r"\s*[+-]")
_DAY_OFFSET = re.compile(r"z|[+-]\d{2}:\d{2}")


def read_date(text: str, zone: ZoneInfo) -> str | None:
    """The instant on the wire, in the zone where the text has no offset; None for what is no date, or could be two days.

    Digits alone are none: they may as well be a number or a code.
    """
    return None if text.strip().isdigit() else _read(text, zone)


def read_compact(digits: str, zone: ZoneInfo) -> str | None:
    """The same for digits alone: `20261124`, `20261124153005`."""
    return _read(digits, zone) if digits.isdigit() and len(digits) in (8, 12, 14) else None


def is_two_days(text: str) -> bool:
    """Whether a date is one by day and month and another by month and day."""
    match = _DATES[-1].match(unicodedata.normalize("NFKC", text).strip())
    return match is not None and match["one"] != match["other"] and int(match["one"]) <= 12 and int(match["other"]) <= 12


def _read(text: str, zone: ZoneInfo) -> str | None:
    text = unicodedata.normalize("NFKC", text).replace("\u2212", "-").strip().lower()
    turned = _YEAR_LAST.fullmatch(text)
    if turned is not None:
        text = f"{turned[1]} {turned[3]} {turned[2]}"
    try:
        return _parsed(text, zone)
    except (ValueError, OverflowError):  # no such day or time; or the first or last day there is, which is another in UTC
        return None


def _parsed(text: str, zone: ZoneInfo) -> str | None:
    match = next((match for pattern in _DATES if (match := pattern.match(text))), None)
    if match is not None:
        day = _day(match.groupdict())
        return None if day is None else _instant(day, text[match.end() :], zone)
    compact = _COMPACT.match(text)
    if compact is None:
        return None
    rest = text[compact.end() :]
    # Behind bare digits a number is no offset but a part of a code: orders are called 20261124-0001.
    if "t" not in compact[0] and _BARE_NUMBER.match(rest):
        return None
    local = datetime(*(int(part or 0) for part in compact.groups()))  # type: ignore[arg-type]  # noqa: DTZ001 - the zone follows
    return _wire(local, rest, zone)


def _day(parts: dict[str, str | None]) -> datetime | None:
    year = int(parts["year"] or 0)
    if parts.get("one") is not None:
        one, other = int(parts["one"] or 0), int(parts["other"] or 0)
        if one != other and one <= 12 and other <= 12:
            return None
        month, day = (one, other) if one <= 12 else (other, one)
    else:
        name = parts.get("month_name")
        month = int(parts["month"] or 0) if name is None else _MONTHS[name]
        day = int(parts["day"] or 0)
    found = datetime(year, month, day)  # noqa: DTZ001 - the zone follows
    said = next((name for key in ("weekday", "bare_weekday", "first_weekday") if (name := parts.get(key))), None)
    return None if said is not None and _WEEKDAYS[said] != found.weekday() else found


def _instant(day: datetime, rest: str, zone: ZoneInfo) -> str | None:
    """The day with what stands behind it: nothing, or a time, with an offset or without."""
    if _DAY_OFFSET.fullmatch(rest):
        return _wire(day, rest, zone)
    apart = re.match(r"(?:t|,?\s+at\s+|,?\s*(?=\s|오|午|上|下)|\s*:(?=\d\d:\d\d:\d\d)|)\s*", rest)
    begin = 0 if apart is None else apart.end()
    if begin == len(rest):
        return _wire(day, "", zone)
    match = _TIME.match(rest, begin)
    if match is None or (begin == 0 and match["half"] is None):
        return None
    hour = _hour(int(match["hour"]), match["half"], match["late_half"])
    if hour is None:
        return None
    minute, second = (int(match[a] or match[b] or 0) for a, b in (("minute", "korean_minute"), ("second", "korean_second")))
    micro = int((match["fraction"] or "0")[:6].ljust(6, "0"))
    return _wire(day.replace(hour=hour, minute=minute, second=second, microsecond=micro), rest[match.end() :], zone)


def _hour(hour: int, before: str | None, behind: str | None) -> int | None:
    half = before or behind
    if half is None:
        return hour
    if before and behind:
        return None
    if half in _BEFORE_NOON:
        return None if hour > 12 else hour % 12
    return hour if hour > 12 else hour % 12 + 12


def _wire(local: datetime, rest: str, zone: ZoneInfo) -> str | None:
    """The instant of a local time, by the offset in the rest of the text or, where there is none, by the zone's clock."""
    rest = rest.strip()
    if not rest:
        return to_wire(local.replace(tzinfo=zone))
    match = _OFFSET.fullmatch(rest)
    if match is None or (match["zone"] is None and match["sign"] is None):
        return None
    offset = timedelta(hours=_NAMED[match["zone"]] if match["zone"] else 0)
    if match["sign"] is not None:
        if match["zone"] not in (None, "utc", "gmt"):
            return None
        hours, minutes = int(match["hours"]), int(match["minutes"] or 0)
        if hours > 23 or minutes > 59:
            return None
        offset = timedelta(hours=hours, minutes=minutes) * (1 if match["sign"] == "+" else -1)
    return to_wire(local.replace(tzinfo=timezone(offset)).astimezone(UTC))
