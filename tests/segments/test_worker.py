"""The clock and the builds on the real PostgreSQL: to the millisecond, by several at once, and after a kill."""

import asyncio
from uuid import UUID, uuid4

from common.errors import Unavailable
from common.health import Health
from common.ids import new_id
from common.postgres import Database
from common.topics import CONTACTS
from segments import store
from segments.worker import MOST_DUE, Timer
from tests.segments.support import MINUTE, NOON, named, seen_within
from tests.segments.world import CHANNEL, KIM, World
from tests.support.api import eventually

RECENT = seen_within(10)
DUE = NOON + 10 * MINUTE


async def arrived(world: World, count: int, *, seen: int = NOON, name: str | None = None) -> list[UUID]:
    await world.judge.positions([(CONTACTS, 0)])
    made = [uuid4() for _ in range(count)]
    await world.tell(*(world.contact(c, 1, NOON, seen=seen, name=name) for c in made))
    return made


async def test_a_contact_leaves_by_the_clock_at_exactly_the_end_of_its_window(world: World) -> None:
    segment = await world.make(RECENT)
    (one,) = await arrived(world, 1)
    standing = await world.queries.standing(CHANNEL, segment, one, world.now)
    assert (standing.member, standing.next_change) == (True, DUE)
    await world.tick(DUE - 1)
    assert await world.members(segment) == {one}
    await world.tick(DUE)
    assert await world.members(segment) == set()
    assert (await world.told(segment))[1:] == [("left", "clock", DUE)]
    assert [e["cause"] for e in await world.sent() if e["type"] == "segment.left"] == ["clock"]
    assert await world.value("select count(*) from due") == 0


async def test_who_is_found_by_a_build_leaves_by_the_clock_and_who_is_not_enters_by_it(world: World) -> None:
    (one,) = await arrived(world, 1)
    recent, other = await world.make(RECENT), await world.make({"not": RECENT}, built=False)
    await world.builder().advance()
    await world.tick(DUE)  # the second is not live yet
    await world.build()
    assert await world.told(recent) == [("entered", "definition", NOON), ("left", "clock", DUE)]
    assert await world.told(other) == [("entered", "clock", DUE)]
    assert await world.members(other) == {one}


async def test_a_contact_due_in_several_segments_is_settled_in_all(world: World) -> None:
    short, long, other = await world.make(RECENT), await world.make(seen_within(11)), await world.make({"not": RECENT})
    await arrived(world, 1)
    await world.tick(NOON + 60 * MINUTE)
    assert (await world.told(short))[-1] == ("left", "clock", DUE)
    assert (await world.told(long))[-1] == ("left", "clock", DUE + MINUTE)
    assert (await world.told(other))[-1] == ("entered", "clock", DUE)


async def test_a_huge_backlog_is_settled_piece_by_piece_and_told_at_its_due_instants(world: World) -> None:
    segment = await world.make(RECENT)
    for wave in range(3):
        await arrived(world, 900, seen=NOON - wave * MINUTE)
    world.now = NOON + 7 * 86_400_000
    timer = world.timer()
    found = [await timer.fire() for _ in range(12)]
    assert found == [MOST_DUE] * 10 + [140, 0]
    left = [c for c in await world.changes(segment) if c.change == "left"]
    assert sorted({c.at for c in left}) == [DUE - 2 * MINUTE, DUE - MINUTE, DUE]
    # The longest due first: nobody waits behind those who came later.
    assert [c.at for c in left[:900]] == [DUE - 2 * MINUTE] * 900
    assert (await world.shown(segment)).count == 0
    await world.check(segment)


async def test_pieces_that_are_judged_ahead_are_told_in_the_order_in_which_they_were_due(world: World) -> None:
    segment = await world.make(RECENT)
    await world.judge.positions([(CONTACTS, 0)])
    await world.tell(*(world.contact(uuid4(), 1, NOON, seen=NOON - number) for number in range(3 * MOST_DUE)))
    world.now = DUE
    stop = asyncio.Event()
    running = asyncio.create_task(world.timer().run(stop))
    await eventually(lambda: world.value("select count(*) from due"), lambda left: left == 0)
    stop.set()
    await running
    left = [c.at for c in await world.changes(segment) if c.change == "left"]
    assert left == sorted(DUE - number for number in range(3 * MOST_DUE))
    await world.check(segment)


async def test_a_build_takes_smaller_pieces_while_events_arrive(world: World) -> None:
    made = await arrived(world, 450, name="Kim")
    await world.make(named("Kim"), built=False)
    builder, built = world.builder(), "select built from segment"
    await builder.advance()  # what has arrived before it began is news to it
    assert await world.value(built) == 200
    await world.tell(world.contact(made[0], 2, NOON + 1, name="Kim"))
    await builder.advance()
    assert await world.value(built) == 400
    await builder.advance()
    assert await world.value(built) == 450


