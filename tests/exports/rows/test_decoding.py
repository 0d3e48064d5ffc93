"""The lines of a stream become the columns that were asked for, each value as a cell holds it."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.clock import from_wire, to_wire
from common.term_lists import read_list, write_list
from exports.rows.decoding import Field, Lines, LocalTimes, NoContact
from exports.workbook.cells import Cell


def columns(fields: Sequence[tuple[str, str]], *contacts: object, zone: str = "Asia/Seoul") -> list[list[Cell]]:
    lines = Lines([Field(key, kind) for key, kind in fields], zone)
    data = [orjson.dumps({"id": str(n)} | contact) for n, contact in enumerate(contacts)]  # type: ignore[operator]
    ids, found = lines.columns(b"\n".join(data), len(data))
    assert ids == [str(n) for n in range(len(data))]
    return [list(each) for each in found]


@pytest.mark.parametrize(
    ("kind", "value", "cell"),
    [
        ("String", None, None),
        ("String", "", ""),
        ("String", "=1+1", "=1+1"),
        ("String", 'a "\\ \u0000 \n', 'a "\\ \u0000 \n'),
        ("String", True, "True"),
        ("Phone", "+821012345678", "+821012345678"),
        ("Number", 0, 0),
        ("Number", -1.5, -1.5),
        ("Number", 2**63, 2**63),
        ("Number", 2**64 - 1, 2**64 - 1),
        ("Number", "12", "12"),
        ("Boolean", False, False),
        ("List", ["a", "b,c"], 'a, "b,c"'),
        ("List", [1, True], "1, True"),
        ("List", [], None),
        ("Date", "2026-11-24T15:30:00.123Z", datetime(2026, 11, 25, 0, 30, 0, 123_000)),
        ("Date", "2026-11-24T15:30:00Z", datetime(2026, 11, 25, 0, 30)),
        ("Date", "2026-11-24T15:30:00.123+09:00", datetime(2026, 11, 24, 15, 30, 0, 123_000)),
        ("Date", "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ("Date", "1899-12-31T00:00:00.000Z", datetime(1899, 12, 31, 8, 27, 52)),
        ("Date", "0001-01-01T00:00:00.000Z", datetime(1, 1, 1, 8, 27, 52)),
    ],
)
def test_a_value_becomes_a_cell(kind: str, value: object, cell: object) -> None:
    found = columns([("x", kind), ("profile.x", kind)], {"x": value, "profile": {"x": value}})
    assert found == [[cell], [cell]]
    assert {type(each[0]) for each in found} == {type(cell)}


def test_values_of_other_kinds_stand_among_those_of_a_column() -> None:
    assert columns([("x", "String")], {"x": "a"}, {"x": 1}, {}, {"x": False}) == [["a", "1", None, "False"]]


def test_what_a_contact_has_within_and_what_it_has_not() -> None:
    fields = [("web.os", "String"), ("profile.a.b", "String"), ("profile.a", "Number"), ("id", "String"), ("web.os", "String")]
    found = columns(
        fields,
        {"web": {"os": "Windows", "browser": "x"}, "profile": {"a.b": "dotted", "a": 1, "c": {"d": 1}}},
        {"web": None, "profile": {}},
        {"profile": {"a": None}},
    )
    assert found == [["Windows", None, None], ["dotted", None, None], [1, None, None], ["0", "1", "2"], ["Windows", None, None]]


def test_a_device_was_last_seen_when_its_facts_were() -> None:
    at, later = "2026-11-24T00:00:00.000Z", "2026-11-25T00:00:00.000Z"
    found = columns(
        [("web.lastSeenAt", "Date")], {"web": {"seenAt": at}}, {"web": {"seenAt": at, "lastSeenAt": later}}, {}, zone="UTC"
    )
    assert found == [[datetime(2026, 11, 24), datetime(2026, 11, 25), None]]


def test_a_date_keeps_the_hour_of_its_zone_through_daylight_saving() -> None:
    texts = ("2026-11-01T05:30:00.000Z", "2026-11-01T06:30:00.000Z", "2026-11-01T07:30:00.000Z")
    [hours] = columns([("x", "Date")], *({"x": text} for text in texts), zone="America/New_York")
    assert hours == [datetime(2026, 11, 1, 1, 30), datetime(2026, 11, 1, 1, 30), datetime(2026, 11, 1, 2, 30)]


ZONES = ["Asia/Seoul", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Europe/London", "Africa/Monrovia", "UTC"]
INSTANTS = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=st.just(ZoneInfo("UTC")))


@given(st.sampled_from(ZONES), st.lists(INSTANTS, min_size=1, max_size=20))
def test_local_times_are_those_of_the_zone(zone: str, instants: list[datetime]) -> None:
    texts = [to_wire(instant) for instant in instants]
    wanted = [from_wire(text).astimezone(ZoneInfo(zone)).replace(tzinfo=None) for text in texts]
    assert LocalTimes(zone).of(texts) == wanted


@pytest.mark.parametrize("zone", ["Australia/Lord_Howe", "America/New_York"])
def test_every_quarter_of_an_hour_about_a_change_of_the_clocks(zone: str) -> None:
    times = LocalTimes(zone)
    for month in (3, 4, 10, 11):
        for day in range(1, 12):
            texts = [f"2026-{month:02}-{day:02}T{n // 4:02}:{n % 4 * 15:02}:00.000Z" for n in range(96)]
            assert times.of(texts) == [from_wire(text).astimezone(ZoneInfo(zone)).replace(tzinfo=None) for text in texts]


@pytest.mark.parametrize(
    "line",
    [b"", b"{}", b"[]", b"null", b'{"id":1}', b'{"id":null}', b'{"id":"a","x":', b'{"id":"a"}{"id":"b"}', b'{"id":"\xff"}'],
)
def test_a_line_that_is_no_contact_is_refused(line: bytes) -> None:
    with pytest.raises(NoContact):
        Lines([Field("x", "String")], "UTC").columns(line, 1)


ELEMENTS = st.text(st.sampled_from('ab,;" \n가\u3000，'), max_size=5).filter(lambda text: text.strip(" \n\u3000") != "")


@given(st.lists(ELEMENTS, min_size=1, max_size=5))
def test_a_list_reads_back_from_its_cell(elements: list[str]) -> None:
    [[cell]] = columns([("x", "List")], {"x": elements})
    assert cell == write_list(elements)
    assert isinstance(cell, str)
    assert read_list(cell) == elements
