"""A contact decided without any input or output: what a write may say, what follows from it, and what the contact is then."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from common.answers import contact_shown
from common.clock import to_wire
from common.errors import Unprocessable
from common.events.contacts import Change, Contact, ContactChanged, ContactCreated, FieldDefinition, Visit
from contacts.contact import Write, created, decide, evolve, read_write, visited, without_archived

ID = UUID("01a20e30-0000-7000-8000-000000000001")
BORN = datetime(2026, 11, 24, 3, tzinfo=UTC)
LATER = BORN + timedelta(hours=1)
FIELDS = {
    "grade": FieldDefinition(key="profile.grade", type="String"),
    "count": FieldDefinition(key="profile.count", type="Number"),
    "agreed": FieldDefinition(key="profile.agreed", type="Boolean"),
    "first": FieldDefinition(key="profile.first", type="String", once=True),
    "gone": FieldDefinition(key="profile.gone", type="Number", archived=True),
}


def contact(*changes: tuple[str, Any]) -> Contact:
    return created(ID, "u1", ContactCreated(changes=[Change(key=key, to=to) for key, to in changes]), BORN)


def told(state: Contact | None, **body: Any) -> dict[str, tuple[Any, Any]]:
    event = decide(state, read_write(body, "KR"), FIELDS)
    return {c.key: (c.from_, c.to) for c in event.changes} if event else {}


@pytest.mark.parametrize(
    ("given", "body", "expected"),
    [
        ([], {"name": "홍길동"}, {"name": (None, "홍길동")}),
        ([("name", "홍길동")], {"name": "홍길동"}, {}),
        ([("name", "홍길동")], {"name": None}, {"name": ("홍길동", None)}),
        ([("name", "홍길동")], {"name": "  "}, {"name": ("홍길동", None)}),
        ([("name", "홍길동")], {}, {}),
        ([], {"mobileNumber": "010-1234-5678"}, {"mobileNumber": (None, "+821012345678")}),
        ([("mobileNumber", "+821012345678")], {"mobileNumber": "+82 10 1234 5678"}, {}),
        ([], {"landlineNumber": "02)312-3456"}, {"landlineNumber": (None, "+8223123456")}),
        ([], {"email": " Hong@Example.com "}, {"email": (None, "Hong@Example.com")}),
        ([], {"unsubscribeEmail": True}, {"unsubscribeEmail": (False, True)}),
        ([], {"unsubscribeEmail": False}, {}),
        ([("unsubscribeEmail", True)], {"unsubscribeEmail": None}, {"unsubscribeEmail": (True, False)}),
        ([], {"blocked": True}, {"blocked": (False, True)}),
        ([], {"tags": ["a", "b", "a"]}, {"tags": ([], ["a", "b"])}),
        ([("tags", ["a"])], {"tags": None}, {"tags": (["a"], [])}),
        ([("tags", ["a"])], {"addTags": ["b", "a"]}, {"tags": (["a"], ["a", "b"])}),
        ([("tags", ["a", "b"])], {"removeTags": ["a", "c"]}, {"tags": (["a", "b"], ["b"])}),
        ([("tags", ["a"])], {"addTags": ["a"], "removeTags": ["c"]}, {}),
        ([("tags", ["a"])], {"tags": ["x"], "addTags": ["y"]}, {"tags": (["a"], ["x", "y"])}),
    ],
)  # fmt: skip
def test_a_write_changes_what_it_names_and_nothing_else(
    given: list[tuple[str, Any]], body: dict[str, Any], expected: dict[str, tuple[Any, Any]]
) -> None:
    assert told(contact(*given), **body) == expected


@pytest.mark.parametrize(
    ("given", "body", "expected"),
    [
        ([], {"profile": {"grade": "VIP"}}, {"profile.grade": (None, "VIP")}),
        ([("profile.grade", "VIP")], {"profile": {"grade": "VIP"}}, {}),
        ([("profile.grade", "VIP")], {"profile": {"grade": None}}, {"profile.grade": ("VIP", None)}),
        ([("profile.grade", "VIP")], {"profile": {"grade": " "}}, {"profile.grade": ("VIP", None)}),
        ([("profile.grade", "VIP")], {"profileOnce": {"grade": "gold"}}, {}),
        ([], {"profileOnce": {"grade": "gold"}}, {"profile.grade": (None, "gold")}),
        ([], {"profileOnce": {"grade": "gold"}, "profile": {"grade": "VIP"}}, {"profile.grade": (None, "VIP")}),
        ([("profile.grade", "VIP")], {"profileOnce": {"grade": None}}, {}),
        ([], {"profile": {"first": "a"}}, {"profile.first": (None, "a")}),
        ([("profile.first", "a")], {"profile": {"first": "b"}}, {}),
        ([("profile.first", "a")], {"profile": {"first": None}}, {}),
        ([("profile.count", 1)], {"profile": {"count": 1.0}}, {}),
        ([("profile.count", 1)], {"profile": {"count": 2}}, {"profile.count": (1, 2)}),
        ([], {"profile": {"count": 0, "agreed": False}}, {"profile.count": (None, 0), "profile.agreed": (None, False)}),
        ([], {"profile": {"gone": 1}}, {}),
        ([], {"profile": {"never seen": None}}, {}),
    ],
)  # fmt: skip
def test_profile_values_are_set_kept_and_cleared(
    given: list[tuple[str, Any]], body: dict[str, Any], expected: dict[str, tuple[Any, Any]]
) -> None:
    assert told(contact(*given), **body) == expected


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ([], "invalid", ""),
        ({"nmae": "x"}, "unknownField", "/nmae"),
        ({"a/b~c": "x"}, "unknownField", "/a~1b~0c"),
        *(
            ({key: None}, "notEditable", f"/{key}")
            for key in (
                "id", "member", "createdAt", "updatedAt", "firstSeenAt", "lastSeenAt", "sessionsCount", "sessionCount", "version",
                "unsubscribeEmailUpdatedAt", "unsubscribeTextingUpdatedAt", "unsubscribeAppPushUpdatedAt", "mergedInto",
                "hidden", "web", "mobile", "web.os", "mobile.sessionsCount",
            )
        ),
        ({"name": 1}, "wrongType", "/name"),
        ({"name": ["x"]}, "wrongType", "/name"),
        ({"name": "x" * 10_001}, "tooLong", "/name"),
        ({"mobileNumber": "123"}, "unreadablePhone", "/mobileNumber"),
        ({"mobileNumber": "hello"}, "unreadablePhone", "/mobileNumber"),
        ({"landlineNumber": "02-312-3456 내선 12"}, "unreadablePhone", "/landlineNumber"),
        ({"mobileNumber": 821012345678}, "wrongType", "/mobileNumber"),
        ({"email": "hong"}, "invalidEmail", "/email"),
        ({"email": "hong@localhost"}, "invalidEmail", "/email"),
        ({"email": "a b@example.com"}, "invalidEmail", "/email"),
        ({"email": "x" * 250 + "@example.com"}, "invalidEmail", "/email"),
        *(
            ({"avatarUrl": address}, "invalidUrl", "/avatarUrl")
            for address in (
                "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "ftp://x.example/a.png", "//x.example/a.png",
                "a.png", "https://", "https:///a.png", "https://x.example/a b.png", "https://kim@x.example",
                f"https://x.example/{'x' * 2048}",
                " javascript:alert(1)//https://x.example", "https:x.example",
            )
        ),
        ({"unsubscribeEmail": "true"}, "wrongType", "/unsubscribeEmail"),
        ({"blocked": 1}, "wrongType", "/blocked"),
        ({"tags": "VIP"}, "wrongType", "/tags"),
        ({"tags": [str(n) for n in range(21)]}, "tooManyTags", "/tags"),
        ({"tags": [str(n) for n in range(101)]}, "tooManyTags", "/tags"),
        ({"addTags": [str(n) for n in range(101)]}, "tooManyTags", "/addTags"),
        ({"removeTags": [str(n) for n in range(101)]}, "tooLong", "/removeTags"),
        ({"tags": ["x" * 257]}, "tooLong", "/tags/0"),
        ({"addTags": [str(n) for n in range(21)]}, "tooManyTags", "/addTags"),
        ({"profile": []}, "invalid", "/profile"),
        ({"profileOnce": "x"}, "invalid", "/profileOnce"),
        ({"profile": {"count": "3"}}, "wrongType", "/profile/count"),
        ({"profileOnce": {"count": "3"}}, "wrongType", "/profileOnce/count"),
    ],
)  # fmt: skip
def test_a_write_that_is_wrong_is_refused_with_its_place(body: Any, code: str, pointer: str) -> None:
    with pytest.raises(Unprocessable) as refusal:
        decide(contact(), read_write(body, "KR"), FIELDS)
    assert (refusal.value.code, refusal.value.pointer) == (code, pointer)


@pytest.mark.parametrize("address", ["https://x.example/a.png", "HTTP://x.example:8080?s=64#top", "https://사진.kr/홍.png"])
def test_an_avatar_is_any_address_of_the_web(address: str) -> None:
    assert told(contact(), avatarUrl=f" {address} ") == {"avatarUrl": (None, address)}


def test_no_refusal_repeats_the_value() -> None:
    for body in ({"mobileNumber": "SECRET 12"}, {"email": "SECRET"}, {"profile": {"count": "SECRET"}}, {"blocked": "SECRET"}):
        with pytest.raises(Unprocessable) as refusal:
            decide(None, read_write(body, "KR"), FIELDS)
        assert "SECRET" not in refusal.value.detail


def test_a_phone_without_country_code_is_read_by_the_country_of_the_channel() -> None:
    assert read_write({"mobileNumber": "090-1234-5678"}, "JP").values == {"mobileNumber": "+819012345678"}


def test_a_new_member_has_its_first_values_and_a_new_lead_may_have_none() -> None:
    member = contact(("name", "홍길동"), ("profile.grade", "VIP"))
    assert (member.version, member.member, member.member_id, member.name) == (1, True, "u1", "홍길동")
    assert (member.created_at, member.updated_at, member.first_seen_at, member.sessions_count) == (
        to_wire(BORN),
        to_wire(BORN),
        None,
        0,
    )
    event = decide(None, Write(), FIELDS)
    assert event == ContactCreated(changes=[])
    assert isinstance(event, ContactCreated)
    assert created(ID, None, event, BORN).member is False


def test_each_consent_has_its_own_time_of_change_and_keeps_it_while_the_value_stays() -> None:
    state = contact(("unsubscribeEmail", True))
    assert (state.unsubscribe_email_updated_at, state.unsubscribe_texting_updated_at) == (to_wire(BORN), None)
    assert decide(state, read_write({"unsubscribeEmail": True}, "KR"), FIELDS) is None
    event = decide(state, read_write({"unsubscribeEmail": True, "unsubscribeAppPush": True}, "KR"), FIELDS)
    assert isinstance(event, ContactChanged)
    state = evolve(state, event, LATER)
    assert (state.unsubscribe_email_updated_at, state.unsubscribe_app_push_updated_at) == (to_wire(BORN), to_wire(LATER))
    back = decide(state, read_write({"unsubscribeEmail": False}, "KR"), FIELDS)
    assert isinstance(back, ContactChanged)
    state = evolve(state, back, LATER + timedelta(hours=1))
    assert (state.unsubscribe_email, state.unsubscribe_email_updated_at) == (False, to_wire(LATER + timedelta(hours=1)))


def test_instants_never_go_back_from_one_version_to_the_next() -> None:
    state = evolve(contact(), ContactChanged(changes=[Change(key="name", to="a")]), LATER)
    state = evolve(state, ContactChanged(changes=[Change(key="blocked", to=True)]), BORN)
    assert (state.version, state.updated_at) == (3, to_wire(LATER))


def test_visits_move_the_first_and_the_last_time_seen_outwards_only() -> None:
    state = contact()
    for visit_id, minutes, sessions in (("b", 60, 1), ("a", -60, 1), ("c", 0, 1)):
        visit = Visit(id=visit_id, contact_id=ID, at=to_wire(BORN + timedelta(minutes=minutes)))
        state = evolve(state, visited(state, visit, sessions), LATER)
    assert (state.first_seen_at, state.last_seen_at) == (to_wire(BORN - timedelta(hours=1)), to_wire(LATER))
    assert (state.sessions_count, state.version) == (3, 4)


def test_the_values_of_archived_fields_are_not_shown() -> None:
    state = contact(("profile.grade", "VIP"), ("profile.gone", 1))
    assert without_archived(state, {"gone", "other"}).profile == {"grade": "VIP"}
    assert without_archived(state, {"other"}) is state


def test_on_the_wire_an_absent_value_is_null_and_instants_have_milliseconds() -> None:
    wire = contact_shown(contact(("name", "홍길동")))
    assert (wire["name"], wire["email"], wire["tags"], wire["profile"]) == ("홍길동", None, [], {})
    assert (wire["createdAt"], wire["lastSeenAt"], wire["sessionsCount"]) == ("2026-11-24T03:00:00.000Z", None, 0)
    assert "mergedInto" not in wire
