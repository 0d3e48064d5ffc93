"""Instants: what is read, what is refused, and that nothing is lost on the way to the wire and back."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.clock import cut, from_millis, from_wire, is_wire, to_millis, to_wire

INSTANTS = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)).map(lambda d: cut(d.replace(tzinfo=UTC)))


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("2026-11-24T03:00:00.000Z", "2026-11-24T03:00:00.000Z"),
        ("2026-11-24T03:00:00Z", "2026-11-24T03:00:00.000Z"),
        ("2026-11-24t12:00:00+09:00", "2026-11-24T03:00:00.000Z"),
        ("2026-11-24T03:00:00.1239999Z", "2026-11-24T03:00:00.123Z"),
        ("2024-02-29T23:59:59.9-01:30", "2024-03-01T01:29:59.900Z"),
    ],
)
def test_an_instant_is_read_with_its_offset_and_cut_to_the_millisecond(text: str, wire: str) -> None:
    assert to_wire(from_wire(text)) == wire


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24", "2026-11-24T03:00:00", "2026-02-30T00:00:00Z", "2026-11-24T25:00:00Z", "2026-11-24T03:00:00+24:00",
        "2026-11-24T03:00:00+0900", "2026-11-24 03:00:00Z", "0001-01-01T00:00:00+09:00", "٢٠٢٦-11-24T03:00:00Z", "", "now",
    ],
)  # fmt: skip
def test_anything_but_an_instant_with_an_offset_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="instant"):
        from_wire(text)


@given(INSTANTS)
def test_the_wire_form_and_the_milliseconds_hold_the_whole_instant(instant: datetime) -> None:
    assert from_wire(to_wire(instant)) == instant
    assert from_millis(to_millis(instant)) == instant


@given(INSTANTS)
def test_wire_forms_sort_as_their_instants_do(instant: datetime) -> None:
    assert to_wire(instant) < to_wire(instant + timedelta(milliseconds=1))


ZONED = st.datetimes(
    min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29), timezones=st.timezones()
)  # fmt: skip


@given(ZONED, ZONED | st.timedeltas(timedelta(milliseconds=-2), timedelta(milliseconds=2)))
def test_the_order_of_wire_forms_is_that_of_time(one: datetime, other: datetime | timedelta) -> None:
    later = one + other if isinstance(other, timedelta) else other
    assert (to_wire(one) < to_wire(later)) == (cut(one.astimezone(UTC)) < cut(later.astimezone(UTC)))
    assert (to_wire(one) == to_wire(later)) == (cut(one.astimezone(UTC)) == cut(later.astimezone(UTC)))


NEARLY = st.from_regex(r"\A[0-9]{4}[-W][0-9]{2}[-T:][0-9]{2}[ Tt][0-9]{2}:[0-9]{2}[:.][0-9]{2}[.,+][0-9]{1,3}[Zz0]\Z")


@given(INSTANTS.map(to_wire) | NEARLY | st.text("0123459-:TZ.", max_size=26))
def test_a_text_is_a_wire_form_where_it_is_written_again_as_it_stands(text: str) -> None:
    try:
        again = to_wire(from_wire(text))
    except ValueError:
        again = None
    assert is_wire(text) is (again == text)
