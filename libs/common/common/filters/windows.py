"""When a date's truth holds: the half-open stretches of the present during which a condition on an instant is true.

Days are whole numbers, 0 is 1970-01-01, so that no day next to the years 1 and 9999 falls out of the calendar. A zone's days are
taken from its offsets alone: a midnight that does not exist, and one that comes twice, need no rule of their own.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from common.clock import EPOCH, to_millis

Stretch = tuple[int | None, int | None]
"""From (inclusive) and to (exclusive), milliseconds since 1970; None is open."""

ALWAYS: tuple[Stretch, ...] = ((None, None),)

_DAY, _HOUR = 86_400_000, 3_600_000
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
# The Gregorian calendar repeats after 400 years, which are whole weeks too.
_CYCLE_YEARS, _CYCLE_DAYS = 400, 146_097
# An offset is taken a little inside the years that datetime knows, so that its local time is one of them too.
_FIRST, _LAST = to_millis(datetime(1, 1, 3, tzinfo=UTC)), to_millis(datetime(9999, 12, 29, tzinfo=UTC))
# No zone has ever been 17 hours away from UTC (Manila was 15:56 behind until 1844).
_FARTHEST_HOURS = 17
_LONGEST_YEAR = 366
_1_MARCH, _28_FEBRUARY = date(2000, 3, 1), 364  # as a day of a leap year, and as a number among the days of the year
# No zone had other clocks than the sun's before the first year; from the last on all go by rules that repeat with the calendar.
_FIRST_CHANGE, _LAST_CHANGE = to_millis(datetime(1800, 1, 1, tzinfo=UTC)), to_millis(datetime(2100, 1, 1, tzinfo=UTC))
# No zone's clocks were ever changed and changed back within three days (Freetown's were within four, in 1939), nor will be
# within four weeks by a rule.
_OFTEN, _BY_RULE = 3 * _DAY, 28 * _DAY
CYCLE = _CYCLE_DAYS * _DAY
"""The milliseconds after which the calendar repeats: 400 years."""
REPEATS_FROM = _LAST_CHANGE
"""From this instant on every zone's offsets are those of one cycle earlier or later."""


def number(year: int, month: int, day: int) -> int:
    """The day's number; any year, before 1 and after 9999 too. Raises ValueError where the day does not exist."""
    cycles = (year - 2000) // _CYCLE_YEARS
    return date(year - cycles * _CYCLE_YEARS, month, day).toordinal() - _EPOCH_ORDINAL + cycles * _CYCLE_DAYS


def civil(day: int) -> tuple[int, int, int]:
    """Year, month and day of a day's number."""
    first = date(2000, 1, 1).toordinal()
    cycles, rest = divmod(day + _EPOCH_ORDINAL - first, _CYCLE_DAYS)
    found = date.fromordinal(first + rest)
    return found.year + cycles * _CYCLE_YEARS, found.month, found.day


def day_of(millis: int, zone: str) -> int:
    """The number of the day on which an instant falls in a zone."""
    return (millis + _offset(millis, zone)) // _DAY


def on(t: int, day: str, zone: str) -> bool:
    """Whether an instant falls on a day, `2026-11-24`."""
    return day_of(t, zone) == date.fromisoformat(day).toordinal() - _EPOCH_ORDINAL


def start_of(day: int, zone: str) -> int:
    """The first instant of a day in a zone; where clocks jump over midnight, the instant of the jump."""
    return _reached(day, zone)[0]


def days(first: int, after: int, zone: str) -> tuple[Stretch, ...]:
    """The instants from the day `first` up to before the day `after`: one stretch, but where clocks went back over midnight."""
    if first >= after:
        return ()
    ups, downs = _reached(first, zone), _reached(after, zone)
    edges = sorted({*ups, *downs})
    inside = [_passed(ups, edge) and not _passed(downs, edge) for edge in edges]
    found: list[Stretch] = []
    for (start, end), within in zip(pairwise(edges), inside, strict=False):
        if within and found and found[-1][1] == start:
            found[-1] = (found[-1][0], end)
        elif within:
            found.append((start, end))
    return tuple(found)


def calendar_days(word: str, day: int) -> tuple[int, int]:
    """The days that a word means on a day, from and up to before: `lastWeek` are the seven before this week's Monday."""
    monday = day - (day + 3) % 7  # 1970-01-01 was a Thursday
    match word:
        case "today":
            return day, day + 1
        case "yesterday":
            return day - 1, day
        case "tomorrow":
            return day + 1, day + 2
        case "thisWeek":
            return monday, monday + 7
        case "lastWeek":
            return monday - 7, monday
        case "nextWeek":
            return monday + 7, monday + 14
        case "thisMonth":
            return _month(day, 0), _month(day, 1)
        case "lastMonth":
            return _month(day, -1), _month(day, 0)
        case "nextMonth":
            return _month(day, 1), _month(day, 2)
        case "thisYear":
            year = civil(day)[0]
            return number(year, 1, 1), number(year + 1, 1, 1)
        case _:
            raise AssertionError(word)


_SEEN_FROM = {
    "yesterday": "tomorrow", "tomorrow": "yesterday", "lastWeek": "nextWeek", "nextWeek": "lastWeek",
    "lastMonth": "nextMonth", "nextMonth": "lastMonth",
}  # fmt: skip


def calendar(t: int, word: str, zone: str) -> tuple[Stretch, ...]:
    """During which stretches of the present an instant is `today`, `lastWeek` and so on: weeks start on Monday."""
    # What is last week for us has us in its next week.
    first, after = calendar_days(_SEEN_FROM.get(word, word), day_of(t, zone))
    return days(first, after, zone)


