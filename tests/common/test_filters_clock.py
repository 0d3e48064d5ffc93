"""Windows and days: edges to the millisecond, zones with their changes, leap days, years at the ends of the calendar."""

from bisect import bisect_right
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.clock import EPOCH, from_millis, from_wire, to_millis, to_wire
from common.filters import Context, FieldDefinition, FieldType, NamedSegment, Verdict, evaluate, explain, parse, windows
from common.zones import zone_names
from tests.support import oracle
from tests.support.filter_values import WORDS, ZONES

DAY = 86_400_000


def ms(text: str) -> int:
    return to_millis(from_wire(text))


def judged(value: str, operator: str, values: list[Any], now: str | int, zone: str = "Asia/Seoul") -> Verdict:
    context = Context("KR", zone, {"d": FieldDefinition(FieldType.DATE)})
    node = parse({"key": "profile.d", "operator": operator, "values": values}, context)
    return evaluate(node, {"profile": {"d": value}}, ms(now) if isinstance(now, str) else now)


T = "2026-11-24T03:00:00.000Z"


@pytest.mark.parametrize(
    ("operator", "values", "shift", "truth", "change"),
    [
        ("withinLast", [{"n": 7, "unit": "days"}], -1, False, 0),
        ("withinLast", [{"n": 7, "unit": "days"}], 0, True, 7 * DAY),
        ("withinLast", [{"n": 7, "unit": "days"}], 7 * DAY - 1, True, 7 * DAY),
        ("withinLast", [{"n": 7, "unit": "days"}], 7 * DAY, False, None),
        ("withinLast", [{"n": 1, "unit": "weeks"}], 7 * DAY - 1, True, 7 * DAY),
        ("withinLast", [{"n": 90, "unit": "minutes"}], 0, True, 5_400_000),
        ("withinLast", [{"n": 36, "unit": "hours"}], 0, True, 129_600_000),
        ("notWithinLast", [{"n": 7, "unit": "days"}], 7 * DAY - 1, False, 7 * DAY),
        ("notWithinLast", [{"n": 7, "unit": "days"}], 7 * DAY, True, None),
        ("notWithinLast", [{"n": 7, "unit": "days"}], -1, False, 7 * DAY),  # in the future is not long ago
        ("withinNext", [{"n": 7, "unit": "days"}], -7 * DAY - 1, False, -7 * DAY),
        ("withinNext", [{"n": 7, "unit": "days"}], -7 * DAY, True, 0),
        ("withinNext", [{"n": 7, "unit": "days"}], -1, True, 0),
        ("withinNext", [{"n": 7, "unit": "days"}], 0, False, None),
        ("before", ["2026-11-24T03:00:00.001Z"], 0, True, None),
        ("before", [T], 0, False, None),
        ("after", [T], 0, False, None),
        ("after", ["2026-11-24T11:59:59.999+09:00"], 0, True, None),
        ("after", ["2026-11-24T03:00:00.0009999Z"], 0, False, None),  # digits past the millisecond are cut off
        ("between", [T, "2026-11-24T03:00:00.001Z"], 0, True, None),
        ("between", ["2026-11-24T02:00:00Z", T], 0, False, None),
        ("between", [T, T], 0, False, None),
    ],
)
def test_windows_are_half_open_to_the_millisecond(
    operator: str, values: list[Any], shift: int, truth: bool, change: int | None
) -> None:
    assert judged(T, operator, values, ms(T) + shift) == Verdict(truth, None if change is None else ms(T) + change)


@pytest.mark.parametrize(
    ("value", "day", "zone", "truth"),
    [
        ("2026-11-23T15:00:00.000Z", "2026-11-24", "Asia/Seoul", True),
        ("2026-11-23T14:59:59.999Z", "2026-11-24", "Asia/Seoul", False),
        ("2026-11-24T14:59:59.999Z", "2026-11-24", "Asia/Seoul", True),
        ("2026-11-24T15:00:00.000Z", "2026-11-24", "Asia/Seoul", False),
        ("2026-03-08T05:00:00.000Z", "2026-03-08", "America/New_York", True),
        ("2026-03-09T03:59:59.999Z", "2026-03-08", "America/New_York", True),  # a day of 23 hours
        ("2026-03-09T04:00:00.000Z", "2026-03-08", "America/New_York", False),
        ("2026-11-02T04:59:59.999Z", "2026-11-01", "America/New_York", True),  # a day of 25 hours
        ("2026-11-02T05:00:00.000Z", "2026-11-01", "America/New_York", False),
        ("9999-12-31T23:59:59.999Z", "9999-12-31", "UTC", True),
        ("9999-12-31T23:59:59.999Z", "9999-12-31", "Asia/Seoul", False),
        ("0001-01-01T00:00:00.000Z", "0001-01-01", "America/New_York", False),
        ("0001-01-01T00:00:00.000Z", "0001-01-01", "UTC", True),
    ],
)
def test_a_day_is_a_day_of_the_channel(value: str, day: str, zone: str, truth: bool) -> None:
    assert judged(value, "on", ["2000-01-01", day], T, zone) == Verdict(truth, None)


