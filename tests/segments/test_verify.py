"""Standings and counts held against a fresh judgement of everyone: what is wrong is told and put right, and nothing else."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import orjson
import pytest

from common.ids import new_id
from common.telemetry import REGISTRY
from common.topics import CONTACTS, FIELDS
from segments.ledger import Place
from segments.verify import KINDS, Repaired, Verifier
from tests.segments.support import MINUTE, NOON, doc, named, seen_within
from tests.segments.world import CHANNEL, World
from tests.support.api import eventually

DUE = NOON + 10 * MINUTE


@pytest.fixture
async def people(world: World) -> list[UUID]:
    """Two Kims and a Lee, all seen now."""
    await world.judge.positions([(CONTACTS, 0), (FIELDS, 0)])
    made = [uuid4() for _ in range(3)]
    names = ("Kim", "Kim", "Lee")
    await world.tell(*(world.contact(c, 1, NOON, name=n, seen=NOON) for c, n in zip(made, names, strict=True)))
    return made


async def spoil(world: World, statement: str, *arguments: object) -> None:
    assert await world.value(f"with spoilt as ({statement} returning 1) select count(*) from spoilt", *arguments) > 0


def repairs() -> dict[str, float]:
    return {kind: REGISTRY.get_sample_value("dangol_segment_repairs_total", {"kind": kind}) or 0 for kind in KINDS}


async def verified(world: World) -> Repaired:
    """One run, which leaves nothing to a second one and tells by metric what it did."""
    before = repairs()
    repaired = await world.verifier().channel(CHANNEL)
    kinds = [*repaired.standings.values(), *["count"] * len(repaired.counts)]
    assert {kind: repairs()[kind] - before[kind] for kind in KINDS} == {kind: kinds.count(kind) for kind in KINDS}
    assert not await world.verifier().channel(CHANNEL)
    return repaired


async def test_what_is_right_stays_as_it_is(world: World, people: list[UUID]) -> None:
    kims, recent = await world.make(named("Kim")), await world.make(seen_within(10))
    told = await world.told(kims), await world.told(recent)
    world.now = DUE  # the window ends, and the timer has not come yet
    assert not await verified(world)
    assert (await world.told(kims), await world.told(recent)) == told
    await world.tick()
    assert not await verified(world)


async def test_a_lost_row_comes_back_and_nobody_enters_twice(world: World, people: list[UUID]) -> None:
    kims = await world.make(named("Kim"))
    since = (await world.queries.standing(CHANNEL, kims, people[0], NOON)).since
    await spoil(world, "delete from membership where contact_id = $1", people[0])
    assert (await verified(world)).standings == {Place(CHANNEL, kims, people[0]): "missing"}
    assert (await world.queries.standing(CHANNEL, kims, people[0], NOON)).since == since
    await world.check(kims)
    assert len(await world.changes(kims)) == 2


async def test_who_was_judged_wrongly_enters_or_leaves_with_the_cause_of_a_repair(world: World, people: list[UUID]) -> None:
    kims = await world.make(named("Kim"))
    world.now = NOON + MINUTE
    for contact, name in zip(people, ("Lee", "Kim", "Kim"), strict=True):
        await spoil(world, "update contact set doc = $2 where id = $1", contact, orjson.dumps(doc(name)))
    assert (await verified(world)).standings == {
        Place(CHANNEL, kims, people[0]): "surplus",
        Place(CHANNEL, kims, people[2]): "missing",
    }
    changes = {c.contact_id: (c.change, c.cause, c.at) for c in (await world.changes(kims))[2:]}
    assert changes == {people[0]: ("left", "repair", world.now), people[2]: ("entered", "repair", world.now)}
    assert {e["contactId"]: e["cause"] for e in (await world.sent())[-2:]} == {str(c): "repair" for c in changes}
    await world.check(kims)


@pytest.mark.parametrize("due", [None, DUE + 1])
async def test_a_clock_that_would_come_too_late_is_set_again(world: World, people: list[UUID], due: int | None) -> None:
    recent = await world.make(seen_within(10))
    await spoil(world, "update contact set due_ms = $2 where id = $1", people[0], due)
    assert (await verified(world)).standings == {Place(CHANNEL, recent, people[0]): "overdue"}
    await world.tick(DUE)
    assert {(c.change, c.cause, c.at) for c in (await world.changes(recent))[3:]} == {("left", "clock", DUE)}
    assert await world.members(recent) == set()


async def test_a_clock_that_comes_too_early_tells_nothing_and_comes_again(world: World, people: list[UUID]) -> None:
    recent = await world.make(seen_within(10))
    await spoil(world, "update contact set due_ms = $1", NOON + MINUTE)
    assert not await verified(world)
    await world.tick(NOON + 2 * MINUTE)
    assert len(await world.members(recent)) == 3
    await world.tick(DUE)
    assert [(c.change, c.cause, c.at) for c in (await world.changes(recent))[3:]] == [("left", "clock", DUE)] * 3


async def test_a_wrong_count_is_counted_anew(world: World, people: list[UUID]) -> None:
    kims, others = await world.make(named("Kim")), await world.make(named("Lee"))
    await spoil(world, "update tally set members = members + 7 where segment_id = $1", kims)
    assert (await verified(world)).counts == {kims}
    assert [(await world.shown(s)).count for s in (kims, others)] == [2, 1]


async def test_members_who_are_gone_or_were_never_there_leave(world: World, people: list[UUID]) -> None:
    kims = await world.make(named("Kim"))
    await spoil(world, "update contact set doc = null where id = $1", people[0])
    await spoil(world, "delete from contact where id = $1", people[1])
    assert (await verified(world)).standings == {Place(CHANNEL, kims, people[0]): "surplus"}
    # Who is not known at all is found from search's side, which misses the member.
    repaired = await world.verifier().contacts(CHANNEL, [people[1]])
    assert repaired.standings == {Place(CHANNEL, kims, people[1]): "surplus"}
    assert await world.members(kims) == set()
    await world.check(kims)


async def test_frozen_and_unfinished_segments_are_left_alone(world: World, people: list[UUID]) -> None:
    await world.tell(world.field("grade", "String", 1))
    broken = await world.make({"or": [named("Kim"), {"key": "profile.grade", "operator": "eq", "values": ["a"]}]})
    await world.tell(world.field("grade", "String", 2, archived=True))
    building = await world.make(named("Kim"), built=False)
    await spoil(world, "delete from membership where contact_id = $1", people[0])
    assert not (await verified(world)).standings
    assert await world.members(broken) == {people[1]}
    assert (await world.shown(building)).status == "building"


async def test_more_contacts_than_one_look_takes(world: World, make_many: Callable[[int], Awaitable[list[UUID]]]) -> None:
    made = await make_many(2100)
    kims = await world.make(named("Kim"))
    lost = sorted(made)[1999:2001]
    await spoil(world, "delete from membership where contact_id = any($1::uuid[])", lost)
    assert (await verified(world)).standings == {Place(CHANNEL, kims, contact): "missing" for contact in lost}


async def test_however_many_are_to_be_judged_again_only_some_are_locked_at_a_time(
    world: World, make_many: Callable[[int], Awaitable[list[UUID]]]
) -> None:
    made = sorted(await make_many(5))
    kims = await world.make(named("Kim"))
    await spoil(world, "delete from membership")
    verifier = Verifier(world.database, world.clock, new_id, most_contacts=2)
    async with world.database.transaction() as other:
        await other.execute("select from contact where id = $1 for update", made[-1])
        judging = asyncio.create_task(verifier.contacts(CHANNEL, made))
        await eventually(lambda: world.members(kims), lambda members: members == set(made[:4]), 10)
        assert not judging.done()
    assert len((await judging).standings) == 5
    assert await world.members(kims) == set(made)


@pytest.fixture
def make_many(world: World) -> Callable[[int], Awaitable[list[UUID]]]:
    async def make(count: int) -> list[UUID]:
        await world.judge.positions([(CONTACTS, 0)])
        made = [uuid4() for _ in range(count)]
        await world.tell(*(world.contact(c, 1, NOON, name="Kim") for c in made))
        return made

    return make
