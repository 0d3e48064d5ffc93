"""The managed-user limit: nobody is lost, the count is exact whoever writes at one time, and who is hidden comes back."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
from msgspec import structs

from common.auth import Caller
from common.clock import to_wire
from common.events.contacts import Contact, ContactCreated, ContactShown
from common.health import Health
from common.ids import new_id
from common.topics import CHANNEL
from contacts.channel.handlers import NewLimit
from contacts.erasure.handlers import Erasures
from contacts.erasure.neighbours import Readers
from contacts.keeper import Keeper
from contacts.managed_users.limit import Moves, Users, count, hide, moves, warn
from contacts.publish import Step
from contacts.revealing import Revealer
from tests.contacts.conftest import NOW, World
from tests.contacts.held import held

IDS = [UUID(int=n) for n in range(1, 6)]


@pytest.mark.parametrize(
    ("users", "moved", "after", "hidden"),
    [
        (Users(None, 5, 0), Moves(tuple(IDS[:2])), Users(None, 7, 0), []),
        (Users(5, 3, 0), Moves(tuple(IDS[:2])), Users(5, 5, 0), []),
        (Users(5, 4, 0), Moves(tuple(IDS[:3])), Users(5, 7, 2), IDS[1:3]),
        (Users(5, 9, 4), Moves(tuple(IDS[:1])), Users(5, 10, 5), IDS[:1]),
        (Users(5, 5, 0), Moves(tuple(IDS[:1]), gone=1), Users(5, 5, 0), []),
        (Users(5, 6, 1), Moves(tuple(IDS[:1]), gone=1), Users(5, 6, 2), IDS[:1]),
        (Users(5, 7, 2), Moves(gone=1, unhidden=1), Users(5, 6, 1), []),
        (Users(3, 9, 0), Moves(tuple(IDS[:1])), Users(3, 10, 1), IDS[:1]),
        (Users(0, 0, 0), Moves(tuple(IDS[:1])), Users(0, 1, 1), IDS[:1]),
    ],
)
def test_who_comes_after_the_limit_is_hidden_and_counted(users: Users, moved: Moves, after: Users, hidden: list[UUID]) -> None:
    assert count(users, moved) == (after, frozenset(hidden))


@pytest.mark.parametrize(
    ("users", "room"),
    [(Users(5, 7, 2), 0), (Users(6, 7, 2), 1), (Users(99, 7, 2), 2), (Users(None, 7, 2), 2), (Users(3, 7, 2), 0)],
)
def test_there_is_room_for_as_many_as_the_limit_is_above_those_shown(users: Users, room: int) -> None:
    assert users.room == room


@pytest.mark.parametrize(
    ("users", "marks", "warned"),
    [
        (Users(10, 7, 0), [], 0),
        (Users(10, 8, 0), [80], 80),
        (Users(10, 9, 0, 80), [], 80),
        (Users(10, 10, 0, 80), [100], 100),
        (Users(10, 25, 15), [80, 100], 100),
        (Users(10, 12, 2, 100), [], 100),
        (Users(10, 7, 0, 100), [], 0),
        (Users(10, 9, 0, 100), [], 80),
        (Users(None, 900, 0, 100), [], 0),
        (Users(3, 2, 0), [], 0),
        (Users(0, 0, 0), [], 0),
        (Users(0, 1, 1), [80, 100], 100),
    ],
)
def test_each_mark_is_told_once_each_time_it_is_reached_from_below(users: Users, marks: list[int], warned: int) -> None:
    after, told = warn(users)
    assert (told, after.warned) == (marks, warned)


def test_a_hidden_contact_is_so_from_its_first_version_in_every_state() -> None:
    at = to_wire(datetime(2026, 11, 24, tzinfo=UTC))
    contact = Contact(id=IDS[0], created_at=at, updated_at=at, version=1)
    steps = [Step(ContactCreated(), contact), Step(ContactShown(), structs.replace(contact, id=IDS[1]))]
    first, second = hide(steps, {IDS[0]})
    assert (first.event, first.after.hidden) == (ContactCreated(hidden=True), True)
    assert second == steps[1]
    assert moves([first]) == Moves((IDS[0],))


async def limit(world: World, most: int | None) -> None:
    await world.channels.change(world.caller(), {}, limit=NewLimit(most))


async def users(world: World) -> Users:
    return (await world.channel_queries.channel(world.channel))[1]


async def hidden(world: World) -> set[str | None]:
    async with world.database.connection() as connection:
        rows = await connection.fetch("select member_id, hidden, doc from contact order by id")
    assert all(r["hidden"] == r["doc"]["hidden"] for r in rows)
    return {r["member_id"] for r in rows if r["hidden"]}


async def reveal(world: World) -> int:
    return await Revealer(world.database, world.clock, Health({}), batch=3).work_once()


async def test_large_contacts_are_shown_a_few_at_a_time(world: World) -> None:
    await limit(world, 0)
    for n in range(11):
        await world.put(f"u{n}", profile={"memo": "가" * 7_000})
    await limit(world, None)
    await world.written()
    revealer = Revealer(world.database, world.clock, Health({}), most_bytes=60_000)
    while await revealer.work_once():
        pass
    written = await world.written()
    assert (await hidden(world), len(written), max(written) < 60_000 + 30_000) == (set(), 4, True)


async def warnings(world: World) -> list[tuple[int, int]]:
    """The warnings that wait to be sent: percent and count."""
    async with world.database.connection() as connection:
        rows = await connection.fetch("select key, value from outbox where topic = $1 order by id", CHANNEL)
    assert {r["key"] for r in rows} <= {f"{world.channel}/managedUsers"}
    return [(event["percent"], event["count"]) for r in rows for event in [orjson.loads(r["value"])["event"]]]


async def test_whoever_comes_beyond_the_limit_is_kept_counted_changed_and_hidden(world: World) -> None:
    await world.put("a")
    await limit(world, 2)
    b, c = await world.put("b"), await world.put("c")
    lead = (await world.contacts.create_lead(world.caller(), {})).contact
    assert [x.hidden for x in (b, c, lead)] == [False, True, True]
    assert (await world.put("c", name="홍길동")).hidden
    assert (await world.queries.contact(world.channel, c.id)).name == "홍길동"
    row = {"id": str(new_id()), "memberId": "d", "at": to_wire(NOW)}
    assert (await world.visits.record(world.caller(), [row])).accepted == 1
    assert (await world.queries.member(world.channel, "d")).sessions_count == 1
    results, _ = await world.contacts.batch(world.caller(), [{"memberId": "e"}, {"memberId": "a"}])
    assert [r.contact.hidden for r in results if r.contact] == [True, False]
    assert await users(world) == Users(2, 6, 4, 100)


async def test_the_hidden_are_shown_again_oldest_first_as_the_limit_grows(world: World) -> None:
    await limit(world, 1)
    for member in "abcdef":
        await world.put(member)
    assert await hidden(world) == set("bcdef")
    await limit(world, 3)
    assert await reveal(world) == 2
    assert await hidden(world) == set("def")
    assert await reveal(world) == 0
    await limit(world, None)
    assert [await reveal(world), await reveal(world)] == [3, 0]
    assert await hidden(world) == set()
    assert await users(world) == Users(None, 6, 0)
    shown = await world.queries.member(world.channel, "f")
    assert (shown.version, shown.hidden) == (2, False)
    assert await world.count("select count(*) from managed_users") == 0


async def test_a_smaller_limit_hides_nobody_and_lets_nobody_new_be_shown(world: World) -> None:
    for member in "abc":
        await world.put(member)
    await limit(world, 1)
    await world.put("d")
    assert await hidden(world) == {"d"}
    assert await reveal(world) == 0
    assert await users(world) == Users(1, 4, 1, 100)


async def test_a_merge_makes_room_and_what_was_shown_stays_shown(world: World) -> None:
    await limit(world, 1)
    lead = (await world.contacts.create_lead(world.caller(), {})).contact
    member = await world.put("m")
    waiting = await world.put("n")
    assert [lead.hidden, member.hidden, waiting.hidden] == [False, True, True]
    merged = await world.put("m", leadId=str(lead.id))
    assert not merged.hidden
    assert await users(world) == Users(1, 2, 1, 100)
    other = (await world.contacts.create_lead(world.caller(), {})).contact
    assert (await world.put("n", leadId=str(other.id))).hidden
    assert await users(world) == Users(1, 2, 1, 100)


async def test_a_lead_that_becomes_a_member_is_counted_once(world: World) -> None:
    await limit(world, 1)
    lead = (await world.contacts.create_lead(world.caller(), {})).contact
    assert not (await world.put("m", leadId=str(lead.id))).hidden
    assert await users(world) == Users(1, 1, 0, 100)


async def test_a_warning_is_told_at_eighty_and_at_a_hundred_percent_once(world: World) -> None:
    await limit(world, 5)
    for n in range(8):
        await world.put(f"m{n}")
    assert await warnings(world) == [(80, 4), (100, 5)]
    await limit(world, 20)
    await limit(world, 9)
    assert await warnings(world) == [(80, 4), (100, 5), (80, 8)]


async def test_a_refused_write_counts_nothing(world: World) -> None:
    await limit(world, 2)
    results, _ = await world.contacts.batch(world.caller(), [{"memberId": "a", "leadId": str(new_id())}, {"memberId": "b"}])
    assert [r.problem is None for r in results] == [False, True]
    assert await users(world) == Users(2, 1, 0, 0)


async def test_the_count_is_exact_under_sixteen_creators_at_one_time(world: World) -> None:
    await limit(world, 40)

    async def create(n: int) -> None:
        for m in range(5):
            match (n + m) % 3:
                case 0:
                    await world.put(f"m{n}.{m}")
                case 1:
                    await world.contacts.create_lead(world.caller(), {})
                case _:
                    await world.visits.record(world.caller(), [{"id": f"{n}.{m}", "memberId": f"m{n}.{m}", "at": to_wire(NOW)}])

    await asyncio.gather(*(create(n) for n in range(16)))
    assert await users(world) == Users(40, 80, 40, 100)
    assert await world.count("select count(*) from contact where hidden") == 40
    assert await warnings(world) == [(80, 32), (100, 40)]


async def test_a_limit_that_comes_while_contacts_are_made_counts_every_one(world: World) -> None:
    creators = [world.put(f"m{n}") for n in range(30)]
    limits = [limit(world, most) for most in (10, None, 12)]
    work: list[Any] = [*creators[:10], limits[0], *creators[10:20], limits[1], *creators[20:], limits[2]]
    await asyncio.gather(*work)
    while await reveal(world):
        pass
    now = await users(world)
    assert now.count == 30 == await world.count("select count(*) from contact")
    assert now.hidden == await world.count("select count(*) from contact where hidden")


COUNTED = "select count(*) from contact where merged_into is null and erased_at is null"
ROWS = "select count(*) from contact_count where channel = $1"
MANY_ROWS = "insert into contact_count (channel, contacts) select $1, 1 - 2 * (n % 2) from generate_series(1, 200) as n"


async def test_without_a_limit_the_count_is_of_all_who_came_and_did_not_go_and_no_contact_is_read_for_it(world: World) -> None:
    caller, contacts = world.caller(), world.contacts
    leads = [(await contacts.create_lead(caller, {})).contact for _ in range(3)]
    await contacts.batch(
        caller, [{"memberId": "a"}, {"memberId": "b"}, {"memberId": "b"}, {"memberId": "c", "leadId": str(new_id())}]
    )
    await world.put("a", leadId=str(leads[0].id))  # merges
    await world.put("d", leadId=str(leads[1].id))  # becomes
    await world.visits.record(caller, [{"id": "1", "memberId": "e", "at": to_wire(NOW)}])
    for gone in ("a", "e"):
        member = await world.queries.member(world.channel, gone)
        await Erasures(world.database, Readers({}), world.files, world.clock, new_id).erase(caller, member.id, None)
    assert await users(world) == Users(None, 3, 0)
    assert await world.count(COUNTED) == 3
    async with held(world, "lock table contact in access exclusive mode"), asyncio.timeout(5):
        assert await users(world) == Users(None, 3, 0)
    await limit(world, 4)
    await world.put("f")
    assert await users(world) == Users(4, 4, 0, 100)


async def test_the_count_is_exact_while_it_is_added_up(world: World) -> None:
    async with world.database.transaction() as tx:
        await tx.execute(MANY_ROWS, world.channel)
    keeper = Keeper(world.database, world.files, world.clock, Health({}))
    creators = [world.put(f"m{n}") for n in range(30)]
    counts = [users(world) for _ in range(10)]
    work: list[Any] = [*creators[:10], *counts, *creators[10:], *(keeper.clear() for _ in range(4))]
    found = await asyncio.gather(*work)
    assert all(0 <= each.count <= 30 for each in found if isinstance(each, Users))
    assert await users(world) == Users(None, 30, 0)
    assert await world.count(ROWS, world.channel) <= 31


async def test_a_channel_where_nobody_can_be_shown_keeps_no_other_waiting(world: World) -> None:
    for channel in ("a-poisoned", "b-sound"):
        await world.channels.ensure(channel)
        caller = Caller("kim", channel, frozenset({"*"}))
        await world.channels.change(caller, {}, limit=NewLimit(0))
        await world.contacts.upsert(caller, "m", {}, None)
        await world.channels.change(caller, {}, limit=NewLimit(1))
    async with world.database.transaction() as tx:
        doc = await tx.fetchval("select doc from contact where channel = 'a-poisoned'")
        await tx.execute("update contact set doc = '{}' where channel = 'a-poisoned'")
    revealer = Revealer(world.database, world.clock, Health({}))
    assert [await revealer.work_once(), await revealer.work_once()] == [1, 0]
    assert not (await world.queries.member("b-sound", "m")).hidden
    async with world.database.transaction() as tx:
        await tx.execute("update contact set doc = $1 where channel = 'a-poisoned'", doc)
    world.clock.instant += timedelta(seconds=30)
    assert await revealer.work_once() == 1
    assert not (await world.queries.member("a-poisoned", "m")).hidden