@pytest.mark.parametrize(
    ("word", "first", "after"),
    [  # the stretch of the present in which 2026-11-24T03:00Z, a Tuesday noon in Seoul, is what the word says
        ("today", "2026-11-23T15:00:00Z", "2026-11-24T15:00:00Z"),
        ("yesterday", "2026-11-24T15:00:00Z", "2026-11-25T15:00:00Z"),
        ("tomorrow", "2026-11-22T15:00:00Z", "2026-11-23T15:00:00Z"),
        ("thisWeek", "2026-11-22T15:00:00Z", "2026-11-29T15:00:00Z"),  # from Monday the 23rd
        ("lastWeek", "2026-11-29T15:00:00Z", "2026-12-06T15:00:00Z"),
        ("nextWeek", "2026-11-15T15:00:00Z", "2026-11-22T15:00:00Z"),
        ("thisMonth", "2026-10-31T15:00:00Z", "2026-11-30T15:00:00Z"),
        ("lastMonth", "2026-11-30T15:00:00Z", "2026-12-31T15:00:00Z"),
        ("nextMonth", "2026-09-30T15:00:00Z", "2026-10-31T15:00:00Z"),
        ("thisYear", "2025-12-31T15:00:00Z", "2026-12-31T15:00:00Z"),
    ],
)
def test_calendar_words_turn_at_local_midnight(word: str, first: str, after: str) -> None:
    assert judged(T, "calendar", [word], ms(first) - 1) == Verdict(False, ms(first))
    assert judged(T, "calendar", [word], first) == Verdict(True, ms(after))
    assert judged(T, "calendar", [word], ms(after) - 1) == Verdict(True, ms(after))
    assert judged(T, "calendar", [word], after) == Verdict(False, None)


def test_adjoining_words_hold_without_a_gap() -> None:
    assert judged(T, "calendar", ["today", "yesterday"], T) == Verdict(True, ms("2026-11-25T15:00:00Z"))


