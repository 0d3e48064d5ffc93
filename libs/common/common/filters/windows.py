"""When a date's truth holds: the half-open stretches of the present during which a condition on an instant is true."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from common.clock import EPOCH, to_millis

Stretch = tuple[int | None, int | None]
"""From (inclusive) and to (exclusive), milliseconds since 1970; None is open."""

_ANNIVERSARY_YEARS = 12  # every combination of leap and common years next to each other comes round within nine years


@lru_cache(maxsize=65_536)
def start_of(day: date, zone: str) -> int:
    """The first instant of a day in a zone; where clocks jump over midnight, the first instant after the jump."""
    local = datetime.combine(day, time(), ZoneInfo(zone))
    instant = local.astimezone(UTC)
    if instant.astimezone(ZoneInfo(zone)).date() < day:  # midnight does not exist that day
        before = instant - timedelta(hours=3)
        low, high = to_millis(before), to_millis(instant + timedelta(hours=3))
        while high - low > 1:
            middle = (low + high) // 2
            if day_of(middle, zone) < day:
                low = middle
            else:
                high = middle
        return high
    return to_millis(instant)


def day_of(millis: int, zone: str) -> date:
    """The day on which an instant falls in a zone."""
    return (EPOCH + timedelta(milliseconds=millis)).astimezone(ZoneInfo(zone)).date()


def on(t: int, day: str, zone: str) -> bool:
    """Whether an instant falls on a day."""
    return day_of(t, zone) == date.fromisoformat(day)


def _month(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def calendar(t: int, word: str, zone: str) -> Stretch:
    """During which present days an instant is `today`, `lastWeek` and so on: weeks start on Monday."""
    day = day_of(t, zone)
    try:
        first, after = _calendar_days(day, word)
    except (OverflowError, ValueError):
        return (0, 0)  # the stretch lies outside the years that there are
    return start_of(first, zone), start_of(after, zone)


def _calendar_days(day: date, word: str) -> tuple[date, date]:
    one = timedelta(days=1)
    monday = day - timedelta(days=day.weekday())
    week = timedelta(days=7)
    match word:
        case "today":
            return day, day + one
        case "yesterday":
            return day + one, day + 2 * one
        case "tomorrow":
            return day - one, day
        case "thisWeek":
            return monday, monday + week
        case "lastWeek":
            return monday + week, monday + 2 * week
        case "nextWeek":
            return monday - week, monday
        case "thisMonth":
            return _month(day, 0), _month(day, 1)
        case "lastMonth":
            return _month(day, 1), _month(day, 2)
        case "nextMonth":
            return _month(day, -1), _month(day, 0)
        case "thisYear":
            return date(day.year, 1, 1), date(day.year + 1, 1, 1)
        case _:
            raise AssertionError(word)


def anniversaries(t: int, days: int, zone: str, now: int) -> Iterator[Stretch]:
    """The stretches in which the month and day come round today or within the next `days` days, from about now on."""
    born = day_of(t, zone)
    this_year = day_of(now, zone).year
    # A window of many days reaches back over years: it starts that long before the day that comes round.
    last = this_year + _ANNIVERSARY_YEARS + days // 365
    for year in range(max(1, this_year - 1), min(last, 9998) + 1):
        comes = date(year, 2, 28) if (born.month, born.day) == (2, 29) and not _leap(year) else date(year, born.month, born.day)
        try:
            first = comes - timedelta(days=days)
        except OverflowError:
            first = date(1, 1, 1)
        yield start_of(first, zone), start_of(comes + timedelta(days=1), zone)


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def at(stretches: list[Stretch], now: int) -> tuple[bool, int | None]:
    """Whether the present lies in any of the stretches, and the first later instant at which that changes."""
    inside = any((a is None or a <= now) and (b is None or now < b) for a, b in stretches)
    edges = sorted({edge for stretch in stretches for edge in stretch if edge is not None and edge > now})
    for edge in edges:
        if any((a is None or a <= edge) and (b is None or edge < b) for a, b in stretches) != inside:
            return inside, edge
    return inside, None
