"""Reading reported visits: what is taken, what is refused, and where the refusal points."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from common.clock import to_wire
from common.errors import Unprocessable
from contacts.visits.visit import Reported, read_report

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
ID = "01a20e30-0000-7000-8000-000000000001"


def test_a_report_needs_no_more_than_its_id_and_whose_it_is() -> None:
    assert read_report(0, {"id": "e1", "memberId": "u1"}, NOW) == Reported(0, "e1", "u1", None, "visit", NOW)
    assert read_report(3, {"id": "e1", "contactId": ID}, NOW) == Reported(3, "e1", None, UUID(ID), "visit", NOW)


def test_a_whole_report_is_kept_as_it_came() -> None:
    raw: dict[str, Any] = {
        "id": "e1", "memberId": "u1", "name": "purchase", "at": "2020-01-01T09:00:00+09:00", "url": "https://example.com/a",
        "properties": {"amount": 12.5, "items": ["a", "b"], "first": True, "note": "x", "none": None}, "device": {"kind": "web"},
    }  # fmt: skip
    at = datetime(2020, 1, 1, tzinfo=UTC)
    assert read_report(0, raw, NOW) == Reported(
        0,
        "e1",
        "u1",
        None,
        "purchase",
        at,
        raw["properties"],
        raw["url"],
        raw["device"],
    )


@pytest.mark.parametrize("at", [NOW, NOW + timedelta(minutes=5), datetime(1, 1, 1, tzinfo=UTC)])
def test_any_past_instant_and_up_to_five_minutes_ahead_are_taken(at: datetime) -> None:
    assert read_report(0, {"id": "e1", "memberId": "u1", "at": to_wire(at)}, NOW).at == at


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"at": to_wire(NOW + timedelta(minutes=5, milliseconds=1))}, "/at", "inTheFuture"),
        ({"at": "2026-11-24"}, "/at", "invalid"),
        ({"at": "2026-11-24T03:00:00"}, "/at", "invalid"),
        ({"at": 1764000000}, "/at", "invalid"),
        ({"id": None}, "/id", "invalid"),
        ({"id": ""}, "/id", "invalid"),
        ({"id": 7}, "/id", "invalid"),
        ({"id": "x" * 129}, "/id", "invalid"),
        ({"memberId": None}, "", "invalid"),
        ({"contactId": ID}, "", "invalid"),
        ({"memberId": "a b"}, "/memberId", "invalidMemberId"),
        ({"memberId": 5}, "/memberId", "invalidMemberId"),
        ({"memberId": "undefined"}, "/memberId", "placeholderMemberId"),
        ({"id": "e1\ufeff"}, "/id", "invisibleCharacter"),
        ({"name": "pur\u00adchase"}, "/name", "invisibleCharacter"),
        ({"memberId": None, "contactId": "nobody"}, "/contactId", "unknownContact"),
        ({"name": "x" * 65}, "/name", "invalid"),
        ({"name": " "}, "/name", "invalid"),
        ({"url": "x" * 2049}, "/url", "invalid"),
        ({"properties": []}, "/properties", "invalid"),
        ({"properties": {"a": {"b": 1}}}, "/properties/a", "invalid"),
        ({"properties": {"x": 1, "a/b": ["c", 1]}}, "/properties/a~1b", "invalid"),
        ({"properties": {"p": "x" * 10_001}}, "/properties/p", "tooLong"),
        ({"properties": {"p": ["x"] * 101}}, "/properties/p", "tooLong"),
        ({"properties": {"p": ["x", "x" * 257]}}, "/properties/p/1", "tooLong"),
        ({"properties": {str(n): n for n in range(101)}}, "/properties", "invalid"),
        ({"device": "iPhone"}, "/device", "invalid"),
        ({"device": {"kind": "web", "model": "x"}}, "/device/model", "unknownMember"),
        ({"colour/of": 1}, "/colour~1of", "unknownMember"),
    ],
)
def test_a_report_that_cannot_be_taken_is_refused_with_its_place(change: dict[str, Any], pointer: str, code: str) -> None:
    with pytest.raises(Unprocessable) as refusal:
        read_report(4, {"id": "e1", "memberId": "u1", **change}, NOW)
    assert (refusal.value.pointer, refusal.value.code) == (f"/visits/4{pointer}", code)


@pytest.mark.parametrize("raw", [None, [], "visit", 1])
def test_what_is_no_object_is_no_report(raw: object) -> None:
    with pytest.raises(Unprocessable) as refusal:
        read_report(0, raw, NOW)
    assert refusal.value.pointer == "/visits/0"
