"""Dates as programs write them: read where they are one instant alone, and else not at all."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.clock import cut, to_wire
from contacts.imports.dates import is_two_days, read_compact, read_date

SEOUL = ZoneInfo("Asia/Seoul")
DAY, MOMENT, SECOND = "2026-11-23T15:00:00.000Z", "2026-11-24T06:30:00.000Z", "2026-11-24T06:30:05.000Z"


@pytest.mark.parametrize("text", [
    "2026-11-24", "2026.11.24", "2026. 11. 24.", "2026/11/24", "2026년 11월 24일", "2026年11月24日", "2026-11-24(화)",
    "2026. 11. 24. (화)",
    "2026년 11월 24일 화요일", "２０２６．１１．２４", "Nov 24, 2026", "November 24, 2026", "Tuesday, November 24, 2026",
    "24 Nov 2026", "24-Nov-2026",
    "24th November 2026", "11/24/2026", "24.11.2026", "24/11/2026", "2026-11-24+09:00", "2026-11-24T00:00", "2026-11-23T15:00Z",
    "2026-11-24 오전 12:00", "2026-11-24 12:00 AM", "2026-11-24 0시",
])  # fmt: skip
def test_a_day_begins_in_the_channels_zone(text: str) -> None:
    assert read_date(text, SEOUL) == DAY


@pytest.mark.parametrize("text", [
    "2026. 11. 24. 오후 3:30:05", "2026-11-24 오후 3시 30분 5초", "2026년 11월 24일 화요일 오후 3시 30분 5초",
    "2026-11-24 15:30:05", "2026.11.24 15:30:05",
    "2026-11-24 3:30:05 PM", "2026-11-24 3:30:05 p.m.", "2026-11-24 3:30:05\u202fPM", "2026-11-24 오후 15:30:05",
    "2026-11-24T15:30:05",
    "2026-11-24T15:30:05.000+09:00", "2026-11-24 15:30:05 +0900", "2026-11-24 15:30:05+09", "2026-11-24 15:30:05 +09:00",
    "2026-11-24 06:30:05 UTC",
    "2026-11-24 06:30:05 GMT", "2026-11-24T06:30:05Z", "2026-11-24 06:30:05 z", "2026-11-24T01:30:05-05:00",
    "2026-11-24 01:30:05 \u22120500",
    "2026-11-24 15:30:05 KST", "2026-11-24T15:30:05+09:00[Asia/Seoul]", "20261124T063005Z", "20261124T153005+0900",
    "11/24/2026, 3:30:05 PM", "Nov 24, 2026, 3:30:05 PM", "November 24, 2026 at 3:30:05 PM GMT+9",
    "Tue, 24 Nov 2026 15:30:05 +0900",
    "Tue Nov 24 2026 15:30:05 GMT+0900 (Korean Standard Time)", "Tue Nov 24 2026 15:30:05 GMT+0900 (한국 표준시)",
    "Tue Nov 24 15:30:05 KST 2026",
    "Tue Nov 24 15:30:05 2026", "2026/11/24 PM 3:30:05", "2026-11-24  15:30:05", "2026年11月24日 下午3:30:05",
])  # fmt: skip
def test_a_second_is_read_as_korean_and_english_programs_write_it(text: str) -> None:
    assert read_date(text, SEOUL) == SECOND


@pytest.mark.parametrize("text", [
    "2026년 11월 24일 15시 30분", "2026-11-24 오후 3:30", "2026-11-24오후 3:30", "2026-11-24 15:30", "2026-11-24 15시30분",
    "11/24/2026 3:30 PM",
])  # fmt: skip
def test_a_minute_is_enough(text: str) -> None:
    assert read_date(text, SEOUL) == MOMENT


@pytest.mark.parametrize(("text", "wire"), [
    ("2026-11-24T06:30:05.1239Z", "2026-11-24T06:30:05.123Z"), ("2026-11-24T06:30:05,5Z", "2026-11-24T06:30:05.500Z"),
    ("2026-11-24 15:30:05.123456789", "2026-11-24T06:30:05.123Z"), ("2026-11-24 오전 9:05", "2026-11-24T00:05:00.000Z"),
    ("2026-11-24 오후 12:05", "2026-11-24T03:05:00.000Z"), ("2026-11-24 12:05 am", "2026-11-23T15:05:00.000Z"),
    ("5/5/2026", "2026-05-04T15:00:00.000Z"), ("2026-11-24 3시", "2026-11-23T18:00:00.000Z"),
])  # fmt: skip
def test_a_time_is_read_to_the_millisecond(text: str, wire: str) -> None:
    assert read_date(text, SEOUL) == wire


@pytest.mark.parametrize("text", [
    "5/6/2026", "5.6.2026 15:30", "26. 11. 24.", "24-Nov-26", "2026-11", "20261124", "20261124153005", "00010203", "2026-02-30",
    "2026-13-01",
    "2026-11-24 25:00", "2026-11-24 9", "2026-11-24 15:60", "2026-11-24 오전 15:30", "2026-11-24 AM 3:30 PM",
    "2026-11-24 15:30 EST",
    "2026-11-24 15:30 +9:0", "2026-11-24 15:30 +25:00", "2026-11-24 15:30 Z+09", "2026-11-24(수)", "Mon, 24 Nov 2026",
    "2026-11-24 15:30 무렵",
    "2026-11-241530", "2026-11-24~2026-11-25", "0001-01-01", "9999-12-31 23:59 -10:00", "내일", "", "15:30",
    "Movember 24, 2026",
    "20261124-0001", "20261124-1", "20261124-12", "20261124+3", "20261124 -0001", "202611241530-12", "20261124153005-0001",
    "20261124-09:00",
])  # fmt: skip
def test_what_is_no_date_or_may_be_two_is_none(text: str) -> None:
    assert read_date(text, SEOUL) is None


def test_two_days_are_told_apart_from_no_day() -> None:
    assert [is_two_days(text) for text in ("5/6/2026", "5. 6. 2026 15:30", "5/5/2026", "24/11/2026", "soon")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_digits_alone_are_a_date_where_one_is_asked_for() -> None:
    assert [read_compact(d, SEOUL) for d in ("20261124", "202611241530", "20261124153005")] == [DAY, MOMENT, SECOND]
    assert [read_compact(d, SEOUL) for d in ("2026112", "20261324", "2026-11-24")] == [None, None, None]


HALVES = [("오전", "오후"), ("AM", "PM"), ("a.m.", "p.m."), ("午前", "午後")]


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)), st.sampled_from(HALVES),
    st.sampled_from(["{y}-{m:02}-{d:02} {half} {h}:{min:02}:{s:02}.{ms:03}", "{y}. {m}. {d}. {half} {h}시 {min}분 {s}초",
                     "{y}년 {m}월 {d}일 {h}:{min:02}:{s:02} {half}", "{name} {d}, {y}, {h}:{min:02}:{s:02} {half} GMT+0"]),
)  # fmt: skip
def test_what_is_written_in_any_form_comes_back(at: datetime, halves: tuple[str, str], form: str) -> None:
    at = cut(at) if "ms" in form else at.replace(microsecond=0)
    text = form.format(
        y=at.year, m=at.month, d=at.day, half=halves[at.hour >= 12], h=at.hour % 12 or 12, min=at.minute, s=at.second,
        ms=at.microsecond // 1000, name=at.strftime("%B"),
    )  # fmt: skip
    assert read_date(text, ZoneInfo("UTC")) == to_wire(at)


@given(st.text("0123456789-./: 년월일오전후시분초amputcgz+T,()화Nov", max_size=40))
def test_whatever_is_written_is_a_date_or_none(text: str) -> None:
    assert read_date(text, SEOUL) is None or len(read_date(text, SEOUL) or "") == 24
