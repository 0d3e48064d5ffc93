"""Steps of counts against plain clocks: aligned, without a gap, and no more of them than were asked for."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.clock import from_millis, to_millis
from common.errors import Unprocessable
from segments.steps import MOST, Step, steps

ZONES = ["UTC", "Asia/Seoul", "Asia/Kolkata", "America/New_York", "America/Sao_Paulo", "Pacific/Apia", "Australia/Lord_Howe"]
INSTANTS = st.datetimes(datetime(1950, 1, 1), datetime(2060, 1, 1)).map(lambda at: to_millis(at.replace(tzinfo=UTC)))


def is_aligned(at: int, step: Step, zone: str) -> bool:
    local = from_millis(at).astimezone(ZoneInfo(zone))
    before = (from_millis(at) - timedelta(milliseconds=1)).astimezone(ZoneInfo(zone))
    match step:
        case "minute":
            return at % 60_000 == 0
        case "hour":
            return at % 3_600_000 == 0
        case "day":  # midnight, or the jump over it
            return local.date() > before.date()
        case "week":
            return local.date() > before.date() and local.date().isocalendar()[:2] != before.date().isocalendar()[:2]


@given(st.sampled_from(["minute", "hour", "day", "week"]), INSTANTS, st.integers(0, 900), st.sampled_from(ZONES))
@example("day", to_millis(datetime(2011, 12, 29, 10, tzinfo=UTC)), 3, "Pacific/Apia")  # a day that never was
@example("day", to_millis(datetime(2018, 11, 4, 2, tzinfo=UTC)), 2, "America/Sao_Paulo")  # a midnight that never was
def test_steps_are_aligned_and_hold_what_was_asked_for(step: Step, begin: int, length: int, zone: str) -> None:
    millis = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000, "week": 604_800_000}[step]
    end = begin + length * millis // 3
    edges = steps(step, begin, end, zone)
    assert edges[0] <= begin
    assert edges[-1] >= end
    assert all(is_aligned(edge, step, zone) for edge in edges)
    assert all(0 < after - before <= millis + 86_400_000 for before, after in pairwise(edges))
    if end > begin:
        assert edges[1] > begin
        assert edges[-2] < end


@pytest.mark.parametrize("step", ["minute", "hour", "day", "week"])
def test_by_default_the_last_thirty_are_told_the_present_one_too(step: Step) -> None:
    for now in (to_millis(datetime(2026, 11, 24, 12, 34, 56, tzinfo=UTC)), to_millis(datetime(2026, 11, 22, 15, tzinfo=UTC))):
        edges = steps(step, None, now, "Asia/Seoul")
        assert (len(edges), edges[-2] <= now < edges[-1]) == (31, True)


def test_too_many_and_turned_round_ones_are_refused() -> None:
    assert len(steps("minute", 0, MOST * 60_000, "UTC")) == MOST + 1
    for begin, end in ((0, MOST * 60_000 + 1), (1, 0)):
        with pytest.raises(Unprocessable):
            steps("minute", begin, end, "UTC")


def test_the_first_and_the_last_year_have_steps_too() -> None:
    first, last = to_millis(datetime(1, 1, 1, tzinfo=UTC)), to_millis(datetime(9999, 12, 31, 23, 59, tzinfo=UTC))
    for zone in ZONES:
        for at in (first, last):
            edges = steps("week", at, at + 1, zone)
            assert all(from_millis(edge) for edge in edges)
