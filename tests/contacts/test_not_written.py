"""What a write does not take is told: a key that has its value for good, a field that is archived; and nothing else is."""

from typing import Any

import pytest

from common.clock import to_wire
from common.events.contacts import Contact, FieldDefinition, FieldTypeName
from common.ids import new_id
from contacts.contact import changes, read_write
from contacts.not_written import not_written
from tests.contacts.conftest import NOW, World


def field(key: str, kind: FieldTypeName = "String", *, once: bool = False, archived: bool = False) -> FieldDefinition:
    return FieldDefinition(key=f"profile.{key}", type=kind, display_name={}, order=0, once=once, archived=archived)


FIELDS = {
    "memo": field("memo"), "first": field("first", once=True), "count": field("count", "Number"),
    "old": field("old", archived=True), "gone": field("gone", archived=True),
}  # fmt: skip
STATE = Contact(
    id=new_id(),
    created_at=to_wire(NOW),
    updated_at=to_wire(NOW),
    version=3,
    profile={"memo": "a", "first": "x", "count": 1, "old": "o"},
)


@pytest.mark.parametrize(
    ("body", "missed"),
    [
        ({"profile": {"memo": "b", "count": 2}}, []),
        ({"profile": {"first": "y"}}, [("first", "once")]),
        ({"profile": {"first": "x"}}, []),
        ({"profile": {"first": None}}, [("first", "once")]),
        ({"profileOnce": {"memo": "b"}}, [("memo", "once")]),
        ({"profileOnce": {"memo": "a", "count": 1.0}}, []),
        ({"profileOnce": {"memo": None, "first": ""}}, []),
        ({"profile": {"old": "p", "gone": "q"}}, [("old", "archived"), ("gone", "archived")]),
        ({"profile": {"old": None, "gone": None}}, [("old", "archived")]),
        ({"profileOnce": {"gone": "q"}, "profile": {"gone": "r"}}, [("gone", "archived")]),
        ({"profileOnce": {"unknown": ""}, "profile": {"unknown": None}}, []),
    ],
)
def test_what_is_not_taken_of_a_contact_that_is_there(body: dict[str, Any], missed: list[tuple[str, str]]) -> None:
    write = read_write(body, "KR")
    assert [(n.key, n.reason) for n in not_written(STATE, write, FIELDS)] == [(f"profile.{key}", why) for key, why in missed]


@pytest.mark.parametrize(
    ("body", "missed"),
    [
        ({"profile": {"first": "y", "memo": "b"}, "profileOnce": {"count": 1}}, []),
        ({"profileOnce": {"memo": "a"}, "profile": {"memo": "b"}}, ["memo"]),
        ({"profileOnce": {"memo": "a"}, "profile": {"memo": "a"}}, []),
    ],
)
def test_a_new_contact_takes_all_but_what_its_own_write_overrules(body: dict[str, Any], missed: list[str]) -> None:
    assert [n.key for n in not_written(None, read_write(body, "KR"), FIELDS)] == [f"profile.{key}" for key in missed]


@pytest.mark.parametrize("member", ["profile", "profileOnce"])
@pytest.mark.parametrize("key", FIELDS)
@pytest.mark.parametrize("text", [None, "", "x", "z"])
def test_a_value_is_written_or_there_or_nothing_or_told(member: str, key: str, text: str | None) -> None:
    value = {None: None, "": None, "x": 1, "z": 2}[text] if key == "count" else text
    write = read_write({member: {key: value}}, "KR")
    after = {c.key[8:]: c.to for c in changes(STATE, write, FIELDS)}.get(key, STATE.profile.get(key))
    told = not_written(STATE, write, FIELDS) != ()
    nothing = value in (None, "")
    taken = (not nothing and after == value) or (nothing and after is None)
    assert told or taken or (nothing and member == "profileOnce") or (nothing and key == "gone")


async def test_every_way_of_writing_tells(world: World) -> None:
    caller = world.caller()
    made = await world.put("u1", profile={"firstReferrer": "ad", "memo": "a"})
    again = await world.contacts.upsert(caller, "u1", {"profile": {"firstReferrer": "else"}}, None)
    await world.fields.archive(caller, "profile.memo")
    changed = await world.contacts.change(caller, made.id, {"profile": {"memo": "b", "grade": "VIP"}}, None)
    lead = await world.contacts.create_lead(caller, {"profile": {"memo": "b"}})
    rows, _ = await world.contacts.batch(caller, [{"memberId": "u1", "profile": {"firstReferrer": "x", "memo": "y"}}])
    told = [[(n.key, n.reason) for n in w.not_written] for w in (again, changed, lead, rows[0])]
    once, archived = ("profile.firstReferrer", "once"), ("profile.memo", "archived")
    assert told == [[once], [archived], [archived], [once, archived]]
    assert changed.contact.profile == {"firstReferrer": "ad", "grade": "VIP"}