async def test_nobody_who_is_not_due_goes_with_those_who_are(world: World) -> None:
    segment = await world.make(RECENT)
    await arrived(world, 2)
    (later,) = await arrived(world, 1, seen=NOON + 1)
    await world.tick(DUE)
    assert await world.members(segment) == {later}
    assert await world.value("select at_ms from due") == DUE + 1
    await world.tick(DUE + 1)
    assert (await world.told(segment))[3:] == [("left", "clock", DUE)] * 2 + [("left", "clock", DUE + 1)]


async def test_several_timers_at_once_settle_each_contact_once(world: World) -> None:
    segment, other = await world.make(RECENT), await world.make({"not": RECENT})
    await arrived(world, 1500)
    world.now = DUE

    async def settle_all(timer: Timer) -> None:
        while await timer.fire():
            pass

    await asyncio.gather(*(settle_all(world.timer()) for _ in range(4)))
    assert len(await world.changes(segment)) == 3000
    assert len(await world.changes(other)) == 1500
    await world.check(segment)
    await world.check(other)


async def test_a_builder_killed_between_chunks_is_gone_on_with_by_another(world: World) -> None:
    made = await arrived(world, 95, name="Kim")
    segment = await world.make(named("Kim"), built=False)
    for _ in range(3):
        assert await world.builder(chunk=10).advance()
    assert (await world.shown(segment)).status == "building"
    assert (await world.shown(segment)).count == 30
    following = world.builder(chunk=10)
    while await following.advance():
        pass
    shown = await world.shown(segment)
    assert (shown.status, shown.count) == ("live", 95)
    assert await world.members(segment) == set(made)
    await world.check(segment)


async def test_a_chunk_done_twice_changes_nothing(world: World) -> None:
    await arrived(world, 30, name="Kim")
    segment = await world.make(named("Kim"), built=False)
    await world.builder(chunk=20).advance()
    async with world.database.connection() as connection:
        await connection.execute("update segment set built_to = null")
    await world.build()
    assert len(await world.changes(segment)) == 30
    await world.check(segment)


async def test_several_builders_at_once_judge_everybody_once(world: World) -> None:
    await arrived(world, 200, name="Kim")
    segments = [await world.make(named("Kim"), built=False) for _ in range(3)]
    builders = [world.builder(chunk=15) for _ in range(4)]

    async def live() -> bool:
        return all([(await world.shown(s)).status == "live" for s in segments])

    while not await live():
        await asyncio.gather(*(builder.advance() for builder in builders))
    for segment in segments:
        assert len(await world.changes(segment)) == 200
        await world.check(segment)


async def test_what_is_built_at_once_is_judged_in_one_walk_and_who_comes_later_is_waited_for(world: World) -> None:
    await arrived(world, 50, name="Kim")
    first = await world.make(named("Kim"), built=False)
    builder = world.builder(chunk=10)
    for _ in range(2):
        await builder.advance()
    later = [await world.make(raw, built=False) for raw in (RECENT, named("Lee"), {"not": named("Lee")})]
    reached = "select array_agg(built order by created_at, id) from segment"
    walk = []
    while await builder.advance():
        walk.append(await world.value(reached))
    # The later ones walk to where the first one is, and from there all go on together; the last step puts them live.
    assert walk == [[20, 10, 10, 10], [20, 20, 20, 20], [30] * 4, [40] * 4, [50] * 4, [0] * 4]
    assert [len(await world.members(s)) for s in (first, *later)] == [50, 50, 0, 50]
    for segment in (first, *later):
        assert (await world.shown(segment)).status == "live"
        await world.check(segment)


async def test_builds_that_stand_between_contacts_meet_where_the_other_stands(world: World) -> None:
    made = sorted(await arrived(world, 40, name="Kim"))
    first = await world.make(named("Kim"), built=False)
    await world.builder(chunk=25).advance()
    second = await world.make(named("Kim"), built=False)
    builder = world.builder(chunk=10)
    stands = []
    while await builder.advance():
        stands.append(await world.value("select built_to from segment where id = $1", second))
    assert stands == [made[9], made[19], made[24], made[34], made[39], None]
    for segment in (first, second):
        assert await world.members(segment) == set(made)
        await world.check(segment)


