"""Values that the sender expects: compared as they are kept, alone, whatever else came meanwhile; another one is told of."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs

from common.clock import to_wire
from common.errors import StaleValue, StaleVersion, Unprocessable
from common.events.contacts import Contact
from contacts.expecting import first_other, read_expected
from contacts.handlers import Written
from tests.contacts.conftest import NOW, World
from tests.contacts.test_not_written import FIELDS, STATE

SEEN = structs.replace(
    STATE, name="홍길동", mobile_number="+821012345678", tags=["a", "b"], blocked=True, email="a@b.kr"
)  # fmt: skip


@pytest.mark.parametrize(
    "expected",
    [
        {"mobileNumber": "010-1234-5678"}, {"mobileNumber": "+82 10 1234 5678"}, {"email": " a@b.kr "}, {"tags": ["b", "a"]},
        {"tags": [" B", "a"]},
        {"blocked": True, "unsubscribeEmail": False, "unsubscribeTexting": None}, {"landlineNumber": None}, {"city": " "},
        {"profile.memo": "a", "profile.count": 1.0}, {"profile.never": None}, {"profile.memo": "a", "name": "홍길동"}, {},
    ],
)  # fmt: skip
def test_what_is_there_in_any_writing_is_expected(expected: dict[str, Any]) -> None:
    assert first_other(SEEN, read_expected({"expected": expected}, "KR", FIELDS)) is None


def test_what_was_kept_before_it_was_checked_can_be_expected_as_it_is() -> None:
    before: dict[str, Any] = {"mobile_number": "+82101234567", "email": "<kim@example.com>", "tags": ["x", "X"]}
    seen = structs.replace(SEEN, **before)
    expected = {"mobileNumber": "+82101234567", "email": "<kim@example.com>", "tags": ["x", "X"]}
    for key, value in expected.items():
        assert first_other(seen, read_expected({"expected": {key: value}}, "KR", FIELDS)) is None
        assert first_other(SEEN, read_expected({"expected": {key: value}}, "KR", FIELDS)) is not None


@pytest.mark.parametrize(
    ("kept", "expected", "same"),
    [
        (["\u200b"], ["\u200b"], True), (["\u200b"], [], True), (["\u200b"], None, True),
        (["\u200b", "x"], ["\u200b", "x"], True), (["\u200b", "x"], ["X"], True),
        (["\u200b", "x"], ["\u200b"], False), (["\u200b"], ["x"], False),
    ],
)  # fmt: skip
def test_a_tag_of_before_that_nobody_sees_is_none(kept: list[str], expected: list[str] | None, same: bool) -> None:
    seen = structs.replace(SEEN, tags=kept)
    assert (first_other(seen, read_expected({"expected": {"tags": expected}}, "KR", FIELDS)) is None) == same


@pytest.mark.parametrize(
    ("expected", "key", "now"),
    [
        ({"name": "홍길동", "mobileNumber": "010-1234-5679"}, "mobileNumber", "+821012345678"),
        ({"profile.memo": None}, "profile.memo", "a"),
        ({"profile.memo": "b"}, "profile.memo", "a"),
        ({"profile.count": 2, "profile.memo": "b"}, "profile.count", 1),
        ({"tags": []}, "tags", ["a", "b"]),
        ({"tags": ["a"]}, "tags", ["a", "b"]),
        ({"blocked": None}, "blocked", True),
        ({"unsubscribeEmail": True}, "unsubscribeEmail", False),
    ],
)
def test_another_value_is_named_with_what_is_there(expected: dict[str, Any], key: str, now: Any) -> None:
    other = first_other(SEEN, read_expected({"expected": expected}, "KR", FIELDS))
    assert other is not None
    assert (other[0].key, other[1]) == (key, now)


@pytest.mark.parametrize(
    ("expected", "code", "pointer"),
    [
        ([], "wrongType", "/expected"), (None, "wrongType", "/expected"),
        ({"lastSeenAt": None}, "unknownField", "/expected/lastSeenAt"),
        ({"profile.a/b": "x"}, "unknownField", "/expected/profile.a~1b"), ({"memo": "a"}, "unknownField", "/expected/memo"),
        ({"mobileNumber": "abc"}, "unreadablePhone", "/expected/mobileNumber"),
        ({"profile.": None}, "invalidKey", "/expected/profile."), ({"profile.a/b": None}, "invalidKey", "/expected/profile.a~1b"),
        ({"profile.이름": " "}, "invalidKey", "/expected/profile.이름"),
        ({f"profile.{'k' * 65}": []}, "invalidKey", f"/expected/profile.{'k' * 65}"),
        ({"profile.count": "1"}, "wrongType", "/expected/profile.count"),
    ],
)  # fmt: skip
def test_what_nobody_can_have_seen_is_refused_with_its_place(expected: Any, code: str, pointer: str) -> None:
    with pytest.raises(Unprocessable) as refusal:
        read_expected({"expected": expected}, "KR", FIELDS)
    assert (refusal.value.code, refusal.value.pointer) == (code, pointer)


async def change(world: World, contact: Contact, subject: str, version: int | None = None, **body: Any) -> Written:
    return await world.contacts.change(world.caller(subject), contact.id, body, version)


async def test_a_visit_meanwhile_is_no_conflict_and_another_edit_of_the_value_is(world: World) -> None:
    made = await world.put("u1", profile={"memo": "a"})
    await world.visits.record(world.caller("site"), [{"id": "1", "memberId": "u1"}])
    await change(world, made, "lee", name="Lee")
    first = await change(world, made, "lee", expected={"profile.memo": "a"}, profile={"memo": "b"})
    assert first.contact.profile["memo"] == "b"
    world.clock.instant = NOW + timedelta(hours=1)
    await change(world, made, "park", name="Park")
    with pytest.raises(StaleValue) as stale:
        await change(world, made, "kim", expected={"profile.memo": "a"}, profile={"memo": "c"})
    assert stale.value.pointer == "/expected/profile.memo"
    assert stale.value.extra == {"current": "b", "changedBy": "lee", "changedAt": to_wire(NOW)}
    assert (await world.queries.contact(world.channel, made.id)).profile["memo"] == "b"


async def test_a_value_that_nobody_ever_wrote_has_no_last_change(world: World) -> None:
    made = await world.put("u1", profile={"memo": "a"})
    with pytest.raises(StaleValue) as stale:
        await change(world, made, "kim", expected={"city": "서울"}, city="부산")
    assert stale.value.extra == {"current": None, "changedBy": None, "changedAt": None}


async def test_a_version_may_be_expected_beside(world: World) -> None:
    made = await world.put("u1", name="a")
    await change(world, made, "kim", made.version, expected={"name": "a"}, name="b")
    with pytest.raises(StaleVersion):
        await change(world, made, "kim", made.version, expected={"name": "b"}, name="c")
    with pytest.raises(StaleValue):
        await change(world, made, "kim", made.version + 1, expected={"name": "a"}, name="c")


async def test_of_six_that_saw_the_same_value_one_writes(world: World) -> None:
    made = await world.put("u1", profile={"count": 0})
    writes = (change(world, made, f"m{n}", expected={"profile.count": 0}, profile={"count": n + 1}) for n in range(6))
    answers = await asyncio.gather(*writes, return_exceptions=True)
    assert sorted(type(a).__name__ for a in answers) == [*["StaleValue"] * 5, "Written"]


async def test_a_first_value_expects_none_and_a_refused_one_defines_nothing(world: World) -> None:
    made = await world.put("u1")
    await change(world, made, "kim", expected={"profile.new": None}, profile={"new": "x"})
    with pytest.raises(StaleValue):
        await change(world, made, "kim", expected={"profile.new": None}, profile={"new": "y", "other": 1})
    assert [d.key for d in await world.field_queries.fields(world.channel) if d.key.startswith("profile.")] == ["profile.new"]


async def test_an_archived_value_is_none_to_whoever_expects(world: World) -> None:
    made = await world.put("u1", profile={"memo": "a"})
    await world.fields.archive(world.caller(), "profile.memo")
    written = await change(world, made, "kim", expected={"profile.memo": None}, profile={"memo": "b"})
    assert [n.reason for n in written.not_written] == ["archived"]
    with pytest.raises(StaleValue) as stale:
        await change(world, made, "kim", expected={"profile.memo": "a"}, name="x")
    assert stale.value.extra["current"] is None


async def test_expecting_is_for_changes_alone(world: World) -> None:
    for write in (world.put("u1", expected={}), world.contacts.create_lead(world.caller(), {"expected": {}})):
        with pytest.raises(Unprocessable) as refusal:
            await write
        assert (refusal.value.code, refusal.value.pointer) == ("unknownField", "/expected")
