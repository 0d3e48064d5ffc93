"""The contacts that searches are measured over: made by number, so that every count can be told without asking anybody."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson

from common.clock import to_wire
from common.envelope import Message, message
from common.events.contacts import FieldDefined, FieldDefinition, FieldMessage
from common.ids import new_id
from common.topics import CONTACTS, FIELDS

CHANNEL = "bench"
NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)

_FAMILY = "김이박최정강조윤장임한오서신권황안송류홍"
_GIVEN = "민서준하은지우현수진영아도윤재호연주길동상희선미경태"
CITIES = ("서울", "부산", "인천", "대구", "대전", "광주", "Seoul")
_MAILS = ("example.com", "example.kr", "mail.example.org")
GRADES = ("VIP", "Gold", "Silver", "Bronze")
TAGS = ("VIP/2026", "뉴스레터", "재구매", "이벤트")
_FIELDS = {"grade": "String", "totalAmount": "Number", "lastOrderAt": "Date", "newsletter": "Boolean", "interests": "List"}


@dataclass(frozen=True, slots=True)
class Person:
    """What is asked about a contact."""

    number: int
    id: str
    name: str
    email: str
    mobile: str
    tag: str
    sessions: int
    seen: datetime
    grade: str
    amount: int


def person(number: int) -> Person:
    """The contact of that number. Mobile numbers are each somebody's own."""
    mixed = number * 2_654_435_761 % 2**32
    family, first, second = mixed % 20, mixed // 20 % len(_GIVEN), mixed // 520 % len(_GIVEN)
    subscriber = 20_000_000 + number * 7919 % 25_000_000
    return Person(
        number=number,
        id=f"01900000-0000-7000-8000-{number:012x}",
        name=_FAMILY[family] + _GIVEN[first] + _GIVEN[second],
        email=f"user{number}@{_MAILS[mixed % 3]}",
        mobile=f"+8210{subscriber}",
        tag=TAGS[mixed // 7 % 4],
        sessions=mixed // 11 % 50,
        seen=NOW - timedelta(minutes=mixed // 13 % 130_000),
        grade=GRADES[mixed // 17 % 4],
        amount=mixed // 19 % 1_000_000,
    )


def people(count: int) -> Iterator[Person]:
    """So many."""
    return map(person, range(count))


def contact_message(who: Person, version: int = 1) -> Message:
    """The contact as contacts tells of it."""
    seen, made = to_wire(who.seen), to_wire(NOW - timedelta(days=400) + timedelta(seconds=who.number))
    contact = {
        "id": who.id, "memberId": f"m-{who.number}", "member": True, "name": who.name, "email": who.email,
        "mobileNumber": who.mobile, "language": "ko", "country": "KR", "city": CITIES[who.number % 7], "tags": [who.tag],
        "createdAt": made, "updatedAt": seen, "firstSeenAt": made, "lastSeenAt": seen, "sessionsCount": who.sessions,
        "profile": {
            "grade": who.grade, "totalAmount": who.amount, "lastOrderAt": seen, "newsletter": who.number % 2 == 0,
            "interests": [f"관심 {who.number % 9}", f"관심 {who.number % 5}"],
        },
        "version": version,
    }  # fmt: skip
    value = orjson.dumps({"event": {"type": "contact.changed", "changes": []}, "contact": contact, "version": version})
    return _message(CONTACTS, who.id, "contact.changed", version, value)


def visit(name: str, member: str, at: datetime) -> dict[str, object]:
    """A page that a member looked at, as a program sends it."""
    return {
        "id": name, "memberId": member, "at": to_wire(at),
        "properties": {"page": "/products/12345", "referrer": "https://example.com/search?q=shoes", "price": 12900},
        "url": "https://shop.example.com/products/12345?color=navy&size=260",
    }  # fmt: skip


def erased_message(who: Person, version: int) -> Message:
    """The contact as contacts tells of it when it is no more."""
    return _message(CONTACTS, who.id, "contact.erased", version, None)


def field_messages() -> list[Message]:
    """Their profile fields as contacts tells of them."""
    definitions = [FieldDefinition.of({"key": f"profile.{key}", "type": kind}) for key, kind in _FIELDS.items()]
    return [
        _message(FIELDS, each.key, "field.defined", 1, FieldMessage(event=FieldDefined(), field=each, version=1).encode())
        for each in definitions
    ]


def _message(topic: str, subject: str, kind: str, version: int, value: bytes | None) -> Message:
    return message(
        topic, channel=CHANNEL, subject=subject, source="contacts", type=kind, id=new_id(), version=version, at=NOW,
        value=value, trace={},
    )  # fmt: skip
