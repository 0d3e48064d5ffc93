"""The steps that a segment's counts are told by: aligned, days and weeks in the channel's zone. Pure; milliseconds."""

from typing import Literal, assert_never

from common.errors import Unprocessable, WrongOrder
from common.filters import windows

MOST = 1000
_USUAL = 30
_MINUTE, _HOUR, _DAY = 60_000, 3_600_000, 86_400_000
_FIRST, _LAST = -62_135_596_800_000, 253_402_300_799_999  # the years 1 and 9999: an instant beyond has no writing

Step = Literal["minute", "hour", "day", "week"]


def steps(step: Step, begin: int | None, end: int, zone: str) -> list[int]:
    """Where each step begins, and at last where the last one ends: all that have to do with `begin` up to before `end`.

    Without `begin` the last 30, the one of `end` included. Raises Unprocessable for more than 1,000, and for a later `begin`.
    """
    if begin is not None and begin > end:
        raise WrongOrder
    after = _number(step, end, zone)
    while _start(step, after, zone) < end or (begin is None and _start(step, after, zone) == end):
        after += 1
    first = after - _USUAL if begin is None else _number(step, begin, zone)
    if after - first > MOST:
        raise Unprocessable(
            f"That would be more than {MOST:,} steps. Ask for longer ones, or for less time.", extra={"most": MOST}
        )
    edges = (_start(step, number, zone) for number in range(first, after + 1))
    return sorted({min(max(edge, _FIRST), _LAST) for edge in edges})


def _number(step: Step, at: int, zone: str) -> int:
    """Which step an instant is in."""
    match step:
        case "minute":
            return at // _MINUTE
        case "hour":
            return at // _HOUR
        case "day":
            return windows.day_of(at, zone)
        case "week":
            return (windows.day_of(at, zone) + 3) // 7  # 1970-01-01 was a Thursday
        case _:
            assert_never(step)


def _start(step: Step, number: int, zone: str) -> int:
    """The first instant of a step."""
    match step:
        case "minute":
            return number * _MINUTE
        case "hour":
            return number * _HOUR
        case "day":
            return windows.start_of(number, zone)
        case "week":
            return windows.start_of(number * 7 - 3, zone)
        case _:
            assert_never(step)
