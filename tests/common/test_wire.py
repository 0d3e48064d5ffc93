"""Bodies of messages: what older programs wrote is read as ever, and what cannot be read is told without what stands in it."""

from typing import Any

import msgspec
import orjson
import pytest

from common.envelope import Delivered, UnreadableMessage
from common.events.contacts import (
    Channel,
    Contact,
    ContactChanged,
    ContactMessage,
    ContactState,
    ContactVisited,
    FieldMessage,
    ManagedUsersMessage,
    Visit,
    VisitMessage,
    VisitRecorded,
    contact_state,
    contact_value,
    visit_value,
)
from common.events.exports import ExportMessage
from common.events.wire import Body, read, read_values

ID = "019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c11"
AT = "2026-11-24T03:00:00.000Z"
SECRET = "홍길동 010-1234-5678"
FIRST: dict[str, Any] = {"id": ID, "createdAt": AT, "updatedAt": AT, "version": 1}
VISITED: dict[str, Any] = {
    "type": "contact.visited", "visitId": "v", "visitedAt": AT, "sessions": 1, "firstSeenAt": AT, "lastSeenAt": AT,
    "sessionsCount": 1,
}  # fmt: skip


def delivered(value: object) -> Delivered:
    encoded = value if isinstance(value, bytes) else orjson.dumps(value)
    return Delivered("contacts.v1", 0, 0, f"c/{ID}", encoded, {"ce_version": "1"})


def contact_told(**members: object) -> dict[str, object]:
    return {"event": {"type": "contact.changed", "changes": []}, "contact": FIRST | members, "version": 1}


def test_a_state_of_before_its_newer_members_has_them_as_they_are_at_first() -> None:
    contact = Contact.of(FIRST)
    assert (contact.tags, contact.profile, contact.member, contact.hidden, contact.web) == ([], {}, False, False, None)
    assert Contact.decode(orjson.dumps(FIRST)) == contact
    assert Channel.of({}) == Channel()


def test_a_whole_number_with_a_point_is_the_whole_number() -> None:
    told = read(ContactMessage, delivered(b'{"event":%b,"contact":%b,"version":3.0}' % (
        orjson.dumps(VISITED | {"sessions": -1.0, "sessionsCount": 2.0}), orjson.dumps(FIRST | {"sessionsCount": 2.0}),
    )))  # fmt: skip
    assert isinstance(told.event, ContactVisited)
    numbers = (told.version, told.event.sessions, told.event.sessions_count, told.contact.sessions_count)
    assert (numbers, {type(number) for number in numbers}) == ((3, -1, 2, 2), {int})


def test_a_number_of_a_profile_is_what_it_was_however_large() -> None:
    numbers = b"[9007199254740993,18446744073709551615,1e22,-0.5,100000000000000000000000]"
    contact = Contact.decode(orjson.dumps(FIRST)[:-1] + b',"profile":{"n":%b}}' % numbers)
    assert contact.profile["n"] == [9007199254740993, 18446744073709551615, 1e22, -0.5, 10**23]
    assert Contact.decode(contact.encode()) == contact


def test_members_that_a_later_version_adds_are_ignored_wherever_they_stand() -> None:
    later = {"addedLater": [SECRET, {"a": None}]}
    value = contact_told(**later, web={"seenAt": AT, "visitId": "v", **later}) | later
    assert read(ContactMessage, delivered(value)).contact.web is not None
    assert contact_state(delivered(value)) == contact_state(delivered(contact_told(web={"seenAt": AT, "visitId": "v"})))


def test_who_needs_the_state_alone_reads_it_of_events_that_are_not_known_yet() -> None:
    told = contact_state(delivered(contact_told(name="a") | {"event": {"type": "contact.of_a_later_version"}}))
    assert told is not None
    assert (told.contact.name, told.version) == ("a", 1)