async def test_a_definition_changed_while_it_is_built_is_built_from_the_beginning(world: World) -> None:
    kims, lees = await arrived(world, 25, name="Kim"), await arrived(world, 25, name="Lee")
    segment = await world.make(named("Kim"), built=False)
    builder = world.builder(chunk=20)
    await builder.advance()
    world.now = NOON + MINUTE
    await world.commands.change(KIM, segment, None, named("Lee"))
    while await builder.advance():
        pass
    assert await world.members(segment) == set(lees)
    log = await world.changes(segment)
    assert {c.contact_id for c in log if c.change == "left"} <= set(kims)
    assert {c.at for c in log if c.contact_id in lees} == {NOON + MINUTE}
    await world.check(segment)


async def test_a_build_that_another_has_followed_puts_nothing_live(world: World) -> None:
    await arrived(world, 5, name="Kim")
    segment = await world.make(named("Kim"), built=False)
    await world.commands.change(KIM, segment, None, named("Lee"))
    async with world.database.transaction() as tx:
        assert not await store.go_live(tx, CHANNEL, segment, 1)
    assert (await world.shown(segment)).status == "building"
    await world.build()
    assert ((await world.shown(segment)).status, await world.members(segment)) == ("live", set())


async def test_contacts_that_come_while_it_is_built_are_judged_once_whichever_side_they_fall_on(world: World) -> None:
    await arrived(world, 30, name="Kim")
    segment = await world.make(named("Kim"), built=False)
    builder = world.builder(chunk=10)
    for step in range(1, 6):
        await builder.advance()
        await world.tell(*(world.contact(uuid4(), 1, NOON + step, name="Kim") for _ in range(4)))
    while await builder.advance():
        pass
    assert len(await world.changes(segment)) == 50
    await world.check(segment)


async def test_rows_that_say_nothing_any_more_are_dropped_after_a_day_and_no_others(world: World) -> None:
    segment = await world.make(RECENT)
    await world.make({"and": [named("Kim"), {"key": "lastSeenAt", "operator": "after", "values": ["2026-11-25T00:00:00Z"]}]})
    await arrived(world, 3)
    await world.tick(DUE)
    (member,) = await arrived(world, 1, seen=NOON + 86_400_000, name="Kim")
    assert await world.value("select count(*) from membership where segment_id = $1", segment) == 3
    timer = world.timer()
    world.now = DUE + 24 * 60 * MINUTE
    await timer.purge()
    assert await world.value("select count(*) from membership where segment_id = $1", segment) == 3
    world.now += 1
    await timer.purge()
    assert await world.value("select array_agg(contact_id) from membership") == [member]


async def test_however_many_rows_say_nothing_they_are_dropped_by_steps_and_nobody_is_waited_for(world: World) -> None:
    segment = await world.make(RECENT)
    spent = """
    with spent as (
        insert into membership (channel, segment_id, contact_id, member, settled_ms, build)
        select $1, $2, gen_random_uuid(), false, n, 1 from generate_series(1, 12000) as n returning 1
    ) select count(*) from spent
    """
    assert await world.value(spent, CHANNEL, segment) == 12_000
    timer, stop = world.timer(), asyncio.Event()
    async with world.database.transaction() as other:
        held = await other.fetchval("select contact_id from membership where settled_ms = 1 for update")
        assert await timer.purge()
        assert await world.value("select count(*) from membership") == 7000
        tidying = asyncio.create_task(timer.tidy(stop))
        await eventually(lambda: world.value("select array_agg(contact_id) from membership"), lambda left: left == [held], 10)
    stop.set()
    await tidying
    assert not await timer.purge()
    assert await world.value("select count(*) from membership") == 0


async def test_the_loops_outlive_a_server_that_throws_them_out(world: World) -> None:
    segment = await world.make(RECENT)
    await arrived(world, 50)
    health = Health({})
    stop = asyncio.Event()
    timer = Timer(world.database, world.clock, new_id, health)
    running = asyncio.create_task(timer.run(stop))
    thrown_out = 0
    for minute in range(11):
        thrown_out += await _throw_out(world.database)
        world.now = NOON + minute * MINUTE

    async def count() -> int:
        try:
            return (await world.shown(segment)).count
        except Unavailable:
            return -1

    await eventually(count, lambda found: found == 0)
    stop.set()
    await running
    assert thrown_out >= 11
    await world.check(segment)


async def _throw_out(database: Database) -> int:
    """How many connections were thrown out: those that ask who is due, kept at it by a lock on what they read."""
    async with database.transaction() as tx, database.connection() as other:
        await tx.execute("lock table due in access exclusive mode")
        return await eventually(lambda: other.fetchval(_THROW_OUT), bool)


_THROW_OUT = """
select count(*) filter (where pg_terminate_backend(pid)) from pg_stat_activity
where application_name = 'dangol' and query like '%from due%' and wait_event_type = 'Lock'
"""
