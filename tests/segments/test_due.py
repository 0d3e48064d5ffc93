"""When the clock looks at whom, on the real PostgreSQL: no write too many, nobody missed or told of twice."""

import asyncio
from collections.abc import Coroutine
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.topics import CONTACTS
from segments import due_store
from segments.ledger import Place
from segments.worker import MOST_DUE
from tests.segments.support import MINUTE, NOON, named, seen_within
from tests.segments.world import CHANNEL, World

RECENT = seen_within(10)
DUE = NOON + 10 * MINUTE
DAY = 24 * 60 * MINUTE
LOOKS = "select at_ms from due where contact_id = $1"
ROW = "select array[ctid::text, xmin::text] from contact where id = $1"


async def soon(work: Coroutine[Any, Any, int]) -> int:
    """What it answers, without waiting for anybody."""
    task = asyncio.create_task(work)
    done, _ = await asyncio.wait([task], timeout=10)
    assert done, "it waits for whoever has the row"
    return task.result()


@pytest.fixture
async def one(world: World) -> UUID:
    """A contact who was seen at noon."""
    await world.judge.positions([(CONTACTS, 0)])
    made = uuid4()
    await world.tell(world.contact(made, 1, NOON, seen=NOON, name="Kim"))
    return made


async def test_who_is_seen_again_and_again_moves_nothing_and_is_looked_at_in_vain_once(world: World, one: UUID) -> None:
    segment = await world.make(RECENT)
    await world.build()
    for minute in range(1, 6):
        before = await world.value("select xmin::text from due where contact_id = $1", one)
        await world.tell(world.contact(one, 1 + minute, NOON + minute * MINUTE, seen=NOON + minute * MINUTE, name="Kim"))
        assert await world.value("select xmin::text from due where contact_id = $1", one) == before
    assert await world.value(LOOKS, one) == DUE
    await world.tick(DUE)
    assert await world.value(LOOKS, one) == DUE + 5 * MINUTE
    await world.tick(DUE + 5 * MINUTE - 1)
    assert await world.members(segment) == {one}
    await world.tick(DUE + 5 * MINUTE)
    assert await world.told(segment) == [("entered", "definition", NOON), ("left", "clock", DUE + 5 * MINUTE)]
    assert await world.value(LOOKS, one) is None


async def test_the_clock_writes_no_contact_anew(world: World, one: UUID) -> None:
    segment, later = await world.make(RECENT), await world.make(seen_within(20))
    await world.build()
    before = await world.value(ROW, one)
    await world.tick(DUE)
    assert (await world.members(segment), await world.members(later)) == (set(), {one})
    assert await world.value(LOOKS, one) == NOON + 20 * MINUTE
    await world.tick(NOON + 20 * MINUTE)
    assert await world.value(ROW, one) == before
    assert await world.members(segment) == await world.members(later) == set()
    assert await world.value(LOOKS, one) is None


async def test_who_comes_back_after_the_clock_has_told_everything_is_looked_at_again(world: World, one: UUID) -> None:
    segment = await world.make(RECENT)
    await world.tick(DUE)
    await world.tell(world.contact(one, 2, DUE + MINUTE, seen=DUE + MINUTE, name="Kim"))
    assert await world.value(LOOKS, one) == DUE + 11 * MINUTE
    await world.tick(DUE + 11 * MINUTE)
    assert [(change, at) for change, _, at in await world.told(segment)] == [
        ("entered", NOON), ("left", DUE), ("entered", DUE + MINUTE), ("left", DUE + 11 * MINUTE),
    ]  # fmt: skip


async def test_a_version_from_before_what_the_clock_has_told_is_looked_at_again_too(world: World, one: UUID) -> None:
    segment = await world.make(RECENT)
    await world.tick(DUE)
    late = DUE - MINUTE
    await world.tell(world.contact(one, 2, late, seen=late, name="Kim"))
    assert await world.members(segment) == {one}
    assert await world.value(LOOKS, one) == late + 10 * MINUTE
    await world.tick(late + 10 * MINUTE)
    assert (await world.told(segment))[1:] == [
        ("left", "clock", DUE),
        ("entered", "event", late),
        ("left", "clock", late + 10 * MINUTE),
    ]