@pytest.mark.parametrize(
    ("zone", "day", "first", "after"),
    [
        ("America/New_York", "2026-03-08", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"),
        ("America/New_York", "2026-11-01", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"),
        ("Asia/Beirut", "2026-03-29", "2026-03-28T22:00:00Z", "2026-03-29T21:00:00Z"),  # it has no midnight
        ("America/Santiago", "2026-04-04", "2026-04-04T03:00:00Z", "2026-04-05T04:00:00Z"),  # its last hour comes twice
        ("America/Havana", "2026-11-01", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"),  # its first hour comes twice
        ("Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00:00Z", "2026-04-05T13:30:00Z"),
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"),
    ],
)
def test_today_through_changes_of_the_clocks(zone: str, day: str, first: str, after: str) -> None:
    start = ms(first)
    assert judged(first, "on", [day], T, zone).truth
    assert not judged(to_wire(from_millis(start - 1)), "on", [day], T, zone).truth
    assert judged(first, "calendar", ["today"], start, zone) == Verdict(True, ms(after))
    assert judged(first, "calendar", ["today"], start - 1, zone) == Verdict(False, start)


def test_a_day_that_never_was_holds_no_instant() -> None:
    number = windows.number(2011, 12, 30)  # Samoa went over the date line
    assert windows.days(number, number + 1, "Pacific/Apia") == ()
    assert windows.start_of(number, "Pacific/Apia") == windows.start_of(number + 1, "Pacific/Apia") == ms("2011-12-30T10:00:00Z")


def test_a_day_that_was_left_and_entered_again_has_two_stretches() -> None:
    # In Newfoundland clocks went back at one minute past midnight, so the evening before came again.
    number, zone = windows.number(2006, 10, 29), "America/St_Johns"
    minute = (ms("2006-10-29T02:30:00Z"), ms("2006-10-29T02:31:00Z"))
    again = (ms("2006-10-29T03:30:00Z"), ms("2006-10-30T03:30:00Z"))
    assert windows.days(number, number + 1, zone) == (minute, again)
    assert windows.days(number - 1, number, zone)[-1] == (minute[1], again[0])
    assert judged("2006-10-29T12:00:00Z", "calendar", ["today"], minute[0], zone) == Verdict(True, minute[1])
    assert judged("2006-10-29T12:00:00Z", "calendar", ["today"], minute[1], zone) == Verdict(False, again[0])


@pytest.mark.parametrize(
    ("born", "n", "now", "truth", "change"),
    [
        ("1990-11-24T03:00:00Z", 0, "2026-11-23T14:59:59.999Z", False, "2026-11-23T15:00:00Z"),
        ("1990-11-24T03:00:00Z", 0, "2026-11-23T15:00:00Z", True, "2026-11-24T15:00:00Z"),
        ("1990-11-24T03:00:00Z", 0, "2026-11-24T15:00:00Z", False, "2027-11-23T15:00:00Z"),
        ("1990-11-24T03:00:00Z", 7, "2026-11-16T15:00:00Z", True, "2026-11-24T15:00:00Z"),
        ("1990-11-24T03:00:00Z", 7, "2026-11-16T14:59:59.999Z", False, "2026-11-16T15:00:00Z"),
        ("1990-01-02T03:00:00Z", 7, "2026-12-27T00:00:00Z", True, "2027-01-02T15:00:00Z"),  # over the new year
        ("2040-11-24T03:00:00Z", 0, "2026-11-24T00:00:00Z", True, "2026-11-24T15:00:00Z"),  # whatever the year
        ("1992-02-29T03:00:00Z", 0, "2026-02-28T03:00:00Z", True, "2026-02-28T15:00:00Z"),
        ("1992-02-29T03:00:00Z", 0, "2028-02-28T03:00:00Z", False, "2028-02-28T15:00:00Z"),
        ("1992-02-29T03:00:00Z", 0, "2028-02-29T03:00:00Z", True, "2028-02-29T15:00:00Z"),
        ("1992-02-29T03:00:00Z", 0, "2100-02-28T03:00:00Z", True, "2100-02-28T15:00:00Z"),  # no leap year
        ("1991-02-28T03:00:00Z", 0, "2028-02-29T03:00:00Z", False, "2029-02-27T15:00:00Z"),
        ("1990-11-24T03:00:00Z", 365, "2026-11-24T15:00:00Z", True, None),
        ("1990-11-24T03:00:00Z", 100_000, "2026-11-24T15:00:00Z", True, None),
        ("1990-11-24T03:00:00Z", 364, "2026-11-24T15:00:00Z", True, "2027-11-24T15:00:00Z"),
        ("1990-11-24T03:00:00Z", 364, "2027-11-24T15:00:00Z", False, "2027-11-25T15:00:00Z"),  # 366 days until the next
    ],
)
def test_anniversaries(born: str, n: int, now: str, truth: bool, change: str | None) -> None:
    expected = Verdict(truth, None if change is None else ms(change))
    assert judged(born, "anniversary", [{"n": n, "unit": "days"}], now) == expected


def whole(raw: object, contact: dict[str, object], now: str) -> Verdict:
    context = Context("KR", "Asia/Seoul", {"d": FieldDefinition(FieldType.DATE), "e": FieldDefinition(FieldType.DATE)})
    return evaluate(parse(raw, context), {"profile": contact}, ms(now))


def within(key: str, n: int, operator: str = "withinLast") -> dict[str, object]:
    return {"key": f"profile.{key}", "operator": operator, "values": [{"n": n, "unit": "days"}]}


def test_the_next_change_is_that_of_the_whole_not_of_its_parts() -> None:
    contact: dict[str, object] = {"d": "2026-11-24T03:00:00Z", "e": "2026-11-20T03:00:00Z"}
    assert whole({"or": [within("d", 7), within("e", 7)]}, contact, T) == Verdict(True, ms("2026-12-01T03:00:00Z"))
    assert whole({"and": [within("d", 7), within("e", 7)]}, contact, T) == Verdict(True, ms("2026-11-27T03:00:00Z"))
    # One leaves as the other comes: nothing changes until that one leaves too.
    handed_over = {"or": [within("d", 7), within("d", 7, "notWithinLast")]}
    assert whole(handed_over, contact, T) == Verdict(True, None)
    assert whole({"and": [within("d", 7), within("d", 7, "notWithinLast")]}, contact, T) == Verdict(False, None)
    assert whole({"not": within("d", 7)}, contact, T) == Verdict(False, ms("2026-12-01T03:00:00Z"))


def test_two_anniversaries_may_meet_in_leap_years_only() -> None:
    contact: dict[str, object] = {"d": "1992-02-29T03:00:00Z", "e": "1991-02-28T03:00:00Z"}
    both = {"and": [within("d", 0, "anniversary"), within("e", 0, "anniversary")]}
    assert whole(both, contact, "2027-03-01T00:00:00Z") == Verdict(False, ms("2029-02-27T15:00:00Z"))
    apart = {"and": [within("d", 0, "anniversary"), {"not": within("e", 0, "anniversary")}]}
    assert whole(apart, contact, "2096-03-01T00:00:00Z") == Verdict(False, ms("2104-02-28T15:00:00Z"))  # 2100 has no leap day
    never = {"and": [within("d", 0, "anniversary"), {"not": within("d", 0, "anniversary")}]}
    assert whole(never, contact, T) == Verdict(False, None)


def test_what_never_comes_together_is_known_soon_even_beside_a_date_far_ahead() -> None:
    contact: dict[str, object] = {"d": "1990-05-05T03:00:00Z", "e": "9999-06-01T03:00:00Z"}
    birthday = within("d", 0, "anniversary")
    never = {"and": [birthday, {"not": birthday}]}
    assert whole({"or": [never, within("e", 1)]}, contact, T) == Verdict(False, ms("9999-06-01T03:00:00Z"))
    assert whole({"or": [within("d", 1), {"and": [never, {"not": within("e", 1)}]}]}, contact, T) == Verdict(False, None)


def test_dates_at_the_ends_of_the_calendar_are_dates_like_others() -> None:
    conditions: list[tuple[str, list[Any]]] = [
        *(("calendar", [word]) for word in WORDS),
        ("anniversary", [{"n": 30, "unit": "days"}]),
        ("withinLast", [{"n": 100_000, "unit": "weeks"}]),
        ("withinNext", [{"n": 100_000, "unit": "weeks"}]),
        ("notWithinLast", [{"n": 100_000, "unit": "weeks"}]),
    ]
    for zone in ("Asia/Seoul", "America/New_York", "Pacific/Kiritimati"):
        for value in ("0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"):
            for operator, values in conditions:
                for now in (value, T):
                    change = judged(value, operator, values, now, zone).next_change
                    assert change is None or ms("0001-01-01T00:00:00Z") <= change <= ms("9999-12-31T23:59:59.999Z")
    assert judged("9999-12-31T23:59:59.999Z", "withinLast", [{"n": 1, "unit": "days"}], "9999-12-31T23:59:59.999Z") == Verdict(
        True, None
    )
    new_year = judged("9999-12-31T23:59:59.999Z", "anniversary", [{"n": 0, "unit": "days"}], T)
    assert new_year == Verdict(False, ms("2026-12-31T15:00:00Z"))  # in Seoul it is the first of January, 10000


def test_an_explanation_shows_each_node() -> None:
    context = Context("KR", "Asia/Seoul")
    raw = {"and": [{"key": "user.name", "operator": "$eq", "values": ["KIM"]}, {"not": within_seen(7)}]}
    told = explain(parse(raw, context), {"name": "Kim", "lastSeenAt": T}, ms(T))
    assert told == {
        "truth": False, "nextChangeAt": "2026-12-01T03:00:00.000Z",
        "and": [
            {"key": "name", "operator": "eq", "type": "string", "values": ["kim"], "value": "Kim", "truth": True,
             "nextChangeAt": None},
            {"truth": False, "nextChangeAt": "2026-12-01T03:00:00.000Z", "not": {
                "key": "lastSeenAt", "operator": "withinLast", "type": "date", "values": [{"n": 7, "unit": "days"}], "value": T,
                "truth": True, "nextChangeAt": "2026-12-01T03:00:00.000Z"}},
        ],
    }  # fmt: skip


def test_an_explanation_has_a_node_of_each_segment_that_is_named_and_its_tree_once() -> None:
    one, other = "00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002"
    context = Context("KR", "Asia/Seoul", segments={one, other})
    seen = parse(within_seen(7), context)
    over = parse({"and": [{"key": "segment", "operator": "in", "values": [one]}, {"not": {"and": []}}]}, context)
    raw = {"key": "segment", "operator": "notIn", "values": [one, other]}
    segments = {one: NamedSegment("Seen", seen), other: NamedSegment("Over", over)}
    told = explain(parse(raw, context), {"lastSeenAt": T}, ms(T), None, segments)
    leaves = {"truth": True, "nextChangeAt": "2026-12-01T03:00:00.000Z"}
    never = {"truth": False, "nextChangeAt": None}
    assert told == {
        **raw, "truth": False, "nextChangeAt": "2026-12-01T03:00:00.000Z", "value": [one],
        "segments": [
            {"id": one, "name": "Seen", **leaves, "tree": explain(seen, {"lastSeenAt": T}, ms(T))},
            {"id": other, "name": "Over", **never, "tree": {**never, "and": [
                {"key": "segment", "operator": "in", "values": [one], "value": [one], **leaves,
                 "segments": [{"id": one, "name": "Seen", **leaves}]},
                {**never, "not": {"and": [], "truth": True, "nextChangeAt": None}},
            ]}},
        ],
    }  # fmt: skip


def within_seen(n: int) -> dict[str, object]:
    return {"key": "lastSeenAt", "operator": "withinLast", "values": [{"n": n, "unit": "days"}]}


@given(st.integers(-719_162 - 800_000, 2_932_896 + 800_000))
def test_days_have_one_number_and_one_date(day: int) -> None:
    assert windows.number(*windows.civil(day)) == day


@given(st.integers(-10_000, 40_000), st.integers(-400, 400), st.sampled_from(WORDS))
def test_a_word_means_the_same_days_seen_from_either_side(today: int, ahead: int, word: str) -> None:
    day = today + ahead
    first, after = windows.calendar_days(word, today)
    noon = day * DAY + DAY // 2
    assert (first <= day < after) == windows.at(windows.calendar(noon, word, "UTC"), today * DAY)[0]


@given(
    st.sampled_from([*ZONES, "America/St_Johns", "Asia/Manila"]),
    st.integers(ms("1900-01-01T00:00:00Z"), ms("2100-01-01T00:00:00Z")),
)
def test_an_instant_lies_in_the_stretches_of_its_day_and_no_other(zone: str, instant: int) -> None:
    day = windows.day_of(instant, zone)
    assert windows.civil(day) == oracle.local_day(instant, zone).timetuple()[:3]
    for other in range(day - 2, day + 3):
        assert windows.at(windows.days(other, other + 1, zone), instant)[0] == (other == day)


_ENDS = (ms("0001-01-03T00:00:00Z"), ms("9999-12-29T00:00:00Z"))


@settings(max_examples=40)
@given(st.sampled_from(sorted(zone_names())), st.data())
def test_a_zones_table_tells_its_clocks_at_every_instant(zone: str, data: st.DataObject) -> None:
    since, ahead = windows.offsets(zone)
    changes = st.builds(lambda change, shift: change + shift, st.sampled_from(since), st.integers(-1, 1))
    for instant in data.draw(st.lists(st.integers(*_ENDS) | changes, min_size=30, max_size=30)):
        later = max(instant - windows.REPEATS_FROM, 0)
        known = instant - later + later % windows.CYCLE
        offset = ahead[max(bisect_right(since, known) - 1, 0)]
        clocks = (EPOCH + timedelta(milliseconds=instant)).astimezone(ZoneInfo(zone))
        assert clocks.utcoffset() == timedelta(milliseconds=offset)


@given(st.dates(date(1900, 1, 1), date(2200, 1, 1)), st.sampled_from([0, 1, 2, 59, 60, 363, 364]) | st.integers(0, 364))
def test_the_days_that_come_round_lie_side_by_side_in_the_year(today: date, within: int) -> None:
    first, count = windows.coming_days(within, "UTC", (today - date(1970, 1, 1)).days * DAY)
    year = [date(2000, 3, 1) + timedelta(days=n) for n in range(365)] + [date(2000, 2, 29)]
    coming = [today + timedelta(days=n) for n in range(within + 1)]
    meant = [born for born in year if any(oracle.comes_round(born, day) for day in coming)]
    assert sorted(year[(first + n) % 366] for n in range(count)) == sorted(meant)
