"""Visits taken in against the real PostgreSQL: late, doubled, out of order, side by side: one answer."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from common.clock import from_wire, to_wire
from common.errors import NotFound
from common.events.contacts import Contact
from common.ids import new_id
from common.partition import SHARDS, partition_of
from contacts.visits.handlers import Taken
from tests.contacts.conftest import NOW, World


def visit(id_: str, minutes: float = 0, **more: Any) -> dict[str, Any]:
    return {"id": id_, "memberId": "u1", "at": to_wire(NOW + timedelta(minutes=minutes)), **more}


async def take(world: World, *rows: object) -> Taken:
    return await world.visits.record(world.caller(), rows)


async def member(world: World, member_id: str = "u1") -> Contact:
    return await world.queries.member(world.channel, member_id)


def facts(contact: Contact) -> tuple[datetime | None, datetime | None, int]:
    first, last = (None if at is None else from_wire(at) for at in (contact.first_seen_at, contact.last_seen_at))
    return first, last, contact.sessions_count


async def test_a_visit_of_an_unknown_member_makes_the_member(world: World) -> None:
    taken = await take(world, visit("a"))
    assert (taken.accepted, taken.duplicates, taken.rejected) == (1, 0, [])
    made = await member(world)
    assert (made.member, made.version, facts(made)) == (True, 2, (NOW, NOW, 1))


async def test_leaving_and_returning_within_30_minutes_is_two_visits_and_one_session(world: World) -> None:
    await take(world, visit("a", -60), visit("b", -30))
    assert (await member(world)).sessions_count == 1
    await take(world, visit("c", 0.5))
    found = await member(world)
    assert facts(found) == (NOW - timedelta(minutes=60), NOW + timedelta(minutes=0.5), 2)
    assert [v["id"] for v in (await world.queries.visits(world.channel, found.id, 10, None)).items] == ["c", "b", "a"]


async def test_a_late_visit_between_two_sessions_joins_them(world: World) -> None:
    await take(world, visit("a", -60), visit("c", 0))
    assert (await member(world)).sessions_count == 2
    await take(world, visit("b", -30))
    assert facts(await member(world)) == (NOW - timedelta(minutes=60), NOW, 1)


async def test_an_id_counts_once_in_a_channel_and_the_first_wins(world: World) -> None:
    taken = await take(world, visit("a", -5, url="https://first.example"), visit("a", 0, url="https://second.example"))
    assert (taken.accepted, taken.duplicates) == (1, 1)
    again = await take(world, visit("a", 3), {"id": "a", "memberId": "u2"})
    assert (again.accepted, again.duplicates) == (0, 2)
    found = await member(world)
    assert facts(found) == (NOW - timedelta(minutes=5), NOW - timedelta(minutes=5), 1)
    assert (await world.queries.visits(world.channel, found.id, 10, None)).items[0]["url"] == "https://first.example"
    await world.channels.ensure("other")
    elsewhere = replace(world, channel="other")
    assert (await take(elsewhere, visit("a"))).accepted == 1


async def test_a_visit_that_is_not_taken_makes_nobody(world: World) -> None:
    taken = await take(world, visit("a"), {"id": "a", "memberId": "ghost"}, {"id": "a", "memberId": "spectre"})
    assert (taken.accepted, taken.duplicates, taken.rejected) == (1, 2, [])
    sent_before = await take(world, {"id": "a", "memberId": "ghost"}, {"id": "b", "memberId": "there", "name": "purchase"})
    assert (sent_before.accepted, sent_before.duplicates) == (1, 1)
    for nobody in ("ghost", "spectre"):
        with pytest.raises(NotFound):
            await member(world, nobody)
    assert (await member(world, "there")).version == 1
    assert await world.count("select count(*) from contact") == 2
    later = await take(world, {"id": "c", "memberId": "ghost"})
    assert (later.accepted, (await member(world, "ghost")).sessions_count) == (1, 1)


async def test_custom_events_move_nothing(world: World) -> None:
    await take(world, visit("a", -90), visit("b", 0, name="purchase", properties={"amount": 3}))
    found = await member(world)
    assert facts(found) == (NOW - timedelta(minutes=90), NOW - timedelta(minutes=90), 1)
    assert [v["name"] for v in (await world.queries.visits(world.channel, found.id, 10, None)).items] == ["purchase", "visit"]


async def test_a_visit_of_the_first_year_and_one_five_minutes_ahead_are_taken(world: World) -> None:
    ancient = datetime.min.replace(tzinfo=NOW.tzinfo)
    taken = await take(
        world,
        {"id": "a", "memberId": "u1", "at": to_wire(ancient)},
        visit("b", 5),
        {"id": "c", "memberId": "u1", "at": to_wire(ancient)},
    )
    assert taken.accepted == 3
    assert facts(await member(world)) == (ancient, NOW + timedelta(minutes=5), 2)


async def test_what_is_refused_says_why_and_the_rest_is_taken(world: World) -> None:
    known = await world.put("known")
    taken = await take(
        world,
        visit("future", 5.01),
        {"id": "x", "contactId": str(new_id())},
        {"id": "y", "contactId": str(known.id)},
        {"memberId": "u1"},
        visit("good"),
    )
    assert (taken.accepted, taken.duplicates) == (2, 0)
    assert [(index, problem.code, problem.pointer) for index, problem in taken.rejected] == [
        (0, "inTheFuture", "/visits/0/at"),
        (1, "unknownContact", "/visits/1/contactId"),
        (3, "invalid", "/visits/3/id"),
    ]
    assert (await member(world, "known")).sessions_count == 1


async def test_the_length_of_a_session_is_the_channels_own_setting(world: World) -> None:
    await world.channels.change(world.caller(), {"session_minutes": 5})
    await take(world, visit("a", -20), visit("b", -15), visit("c", -9.9))
    assert (await member(world)).sessions_count == 2


async def test_senders_at_one_time_count_every_visit_once(world: World) -> None:
    rows = [visit(f"v{n}", -n) for n in range(60)]
    async with asyncio.timeout(20):
        taken = await asyncio.gather(*(take(world, *part) for part in (rows, rows[::-1], rows[30:], rows[:30][::-1])))
    assert sum(t.accepted for t in taken) == 60
    assert sum(t.duplicates for t in taken) == 120
    assert facts(await member(world)) == (NOW - timedelta(minutes=59), NOW, 1)


async def test_many_of_which_some_are_there_already_are_taken_but_for_those(world: World) -> None:
    first = await take(world, *(visit(f"{n}", n / 60) for n in range(60)))
    again = await take(world, *(visit(f"{n}", n / 60) for n in range(59, 125)), visit("59", 3))
    assert (first.accepted, first.duplicates, again.accepted, again.duplicates) == (60, 0, 65, 2)
    found = await member(world)
    assert (found.version, facts(found)) == (126, (NOW, NOW + timedelta(minutes=124 / 60), 1))
    assert len((await world.queries.visits(world.channel, found.id, 200, None)).items) == 125


async def test_the_same_ids_for_other_contacts_at_one_time_make_nobody_wait_for_ever(world: World) -> None:
    async def send(who: str, order: int) -> Taken:
        return await take(world, *[{"id": f"v{n}", "memberId": who} for n in range(50)][::order])

    async with asyncio.timeout(20):
        taken = await asyncio.gather(*(send(f"u{n}", 1 if n % 2 else -1) for n in range(6)))
    assert sum(t.accepted for t in taken) == 50


async def neighbours(world: World) -> tuple[str, str]:
    """Two members whose messages go to one partition, the one with the lesser id first."""
    seen: dict[int, str] = {}
    for name in map(str, range(SHARDS + 1)):
        partition = partition_of(f"{world.channel}/{(await world.put(name)).id}")
        if partition in seen:
            return seen[partition], name
        seen[partition] = name
    raise AssertionError("more members than partitions")


@pytest.mark.parametrize("turned", [False, True])
async def test_visits_sent_again_are_answered_with_the_position_of_the_first_time(world: World, turned: bool) -> None:
    one, other = (await neighbours(world))[:: -1 if turned else 1]
    moved = [{"id": "a", "memberId": one, "name": "click"}, {"id": "b", "memberId": other}, {"id": "c", "memberId": one}]
    for rows in (moved, [{"id": "d", "memberId": other}, {"id": "e", "memberId": one, "name": "click"}]):
        first, again = await take(world, *rows), await take(world, *rows)
        assert (first.accepted, again.duplicates) == (len(rows), len(rows))
        assert set(again.position.entries) == set(first.position.entries)


async def test_visits_that_made_members_are_answered_alike_when_they_are_sent_again(world: World) -> None:
    rows = [{"id": str(n), "memberId": f"new-{n * 7 % 60}", **({"name": "click"} if n % 3 else {})} for n in range(120)]
    first, again = await take(world, *rows), await take(world, *rows)
    assert (first.accepted, again.duplicates) == (120, 120)
    assert set(again.position.entries) == set(first.position.entries)


async def test_a_page_of_visits_goes_on_where_the_last_ended(world: World) -> None:
    await take(world, *[visit(f"v{n}", -(n // 2)) for n in range(9)])
    contact = await member(world)
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = await world.queries.visits(world.channel, contact.id, 4, cursor)
        found += [v["id"] for v in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert found == ["v1", "v0", "v3", "v2", "v5", "v4", "v7", "v6", "v8"]


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]])
async def test_the_order_of_arrival_changes_nothing(world: World, order: list[int]) -> None:
    rows = [visit("a", -100), visit("b", -75), visit("c", -50), visit("d", 0)]
    for n in order:
        await take(world, rows[n], rows[n])
    assert facts(await member(world)) == (NOW - timedelta(minutes=100), NOW, 2)
