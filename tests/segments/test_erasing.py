"""Whoever is erased is in no membership, past ones included, however one asks; their id stands in the log alone, as erased."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.clock import from_millis, to_wire
from common.ids import new_id
from common.topics import CONTACTS, FIELDS
from segments.consumer import Judge
from segments.rebuild import rebuild
from tests.segments.conftest import As, answer
from tests.segments.support import MINUTE, NOON, doc, named, seen_within
from tests.segments.world import CHANNEL, World

PLACES = [(CONTACTS, 0), (FIELDS, 0)]


def at(millis: int) -> str:
    return to_wire(from_millis(millis))


async def everywhere(world: World, client: Any, segment: UUID, instants: Iterable[int]) -> list[str]:
    """Every answer that tells of people, as a text each."""
    paths = [f"/{segment}/members", *(f"/{segment}/members?at={at(instant)}" for instant in instants)]
    paths += [
        f"/{segment}/compare?from={at(instant)}&which={which}"
        for instant in instants
        for which in ("onlyThen", "both", "onlyNow")
    ]
    found = [await answer(client, "GET", path) for path in paths]
    assert [each.status_code for each in found] == [200] * len(found)
    return [each.text for each in found]


async def test_the_erased_are_named_by_the_log_alone(world: World, people: list[UUID], asked_as: As) -> None:
    gone, client = people[0], asked_as()
    segment, recent = await world.make(named("Kim")), await world.make(seen_within(10))
    world.past.known[gone, from_millis(NOON)] = doc("Kim")
    await world.tell(world.erased(gone, 2, NOON + MINUTE))
    world.now = NOON + 2 * MINUTE
    instants = (NOON, NOON + MINUTE - 1, NOON + MINUTE, NOON + 2 * MINUTE)
    for asked in (segment, recent):
        answers = await everywhere(world, client, asked, instants)
        assert [text for text in answers if str(gone) in text] == []
        assert all(str(people[1]) in text for text in answers if "contactId" in text)
    for method, path, body in (
        ("GET", f"/{segment}/members/{gone}", None),
        ("GET", f"/memberships?contact={gone}", None),
        ("POST", f"/{segment}/explain", {"contactId": str(gone)}),
        ("POST", f"/{segment}/explain", {"contactId": str(gone), "at": at(NOON)}),
    ):
        refused = await answer(client, method, path, body)
        assert (refused.status_code, refused.json()["code"]) == (410, "erased"), path
    compared = (await answer(client, "GET", f"/{segment}/compare?from={at(NOON)}")).json()
    assert [compared[each] for each in ("onlyThen", "both", "onlyNow")] == [0, 4, 0]
    # What happened in a step, and the size at its end, name nobody: they stay as they were.
    counted = (await answer(client, "GET", f"/{segment}/counts?step=minute&from={at(NOON)}&to={at(NOON + 2 * MINUTE)}")).json()
    assert [(c["entered"], c["left"], c["size"]) for c in counted["items"]] == [(5, 0, 5), (0, 1, 4)]
    changes = (await answer(client, "GET", f"/{segment}/changes?limit=100")).json()["items"]
    assert [(c["change"], c["cause"], c["at"]) for c in changes if c["contactId"] == str(gone)][-1:] == [
        ("left", "erasure", at(NOON + MINUTE))
    ]
    sent = [event for event in await world.sent() if event.get("contactId") == str(gone)]
    assert {(e["type"], e["cause"]) for e in sent if e["at"] == at(NOON + MINUTE)} == {("segment.left", "erasure")}
    assert await world.value("select array_agg(doc) from contact where id = $1", gone) == [None]
    assert await world.value("select count(*) from membership where contact_id = $1", gone) == 0
    assert await world.value("select count(*) from due where contact_id = $1", gone) == 0
    await world.check(segment)


@pytest.mark.parametrize("raw", [named("Kim"), {"not": seen_within(10)}])
async def test_who_is_erased_while_a_definition_is_being_built_is_in_nothing_whichever_side_they_are_on(
    world: World, raw: dict[str, Any], asked_as: As
) -> None:
    await world.judge.positions(PLACES)
    contacts = sorted(uuid4() for _ in range(30))
    seen = NOON - 20 * MINUTE
    await world.tell(*(world.contact(one, 1, NOON, name="Kim", seen=seen) for one in contacts))
    world.now = NOON + 5
    segment = await world.make(raw, built=False)
    builder = world.builder(chunk=10)
    await builder.advance()
    reached, ahead = contacts[3], contacts[25]
    world.now = NOON + 10
    await world.tell(world.erased(reached, 2, NOON + 10), world.erased(ahead, 2, NOON + 10))
    while await builder.advance():
        pass
    assert await world.members(segment) == set(contacts) - {reached, ahead}
    world.now = NOON + MINUTE
    answers = await everywhere(world, asked_as(), segment, (NOON + 5, NOON + 9, NOON + MINUTE))
    assert [text for text in answers if str(reached) in text or str(ahead) in text] == []
    for gone in (reached, ahead):
        told = [(c.change, c.cause) for c in await world.changes(segment) if c.contact_id == gone]
        assert told == [("entered", "definition"), ("left", "erasure")]
    assert not await world.verifier().channel(CHANNEL)
    await world.check(segment)


@pytest.mark.parametrize("compacted", [False, True])
async def test_who_is_erased_while_all_is_rebuilt_does_not_come_back(world: World, asked_as: As, compacted: bool) -> None:
    await world.judge.positions(PLACES)
    contacts = sorted(uuid4() for _ in range(20))
    before, during = contacts[2], contacts[15]
    first = [world.contact(one, 1, NOON, name="Kim", seen=NOON) for one in contacts]
    await world.tell(*first)
    segment, recent = await world.make(named("Kim")), await world.make(seen_within(10))
    erased = world.erased(before, 2, NOON + 1)
    await world.tell(erased)
    world.now = NOON + MINUTE
    await rebuild(world.database, world.clock)
    builder = world.builder(chunk=7)
    await builder.advance()
    following = Judge(world.database, world.clock, new_id)
    assert set((await following.positions(PLACES)).values()) == {0}
    # Compacted, a topic has of each key what came last.
    again = [record for record in first if not compacted or record.key != erased.key]
    await world.tell(*again[:10], judge=following)
    await builder.advance()
    last = world.erased(during, 2, NOON + MINUTE)
    await world.tell(*again[10:], erased, last, judge=following)
    while await builder.advance():
        pass
    world.now = NOON + 2 * MINUTE
    for asked in (segment, recent):
        assert await world.members(asked) == set(contacts) - {before, during}
        answers = await everywhere(world, asked_as(), asked, (NOON + MINUTE, NOON + 2 * MINUTE))
        assert [text for text in answers if str(before) in text or str(during) in text] == []
        for gone in (before, during):
            assert [(c.change, c.cause) for c in await world.changes(asked) if c.contact_id == gone][1:] == [("left", "erasure")]
        await world.check(asked)
    assert not await world.verifier().channel(CHANNEL)


async def test_a_contact_that_was_merged_into_one_who_is_erased_is_in_nothing_either(
    world: World, people: list[UUID], asked_as: As
) -> None:
    lead, member = people[:2]
    segment = await world.make(named("Kim"))
    await world.tell(world.contact(lead, 2, NOON + 1, merged_into=member), world.contact(member, 2, NOON + 1, name="Kim"))
    world.now = NOON + MINUTE
    assert str(lead) in "".join(await everywhere(world, asked_as(), segment, [NOON]))
    await world.tell(world.erased(lead, 3, NOON + MINUTE), world.erased(member, 3, NOON + MINUTE))
    world.now = NOON + 2 * MINUTE
    answers = await everywhere(world, asked_as(), segment, (NOON, NOON + 1, NOON + MINUTE))
    assert [text for text in answers if str(lead) in text or str(member) in text] == []
    for gone in (lead, member):
        assert (await answer(asked_as(), "GET", f"/{segment}/members/{gone}")).status_code == 410
    assert (await world.told(segment))[-2:] == [("left", "event", NOON + 1), ("left", "erasure", NOON + MINUTE)]
