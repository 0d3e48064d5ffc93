"""The past of contacts in the real PostgreSQL: what each was at any instant, and each change with who, when, from and to."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.clock import from_wire, to_wire
from common.errors import NotFound
from common.events.contacts import Contact
from common.ids import new_id
from tests.contacts.conftest import NOW, World
from tests.contacts.test_laws import AGAINST_THE_DATABASE, commands, obey


async def history(world: World, contact: Contact) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = await world.queries.history(world.channel, contact.id, 3, cursor)
        found += page.items
        cursor = page.next
        if cursor is None:
            return found


def later(world: World, **by: int) -> datetime:
    world.clock.instant += timedelta(**by)
    return world.clock.instant


async def test_every_change_tells_who_when_from_and_to(world: World) -> None:
    made = await world.put("u1", name="a", profile={"n": 1})
    at = later(world, hours=1)
    await world.put("u1", subject="lee", name="b", profile={"n": None})
    await world.visits.record(world.caller("site"), [{"id": "v1", "memberId": "u1", "at": to_wire(NOW)}])
    visit, change, birth = await history(world, made)
    assert (birth["version"], birth["by"], birth["cause"], birth["at"]) == (1, "kim", "api", to_wire(NOW))
    assert birth["changes"] == [{"key": "name", "from": None, "to": "a"}, {"key": "profile.n", "from": None, "to": 1}]
    assert (change["version"], change["by"], change["at"]) == (2, "lee", to_wire(at))
    assert change["changes"] == [{"key": "name", "from": "a", "to": "b"}, {"key": "profile.n", "from": 1, "to": None}]
    assert (visit["version"], visit["by"], visit["cause"], visit["visit"]) == (
        3,
        "site",
        "visit",
        {"id": "v1", "at": to_wire(NOW)},
    )
    assert {c["key"]: (c["from"], c["to"]) for c in visit["changes"]} == {
        "firstSeenAt": (None, to_wire(NOW)), "lastSeenAt": (None, to_wire(NOW)), "sessionsCount": (0, 1),
    }  # fmt: skip


async def test_a_contact_as_it_was_before_during_and_after_its_changes(world: World) -> None:
    first = await world.put("u1", name="a")
    at = later(world, hours=1)
    second = await world.put("u1", name="b", unsubscribeEmail=True)

    async def seen(when: datetime) -> Contact:
        return await world.queries.contact_at(world.channel, first.id, when)

    assert await seen(NOW) == first
    assert await seen(at - timedelta(milliseconds=1)) == first
    assert await seen(at) == second
    assert await seen(at + timedelta(days=999)) == second
    with pytest.raises(NotFound):
        await seen(NOW - timedelta(milliseconds=1))
    with pytest.raises(NotFound):
        await world.queries.contact_at("other", first.id, at)


async def test_a_lead_was_a_lead_before_it_was_identified_and_one_that_was_merged_was_itself(world: World) -> None:
    lead = (await world.contacts.create_lead(world.caller(), {"name": "lead"})).contact
    other = (await world.contacts.create_lead(world.caller(), {"city": "서울"})).contact
    at = later(world, hours=1)
    became = await world.put("u1", leadId=str(lead.id))
    merged = await world.put("u1", leadId=str(other.id))
    assert (became.id, merged.id) == (lead.id, lead.id)
    assert await world.queries.contact_at(world.channel, lead.id, NOW) == lead
    assert await world.queries.contact_at(world.channel, other.id, NOW) == other
    assert await world.queries.contact_at(world.channel, other.id, at) == merged


@AGAINST_THE_DATABASE
@given(sequence=st.lists(commands, min_size=1, max_size=10))
async def test_the_history_folded_to_an_instant_is_the_contact_at_that_instant(
    world: World, sequence: list[tuple[str, Any]]
) -> None:
    member_id = str(new_id())
    born = await world.put(member_id)
    snapshots: list[tuple[datetime, Contact]] = [(world.clock.now(), born)]
    for n, command in enumerate(sequence):
        await obey(world, member_id, [command], f"{n}")
        snapshots.append((world.clock.now(), await world.queries.member(world.channel, member_id)))
    for (at, contact), (following, _) in pairwise([*snapshots, (world.clock.now() + timedelta(days=1), born)]):
        if at < following:  # of states within one instant the last is what it was then
            assert await world.queries.contact_at(world.channel, born.id, at) == contact
            assert replayed(await history(world, born), at) == wire(contact)


def wire(contact: Contact) -> dict[str, Any]:
    members = contact.members()
    values = {key: value for key, value in members.items() if key not in {"profile", "id", "version", "updatedAt", "createdAt"}}
    values |= {f"profile.{key}": value for key, value in members["profile"].items()}
    return {
        key: value
        for key, value in values.items()
        if value not in (None, False, [], 0) and not key.endswith("UpdatedAt") and key not in {"member", "memberId"}
    } | {key: value for key, value in values.items() if key.startswith("profile.")}


def replayed(items: list[dict[str, Any]], at: datetime) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for each in reversed(items):
        if from_wire(each["at"]) <= at:
            for change in each["changes"]:
                assert values.get(change["key"]) == change["from"] or change["from"] in (False, [], 0)
                values[change["key"]] = change["to"]
    return {
        key: value
        for key, value in values.items()
        if (key.startswith("profile.") and value is not None) or value not in (None, False, [], 0)
    }
