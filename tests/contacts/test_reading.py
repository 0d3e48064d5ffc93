"""Reading many contacts at once, and one as the inbox shows it."""

from datetime import timedelta
from uuid import UUID

import pytest
from msgspec import structs

from common.answers import contact_shown
from common.clock import to_wire
from common.events.contacts import Contact, FieldDefinition
from common.ids import new_id
from contacts.fields.built_in import BUILT_IN_FIELDS
from contacts.inbox import in_the_inbox
from tests.contacts.conftest import NOW, World

CONTACT = contact_shown(
    Contact(
        id=new_id(),
        name="Kim",
        tags=["a"],
        created_at=to_wire(NOW),
        updated_at=to_wire(NOW),
        version=2,
        profile={"memo": "x", "name": "y"},
    )
)


def invisible(*keys: str) -> list[FieldDefinition]:
    own = [FieldDefinition(key=key, type="String") for key in ("profile.memo", "profile.name")]
    return [structs.replace(d, inbox_visible=d.key not in keys) for d in (*BUILT_IN_FIELDS.values(), *own)]


def test_where_nothing_is_left_out_the_inbox_shows_all() -> None:
    assert in_the_inbox(CONTACT, invisible()) == CONTACT


@pytest.mark.parametrize("key", [key for key in BUILT_IN_FIELDS if "." not in key and key != "id"])
def test_each_built_in_that_is_not_visible_is_left_out(key: str) -> None:
    assert in_the_inbox(CONTACT, invisible(key)) == {name: value for name, value in CONTACT.items() if name != key}


def test_a_profile_value_that_is_not_visible_is_left_out_and_one_of_a_built_ins_name_is_another() -> None:
    assert in_the_inbox(CONTACT, invisible("profile.name")) == CONTACT | {"profile": {"memo": "x"}}
    shown = in_the_inbox(CONTACT, invisible("name", "profile.memo"))
    assert (shown["profile"], "name" in shown) == ({"name": "y"}, False)
    assert CONTACT["profile"] == {"memo": "x", "name": "y"}


def test_the_panel_always_knows_whose_it_is() -> None:
    assert in_the_inbox(CONTACT, invisible("id"))["id"] == CONTACT["id"]


def test_a_fact_of_a_device_is_hidden_by_itself() -> None:
    fact = FieldDefinition(key="web.os", type="String", inbox_visible=False)
    seen = {**CONTACT, "web": {"os": "macOS", "browser": "Safari"}}
    assert in_the_inbox(seen, [fact])["web"] == {"browser": "Safari"}
    assert in_the_inbox({**CONTACT, "web": None}, [fact])["web"] is None


async def test_contacts_are_read_in_the_order_asked_for_with_null_for_nobody(world: World) -> None:
    one, two = await world.put("u1", name="a"), await world.put("u2", name="b")
    lead = (await world.contacts.create_lead(world.caller(), {})).contact
    merged = await world.put("u1", leadId=str(lead.id))
    found = await world.queries.contacts(world.channel, [two.id, new_id(), lead.id, one.id, two.id], None)
    assert found == [two, None, merged, merged, two]
    assert await world.queries.contacts("other", [one.id], None) == [None]
    assert await world.queries.contacts(world.channel, [], None) == []


async def test_contacts_are_read_as_they_were(world: World) -> None:
    was = await world.put("u1", name="a")
    world.clock.instant = NOW + timedelta(hours=2)
    await world.put("u1", name="b")
    young = await world.put("u2")
    ids: list[UUID] = [young.id, was.id, was.id]
    assert await world.queries.contacts(world.channel, ids, NOW + timedelta(hours=1)) == [None, was, was]
    now = await world.queries.contacts(world.channel, ids, NOW + timedelta(hours=3))
    assert [c and (c.name, c.updated_at) for c in now] == [
        (None, "2026-11-24T05:00:00.000Z"), ("b", "2026-11-24T05:00:00.000Z"), ("b", "2026-11-24T05:00:00.000Z"),
    ]  # fmt: skip