async def test_what_was_told_long_ago_is_not_told_again_with_what_is_due_now(world: World, one: UUID) -> None:
    between = {"or": [named("Lee"), {"and": [RECENT, {"not": seen_within(3)}]}]}
    passed, due = await world.make(between), await world.make({"not": seen_within(60 * 24 * 3)})
    await world.tick(DUE + MINUTE)
    timer = world.timer()
    world.now += 2 * DAY
    await timer.purge()
    told = [("entered", "clock", NOON + 3 * MINUTE), ("left", "clock", DUE)]
    assert await world.told(passed) == told
    at = NOON + 3 * DAY + MINUTE
    await world.tell(world.contact(one, 2, at, seen=NOON, name="Lee"))  # by this the clock has not come to the other yet
    assert await world.told(passed) == [*told, ("entered", "event", at)]
    assert await world.told(due) == [("entered", "clock", NOON + 3 * DAY)]
    await world.check(passed)


async def test_a_look_at_nobody_is_dropped_and_holds_up_nobody(world: World, one: UUID) -> None:
    segment = await world.make(RECENT)
    async with world.database.connection() as connection:
        await connection.execute(
            "insert into due (channel, contact_id, at_ms) select $1, gen_random_uuid(), $2 from generate_series(1, $3)",
            CHANNEL, NOON, 2 * MOST_DUE,
        )  # fmt: skip
    await world.tick(DUE)
    assert await world.members(segment) == set()
    assert await world.value("select count(*) from due") == 0


async def test_who_is_outside_is_told_no_instant_that_has_passed(world: World, one: UUID) -> None:
    segment, later = await world.make(RECENT), await world.make({"or": [RECENT, {"not": seen_within(60 * 24 * 3)}]})
    await world.tick(DUE)
    world.now += 2 * DAY
    await world.timer().purge()
    assert await world.value("select count(*) from membership") == 0
    assert (await world.queries.standing(CHANNEL, segment, one, world.now)).next_change is None
    assert (await world.queries.standing(CHANNEL, later, one, world.now)).next_change == NOON + 3 * DAY
    await world.tick(NOON + 3 * DAY)
    assert (await world.queries.standing(CHANNEL, segment, one, world.now)).next_change is None
    assert (await world.queries.standing(CHANNEL, later, one, world.now)).member


async def test_who_is_gone_is_not_looked_at(world: World, one: UUID) -> None:
    await world.make(RECENT)
    assert await world.value(LOOKS, one) == DUE
    await world.tell(world.erased(one, 2, NOON + MINUTE))
    assert await world.value("select count(*) from due") == 0


async def test_whom_one_worker_has_in_hand_another_passes_over_and_goes_on(world: World) -> None:
    segment = await world.make(RECENT)
    await world.judge.positions([(CONTACTS, 0)])
    seen = [NOON - number for number in range(MOST_DUE + 20)]
    await world.tell(*(world.contact(uuid4(), 1, NOON, seen=at) for at in seen))
    world.now = DUE
    async with world.database.transaction() as tx:
        in_hand = await due_store.claim(tx, [CHANNEL], world.now, MOST_DUE)
        assert [contact.looks for contact in in_hand] == sorted(at + 10 * MINUTE for at in seen)[:MOST_DUE]
        assert await soon(world.timer().fire()) == 20
        assert await soon(world.timer().fire()) == 0
    assert await world.timer().fire() == MOST_DUE
    assert len(await world.changes(segment)) == 2 * len(seen)
    assert await world.members(segment) == set()
    await world.check(segment)


async def test_whom_a_reader_has_in_hand_the_clock_comes_back_to(world: World, one: UUID) -> None:
    segment = await world.make(RECENT)
    world.now = DUE
    async with world.database.transaction() as tx:
        await tx.execute("select from contact where id = $1 for update", one)
        assert await soon(world.timer().fire()) == 0
    assert await world.timer().fire() == 1
    assert (await world.told(segment))[-1] == ("left", "clock", DUE)


@pytest.mark.parametrize("spoil", ["delete from due", "update due set at_ms = at_ms + 1"])
async def test_a_look_that_would_come_too_late_or_never_is_found_and_set_right(world: World, one: UUID, spoil: str) -> None:
    segment = await world.make(RECENT)
    async with world.database.connection() as connection:
        await connection.execute(spoil)
    repaired = await world.verifier().channel(CHANNEL)
    assert repaired.standings == {Place(CHANNEL, segment, one): "overdue"}
    assert await world.value(LOOKS, one) == DUE
    await world.tick(DUE)
    assert (await world.told(segment))[-1] == ("left", "clock", DUE)