def anniversaries(t: int, within: int, zone: str, now: int) -> tuple[Stretch, ...]:
    """The stretches, from before `now` to more than a year after, in which month and day come round within so many days."""
    if within >= _LONGEST_YEAR - 1:
        return ALWAYS  # one stretch ends where the next begins, or later
    _, month, day = civil(day_of(t, zone))
    this_year = civil(day_of(now, zone))[0]
    found: list[Stretch] = []
    for year in range(this_year - 1, this_year + 3):
        comes = number(year, 2, 28) if (month, day) == (2, 29) and not _leap(year) else number(year, month, day)
        found.extend(days(comes - within, comes + 1, zone))
    return tuple(found)


def coming_days(within: int, zone: str, now: int) -> tuple[int, int]:
    """The days of the year, 29 February too, that come round today or within so many days, fewer than 365: the first, how many.

    A day of the year is counted from 1 March, 0, to 29 February, 365, so that each has one number whatever the year.
    """
    today = day_of(now, zone)
    first, last = _year_day(today), _year_day(today + within)
    if last == _28_FEBRUARY and not _leap(civil(today + within)[0]):
        last += 1
    return first, (last - first) % _LONGEST_YEAR + 1


@lru_cache(maxsize=1024)
def offsets(zone: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A zone's whole table: the instants from which its clocks go otherwise, and how far ahead of UTC they are from each on.

    Before the second instant the first offset holds, however long ago; the table ends one cycle after REPEATS_FROM.
    """
    clocks = ZoneInfo(zone)

    def offset(second: int) -> timedelta | None:
        return datetime.fromtimestamp(second, clocks).utcoffset()

    def other(before: timedelta | None) -> Callable[[int], bool]:
        return lambda second: offset(second) != before

    at, last, end = (instant // 1000 for instant in (_FIRST_CHANGE, _LAST_CHANGE, _LAST_CHANGE + CYCLE))
    since, now = [at], offset(at)
    while at < end:
        following = at + (_OFTEN if at < last else _BY_RULE) // 1000
        if offset(following) != now:
            following = at + bisect_left(range(at, following), True, key=other(now))
            since.append(following)
            now = offset(following)
        at = following
    starts = [second * 1000 for second in since]
    ahead = [_offset(start, zone) for start in starts]
    return tuple(starts), tuple(ahead)


def at(stretches: tuple[Stretch, ...], now: int) -> tuple[bool, int | None]:
    """Whether the present lies in any of the stretches, and the first later instant at which that changes."""
    if len(stretches) == 1:
        return _of_one(*stretches[0], now)
    within = inside(stretches, now)
    for edge in sorted({edge for stretch in stretches for edge in stretch if edge is not None and edge > now}):
        if inside(stretches, edge) != within:
            return within, edge
    return within, None


def _of_one(begin: int | None, end: int | None, now: int) -> tuple[bool, int | None]:
    """The same for a single stretch, as nearly all windows are, at a quarter of the cost."""
    if begin is not None and now < begin:
        return False, begin if end is None or begin < end else None
    inside = end is None or now < end
    return inside, end if inside else None


def inside(stretches: tuple[Stretch, ...], instant: int) -> bool:
    """Whether an instant lies in any of the stretches."""
    for start, end in stretches:  # noqa: SIM110 - a generator costs more than what it asks
        if (start is None or start <= instant) and (end is None or instant < end):
            return True
    return False


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _year_day(day: int) -> int:
    _, month, of_month = civil(day)
    return (_1_MARCH.replace(month=month, day=of_month) - _1_MARCH).days % _LONGEST_YEAR


def _month(day: int, months: int) -> int:
    year, month, _ = civil(day)
    index = year * 12 + month - 1 + months
    return number(index // 12, index % 12 + 1, 1)


def _offset(millis: int, zone: str) -> int:
    """How far the zone's clocks are ahead of UTC at an instant, in milliseconds."""
    instant = EPOCH + timedelta(milliseconds=min(max(millis, _FIRST), _LAST))
    ahead = instant.astimezone(ZoneInfo(zone)).utcoffset()
    assert ahead is not None
    return ahead // timedelta(milliseconds=1)


def _passed(flips: tuple[int, ...], instant: int) -> bool:
    return sum(flip <= instant for flip in flips) % 2 == 1


@lru_cache(maxsize=65_536)
def _reached(day: int, zone: str) -> tuple[int, ...]:
    """The instants at which "the local day is this one or a later one" becomes true, false again, true: mostly just one."""
    midnight = day * _DAY
    flips: list[int] = []
    reached = False
    for start, end, offset in _pieces(midnight, zone):
        due = min(max(midnight - offset, start), end)
        if due > start and reached:
            flips.append(start)
            reached = False
        if due < end and not reached:
            flips.append(due)
            reached = True
    return tuple(flips)


def _pieces(around: int, zone: str) -> Iterator[tuple[int, int, int]]:
    """The time around an instant in pieces of one offset each: from, to, offset."""
    start = around - _FARTHEST_HOURS * _HOUR
    offset = _offset(start, zone)
    for hour in range(start, around + _FARTHEST_HOURS * _HOUR, _HOUR):
        if _offset(hour + _HOUR, zone) != offset:
            low, high = hour, hour + _HOUR
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _offset(middle, zone) == offset else (low, middle)
            yield start, high, offset
            start, offset = high, _offset(high, zone)
    yield start, around + _FARTHEST_HOURS * _HOUR, offset
