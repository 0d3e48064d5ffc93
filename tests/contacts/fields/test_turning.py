"""A field is archived or restored while values are on their way: each value is kept or counted, whoever comes first."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from common.errors import Unavailable
from common.events.contacts import FieldDefinition
from common.health import Health
from common.ids import new_id
from contacts.archiving import Telling
from contacts.fields import store as field_store
from contacts.fields.handlers import KIND
from contacts.jobs.worker import Worker
from contacts.profile_field import MOST_FIELDS
from tests.contacts.conftest import World
from tests.contacts.held import Held, held
from tests.contacts.imports.importing import Importing, told
from tests.contacts.test_archiving import Following

GRADE = "profile.grade"
GOLD: Mapping[str, Any] = {"profile": {"grade": "gold"}}
WRITERS_WAIT = "lock table event in share mode"
TURNS_WAIT = "select from channel for update"

Write = Callable[[World, UUID], Awaitable[object]]
WRITES: Mapping[str, Write] = {
    "upsert": lambda world, _: world.put("u1", **GOLD),
    "change": lambda world, contact: world.contacts.change(world.caller(), contact, GOLD, None),
    "lead": lambda world, _: world.contacts.create_lead(world.caller(), GOLD),
    "batch": lambda world, _: world.contacts.batch(world.caller(), [{"memberId": "u1", **GOLD}]),
    "imported members": lambda world, _: world.contacts.upsert_many(world.caller(), [(1, "u1", GOLD)], "import:1"),
    "imported leads": lambda world, _: world.contacts.create_leads(world.caller(), [(1, new_id(), GOLD)], "import:1"),
}


async def gold(world: World) -> int:
    return await world.count("select count(*) from contact where doc->'profile'->>'grade' = 'gold'")


async def field(world: World) -> FieldDefinition:
    return (await world.field_queries.field(world.channel, GRADE))[0]


async def jobs(world: World) -> list[tuple[str, int]]:
    """How each job stands, and how many attempts have failed."""
    async with world.database.connection() as connection:
        rows = await connection.fetch("select status, (state->>'attempts')::int as attempts from job order by requested_at")
    return [(r["status"], r["attempts"]) for r in rows]


async def turn(world: World, archived: bool) -> object:
    return await (world.fields.archive if archived else world.fields.restore)(world.caller(), GRADE)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_a_field_is_archived_once_the_values_on_their_way_are_written(world: World, write: Write) -> None:
    made = await world.put("u1", profile={"grade": "VIP"})
    async with held(world, WRITERS_WAIT) as lock:
        on_its_way: asyncio.Task[object] = asyncio.ensure_future(write(world, made.id))
        await lock.behind(on_its_way)
        archiving = asyncio.create_task(turn(world, True))
        await lock.behind(on_its_way, archiving)
        assert (await field(world)).collected
    await asyncio.gather(on_its_way, archiving)
    assert (await gold(world), (await field(world)).refused_while_archived) == (1, 0)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_a_value_that_comes_while_a_field_is_being_archived_is_counted_and_not_kept(world: World, write: Write) -> None:
    made = await world.put("u1", profile={"grade": "VIP"})
    async with held(world, TURNS_WAIT) as lock:
        archiving = asyncio.create_task(turn(world, True))
        await lock.behind(archiving)
        late: asyncio.Task[object] = asyncio.ensure_future(write(world, made.id))
        await lock.behind(archiving, late)
    await asyncio.gather(archiving, late)
    assert (await gold(world), (await field(world)).refused_while_archived) == (0, 1)


async def test_a_value_that_comes_while_a_field_is_being_restored_is_kept_and_not_counted(world: World) -> None:
    await world.put("u1", profile={"grade": "VIP"})
    await turn(world, True)
    async with held(world, TURNS_WAIT) as lock:
        restoring = asyncio.create_task(turn(world, False))
        await lock.behind(restoring)
        late: asyncio.Task[object] = asyncio.ensure_future(world.put("u1", **GOLD))
        await lock.behind(restoring, late)
    await asyncio.gather(restoring, late)
    assert (await gold(world), (await field(world)).refused_while_archived) == (1, 0)


async def test_an_imports_cell_is_read_as_the_value_that_it_is_judged_as(world: World) -> None:
    await world.put("u1", profile={"size": 1})
    await world.fields.archive(world.caller(), "profile.size")
    importing = Importing(world, world.channel)
    import_id = await importing.send(b"memberId,profile.size\nu1,12\nu2,007\n")
    async with held(world, TURNS_WAIT) as lock:
        restoring = asyncio.create_task(world.fields.restore(world.caller(), "profile.size"))
        await lock.behind(restoring)
        at_work = asyncio.create_task(importing.work())
        await lock.behind(restoring, at_work)
    await asyncio.gather(restoring, at_work)
    assert [row[1:] for row in told(await importing.report(import_id))] == [("changed", None), ("refused", "wrongType")]
    assert (await world.queries.member(world.channel, "u1")).profile == {"size": 12}


async def test_who_can_define_no_field_waits_for_nobody_who_does(world: World) -> None:
    await world.put("u1", profile={f"k{n}": n for n in range(MOST_FIELDS)})
    async with held(world, TURNS_WAIT), asyncio.timeout(10):
        rows = [{"memberId": "u1", "profile": profile} for profile in ({"k1": 0}, {"bad key": 1}, {"another": 1}, {"k2": 0})]
        results, _ = await world.contacts.batch(world.caller(), rows)
        codes = [r.problem and r.problem.code for r in results]
    assert codes == [None, "invalidKey", "tooManyFields", None]


async def test_writers_who_define_fields_and_turns_at_one_time_all_finish(world: World) -> None:
    await world.put("u0", profile={"grade": "VIP"})

    async def write(n: int) -> None:
        for turn_ in range(4):
            await world.put(f"u{n % 3}", profile={"grade": f"{n}", f"k{n}_{turn_}": n})

    async def turns() -> None:
        for n in range(6):
            await turn(world, n % 2 == 0)

    async with asyncio.timeout(30):
        await asyncio.gather(*(write(n) for n in range(6)), turns())
    keys = [d.key for d in await world.field_queries.fields(world.channel) if d.key.startswith("profile.k")]
    assert sorted(keys) == sorted(f"profile.k{n}_{turn_}" for n in range(6) for turn_ in range(4))


async def test_whoever_turns_a_field_waits_for_writers_for_a_moment_alone_and_holds_nobody_up_for_longer(world: World) -> None:
    await world.put("u1", profile={"grade": "VIP", "size": 1})
    await world.fields.archive(world.caller(), "profile.size")
    worker = Worker("w", world.database, {KIND: Telling(Following())}, world.clock, Health({}))
    async with world.database.transaction() as tx:
        await field_store.together(tx, world.channel)  # a writer who does not come to an end
        lock = Held(world, tx)
        archiving, telling = asyncio.create_task(turn(world, True)), asyncio.create_task(worker.work_once(asyncio.Event()))
        await lock.behind(archiving, telling)
        writing = asyncio.create_task(world.put("u1", **GOLD))
        await lock.behind(archiving, telling, writing)
        with pytest.raises(Unavailable) as refusal:
            await archiving
        assert refusal.value.headers == {"Retry-After": "1"}
        await asyncio.gather(telling, writing)
        assert ((await field(world)).collected, await gold(world)) == (True, 1)
        assert await jobs(world) == [("waiting", 0)]
    world.clock.instant += timedelta(seconds=1)
    assert await worker.work_once(asyncio.Event())
    assert await jobs(world) == [("done", 0)]
    await turn(world, True)
    assert not (await field(world)).collected