@pytest.mark.parametrize(
    ("kind", "value", "place"),
    [
        (ContactMessage, contact_told(name=7), "contact/name"),
        (ContactMessage, contact_told(tags=[SECRET, 7]), "contact/tags/1"),
        (ContactMessage, contact_told(tags=None), "contact/tags"),
        (ContactMessage, contact_told(profile=[SECRET]), "contact/profile"),
        (ContactMessage, contact_told(id=SECRET), "contact/id"),
        (ContactMessage, contact_told(version=SECRET), "contact/version"),
        (ContactMessage, contact_told(sessionsCount=1.5), "contact/sessionsCount"),
        (ContactMessage, contact_told(web={"visitId": SECRET}), "contact/web/seenAt"),
        (ContactMessage, contact_told() | {"event": {"type": SECRET}}, "event/type"),
        (ContactMessage, contact_told() | {"event": {"changes": []}}, "event/type"),
        (ContactMessage, contact_told() | {"contact": SECRET}, "contact"),
        (FieldMessage, {"event": {"type": "field.defined"}, "field": {"key": "k", "type": SECRET}, "version": 1}, "field/type"),
        (ManagedUsersMessage, {
            "event": {"type": "managedUsers.warning", "percent": 821012345678, "limit": 1, "count": 1, "hidden": 0}, "version": 1,
        }, "event/percent"),
        (ExportMessage, [SECRET], ""),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_by_its_place_and_never_quoted(kind: type[Body], value: object, place: str) -> None:
    with pytest.raises(UnreadableMessage) as refusal:
        read(kind, delivered(value))
    told = str(refusal.value)
    assert told.startswith(f"{kind.__name__}: {place}: ")
    assert not any(word in told for word in (*SECRET.split(), "821012345678", "1.5"))


@pytest.mark.parametrize("at", ["", SECRET, "2026-11-24", "2026-02-30T00:00:00.000Z", "2026-11-24T25:00:00.000Z", AT.lower()])
@pytest.mark.parametrize("member", ["createdAt", "lastSeenAt", "unsubscribeEmailUpdatedAt", "web"])
def test_an_instant_that_is_none_makes_the_message_unreadable(member: str, at: str) -> None:
    value = contact_told(**{member: {"seenAt": AT, "visitId": "v", "lastSeenAt": at} if member == "web" else at})
    for kind in (ContactMessage, ContactState):
        place = "contact/web/lastSeenAt" if member == "web" else f"contact/{member}"
        with pytest.raises(UnreadableMessage, match=f"{place}: no instant") as refusal:
            read(kind, delivered(value))
        assert at == "" or at not in str(refusal.value)
    with pytest.raises(UnreadableMessage, match="instant"):
        read_values(Contact, value["contact"])
    event = contact_told() | {"event": VISITED | {"visitedAt": at}}
    with pytest.raises(UnreadableMessage, match="instant"):
        read(ContactMessage, delivered(event))


@pytest.mark.parametrize(
    "value", [b"", b"{", b"nothing", b"\xff\xfe", b'{"version":1,"contact":"\xff"}', b'{"event":"\\ud800"}', b"[" * 9000],
)  # fmt: skip
def test_what_is_no_json_is_unreadable(value: bytes) -> None:
    with pytest.raises(UnreadableMessage):
        read(ContactMessage, delivered(value))


def test_a_value_put_together_of_what_is_encoded_is_the_body_encoded() -> None:
    event, contact = ContactChanged(changes=[]), Contact.of(FIRST | {"name": '이름\n"\\\u2028', "profile": {"n": 1e22}})
    whole = ContactMessage(event=event, contact=contact, version=contact.version)
    assert ContactMessage.decode(contact_value(event.encode(), contact.encode(), contact.version)) == whole
    assert ContactMessage.decode(whole.encode()) == whole
    visit = Visit.of({"id": "v", "contactId": ID, "at": AT, "properties": {"a": ["b"]}})
    assert VisitMessage.decode(visit_value(visit.encode())) == VisitMessage(event=VisitRecorded(), visit=visit)


def test_a_body_is_frozen_and_made_by_names() -> None:
    contact = Contact.of(FIRST)
    with pytest.raises(AttributeError):
        contact.name = "b"  # type: ignore[misc]
    with pytest.raises(TypeError):
        Channel("KR")  # type: ignore[call-arg]
    with pytest.raises(msgspec.ValidationError):
        Contact.of({})
