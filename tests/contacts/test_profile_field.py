"""Profile fields: which keys there may be, which type a first value gives, and which values fit."""

from typing import Any

import pytest

from common.errors import Unprocessable
from common.events.contacts import FieldDefinition, FieldTypeName
from contacts.profile_field import check_key, first_seen, fit


@pytest.mark.parametrize("key", ["a", "_a", "A1", "last.order-at_2", "x" * 64])
def test_a_key_that_may_be(key: str) -> None:
    check_key(key, "/profile")


@pytest.mark.parametrize("key", ["", "1a", "-a", ".a", "a b", "등급", "a/b", "a\n", "x" * 65])
def test_a_key_that_may_not_be_is_refused(key: str) -> None:
    with pytest.raises(Unprocessable) as refusal:
        check_key(key, "/profile/x")
    assert (refusal.value.code, refusal.value.pointer) == ("invalidKey", "/profile/x")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("VIP", "String"),
        ("2026-11-24", "String"),
        ("12", "String"),
        ("2026-11-24T03:00:00Z", "Date"),
        ("2026-11-24T12:00:00.123+09:00", "Date"),
        (1, "Number"),
        (1.5, "Number"),
        (True, "Boolean"),
        (["a"], "List"),
        ([], "List"),
    ],
)
def test_the_first_value_of_a_key_gives_its_type(value: object, kind: FieldTypeName) -> None:
    assert first_seen("some", value, 30, "/profile/some") == FieldDefinition(
        key="profile.some",
        type=kind,
        display_name={"ko": "some", "en": "some"},
        order=30,
    )


@pytest.mark.parametrize("value", [{"a": 1}, {}])
def test_a_first_value_of_no_type_is_refused(value: object) -> None:
    with pytest.raises(Unprocessable) as refusal:
        first_seen("some", value, 0, "/profile/some")
    assert (refusal.value.code, refusal.value.pointer) == ("wrongType", "/profile/some")


def test_a_well_known_key_has_its_own_type_and_names_whatever_comes_first() -> None:
    found = first_seen("totalAmount", "a text", 21, "")
    assert (found.type, found.display_name, found.once) == ("Number", {"ko": "총 주문 금액", "en": "Total amount"}, False)
    assert first_seen("firstReferrer", "https://example.com", 21, "").once


FITTING: list[tuple[FieldTypeName, Any, Any]] = [
    ("String", "VIP", "VIP"),
    ("String", " VIP ", " VIP "),
    ("String", "  ", None),
    ("String", "x" * 10_000, "x" * 10_000),
    ("Number", 3, 3),
    ("Number", 3.0, 3),
    ("Number", -0.5, -0.5),
    ("Number", 2**60, 1152921504606847000),
    ("Boolean", False, False),
    ("Date", "2026-11-24T12:00:00.1239+09:00", "2026-11-24T03:00:00.123Z"),
    ("Date", "", None),
    ("List", ["a", "b", "a"], ["a", "b", "a"]),
    ("List", ["a", " "], ["a"]),
    ("List", [], None),
]


@pytest.mark.parametrize(("kind", "value", "kept"), FITTING)
def test_a_value_that_fits_is_kept_in_one_form(kind: FieldTypeName, value: object, kept: object) -> None:
    found = fit(FieldDefinition(key="profile.k", type=kind), value, "")
    assert found == kept
    assert type(found) is type(kept)


@pytest.mark.parametrize("kind", ["String", "Number", "Boolean", "Date", "List"])
def test_null_fits_every_type(kind: FieldTypeName) -> None:
    assert fit(FieldDefinition(key="profile.k", type=kind), None, "") is None


@pytest.mark.parametrize(
    ("kind", "value", "code", "pointer"),
    [
        ("String", 1, "wrongType", "/p"),
        ("String", True, "wrongType", "/p"),
        ("String", ["a"], "wrongType", "/p"),
        ("String", "x" * 10_001, "tooLong", "/p"),
        ("Number", "1", "wrongType", "/p"),
        ("Number", True, "wrongType", "/p"),
        ("Number", 10**400, "wrongType", "/p"),
        ("Boolean", "true", "wrongType", "/p"),
        ("Boolean", 1, "wrongType", "/p"),
        ("Date", "yesterday", "wrongType", "/p"),
        ("Date", "2026-11-24", "wrongType", "/p"),
        ("Date", "2026-11-24T03:00:00", "wrongType", "/p"),
        ("Date", "2026-02-30T03:00:00Z", "wrongType", "/p"),
        ("Date", 1764000000, "wrongType", "/p"),
        ("List", "a", "wrongType", "/p"),
        ("List", ["a", 1], "wrongType", "/p"),
        ("List", ["a"] * 101, "tooLong", "/p"),
        ("List", ["a", "x" * 257], "tooLong", "/p/1"),
    ],
)
def test_a_value_of_another_type_is_refused_with_its_place(kind: FieldTypeName, value: object, code: str, pointer: str) -> None:
    with pytest.raises(Unprocessable) as refusal:
        fit(FieldDefinition(key="profile.k", type=kind), value, "/p")
    assert (refusal.value.code, refusal.value.pointer) == (code, pointer)
