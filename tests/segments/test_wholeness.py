"""A part of the members never looks like the whole: while a segment is built, after a build was cut short, and by one contact."""

from importlib.resources import files
from typing import Any
from uuid import UUID

import pytest

from common.clock import from_millis, to_wire
from tests.segments.conftest import As, answer
from tests.segments.support import MINUTE, NOON, named, seen_within
from tests.segments.world import KIM, World

READ = "contacts.read"


async def test_while_a_segment_is_built_nobody_is_told_a_part(world: World, people: list[UUID], asked_as: As) -> None:
    me = asked_as(READ)
    segment = await world.make(named("Kim"), built=False)
    builder = world.builder(chunk=2)
    for done in (0, 2, 4):
        refused = await answer(me, "GET", f"/{segment}/members")
        assert (refused.status_code, refused.json()["code"]) == (503, "segmentBuilding")
        assert refused.json()["progress"] == {"done": done, "total": 5}
        assert int(refused.headers["Retry-After"]) >= 1
        # One contact is told by the newest definition, whether or not its turn has come.
        for person in people:
            standing = (await answer(me, "GET", f"/{segment}/members/{person}")).json()
            assert standing == {"member": True, "since": to_wire(from_millis(NOON)), "nextChangeAt": None}
        # What was before the definition is known whole.
        assert (await answer(me, "GET", f"/{segment}/members?at={to_wire(from_millis(NOON - 1))}")).json()["items"] == []
        assert (await answer(me, "GET", f"/{segment}/members?at={to_wire(from_millis(NOON))}")).status_code == 503
        await builder.advance()
    await world.build()
    assert [m["contactId"] for m in (await answer(me, "GET", f"/{segment}/members")).json()["items"]] == [*map(str, people)]

    world.now = NOON + MINUTE
    await world.commands.change(KIM, segment, None, seen_within(5))
    assert (await answer(me, "GET", f"/{segment}/members")).json()["progress"] == {"done": 0, "total": 5}
    standing = (await answer(me, "GET", f"/{segment}/members/{people[0]}")).json()
    assert standing == {
        "member": True, "since": to_wire(from_millis(NOON)), "nextChangeAt": to_wire(from_millis(NOON - 9 + 5 * MINUTE)),
    }  # fmt: skip
    world.now = NOON + 5 * MINUTE  # nobody has built it, nor settled the clock
    assert not (await answer(me, "GET", f"/{segment}/members/{people[0]}")).json()["member"]
    await world.commands.change(KIM, segment, None, named("Lee"))
    assert not (await answer(me, "GET", f"/{segment}/members/{people[0]}")).json()["member"]


async def test_what_is_foretold_is_what_the_build_finds(world: World, people: list[UUID], asked_as: As) -> None:
    segment = await world.make({"or": [named("Lee"), seen_within(1)]})
    await world.tell(
        world.contact(people[1], 2, NOON + 1, name="Lee"), world.contact(people[2], 2, NOON + 2, name="Lee", hidden=True)
    )
    world.now = NOON + 2 * MINUTE
    await world.commands.change(KIM, segment, None, {"not": seen_within(4)})
    await world.tell(world.contact(people[3], 2, NOON + 2 * MINUTE + 5, name="Park", seen=NOON + 2 * MINUTE))

    async def all_standings() -> list[Any]:
        return [(await answer(asked_as(), "GET", f"/{segment}/members/{person}")).json() for person in people]

    foretold = await all_standings()
    await world.build()
    assert await all_standings() == foretold
    assert [s["member"] for s in foretold] == [False, True, False, False, False]


async def test_a_segment_that_broke_before_it_was_whole_shows_no_part(world: World, people: list[UUID], asked_as: As) -> None:
    await world.tell(world.field("grade", "String", 1))
    raw = {"or": [named("Kim"), {"key": "profile.grade", "operator": "exists"}]}
    segment = await world.make(raw, built=False)
    await world.builder(chunk=2).advance()
    await world.tell(world.field("grade", "String", 2, archived=True))
    refused = await answer(asked_as(), "GET", f"/{segment}/members")
    assert (refused.status_code, refused.json()["code"]) == (409, "segmentBroken")
    await world.tell(world.field("grade", "String", 3))
    await world.build()
    await world.tell(world.field("grade", "String", 4, archived=True))
    assert len((await answer(asked_as(), "GET", f"/{segment}/members")).json()["items"]) == 5
    (kept,) = (await answer(asked_as(), "GET", f"/memberships?contact={people[0]}")).json()["items"]
    assert (kept["id"], kept["status"]) == (str(segment), "broken")


async def test_a_segment_that_broke_while_it_was_built_again_shows_no_part(
    world: World, people: list[UUID], asked_as: As
) -> None:
    """Its definition is the same one, but half of its members are judged by what the fields and the zone were before."""
    await world.tell(world.field("grade", "String", 1))
    today = {"key": "lastSeenAt", "operator": "calendar", "values": ["today"]}
    segment = await world.make({"or": [today, {"key": "profile.grade", "operator": "exists"}]})
    assert len(await world.members(segment)) == 5
    world.now = NOON + MINUTE
    await world.tell(world.settings(1, time_zone="America/New_York"))
    await world.builder(chunk=2).advance()
    await world.tell(world.field("grade", "String", 2, archived=True))
    for path in ("/members", f"/members/{people[0]}", f"/members/{people[4]}", f"/members?at={to_wire(from_millis(world.now))}"):
        refused = await answer(asked_as(), "GET", f"/{segment}{path}")
        assert (refused.status_code, refused.json()["code"]) == (409, "segmentBroken"), path
    for person in people:
        assert (await answer(asked_as(), "GET", f"/memberships?contact={person}")).json()["items"] == []
    assert len((await answer(asked_as(), "GET", f"/{segment}/members?at={to_wire(from_millis(NOON))}")).json()["items"]) == 5
    world.now = NOON + 2 * MINUTE
    await world.tell(world.field("grade", "String", 3))
    await world.build()
    assert len(await world.members(segment)) == 5


@pytest.mark.parametrize("broken", [False, True])
async def test_instants_of_a_build_that_was_cut_short_are_never_whole(
    world: World, people: list[UUID], asked_as: As, *, broken: bool
) -> None:
    await world.tell(world.field("grade", "String", 1))
    segment = await world.make({"or": [named("Kim"), {"key": "profile.grade", "operator": "exists"}]}, built=False)
    await world.builder(chunk=2).advance()
    world.now = NOON + MINUTE
    if broken:
        await world.tell(world.field("grade", "String", 2, archived=True))
        world.now = NOON + 2 * MINUTE
        await world.tell(world.field("grade", "String", 3))
    else:
        await world.commands.change(KIM, segment, None, {"not": named("Lee")})
    end = world.now
    await world.build()
    world.now = NOON + 3 * MINUTE
    for at in (NOON, end - 1):
        refused = await answer(asked_as(), "GET", f"/{segment}/members?at={to_wire(from_millis(at))}")
        told = refused.json()
        assert (refused.status_code, told["code"]) == (409, "neverWhole")
        assert (told["from"], told["to"]) == (to_wire(from_millis(NOON)), to_wire(from_millis(end)))
    for at, count in ((NOON - 1, 0), (end, 5), (world.now, 5)):
        items = (await answer(asked_as(), "GET", f"/{segment}/members?at={to_wire(from_millis(at))}")).json()["items"]
        assert len(items) == count
    await world.commands.delete(KIM, segment)
    assert await world.value("select count(*) from cut_short") == 0


async def test_a_build_that_ended_leaves_nothing_unknown(world: World, people: list[UUID], asked_as: As) -> None:
    segment = await world.make(named("Kim"))
    for minute, name in enumerate(("Lee", "Kim"), 1):
        world.now = NOON + minute * MINUTE
        await world.commands.change(KIM, segment, None, named(name))
        await world.build()
    counts = [
        len((await answer(asked_as(), "GET", f"/{segment}/members?at={to_wire(from_millis(NOON + m * MINUTE))}")).json()["items"])
        for m in range(3)
    ]
    assert counts == [5, 0, 5]


async def test_segments_that_were_in_the_middle_of_a_build_are_a_part_to_the_migration(world: World, people: list[UUID]) -> None:
    await world.tell(world.field("grade", "String", 1), world.field("size", "String", 1))
    whole, building, broke, frozen = [
        await world.make({"or": [named("Kim"), {"key": f"profile.{key}", "operator": "exists"}]}, key)
        for key in ("grade", "grade", "size", "size")
    ]
    async with world.database.transaction() as tx:
        await tx.execute("update segment set whole = true")
        await tx.execute("update segment set status = 'broken', build = build + 1, to_build = 5 where id = $1", broke)
        await tx.execute("update segment set status = 'building', build = build + 1 where id = $1", building)
        await tx.execute("update segment set status = 'broken' where id = $1", frozen)
        await tx.execute("drop table cut_short")
        up = (files("segments") / "migrations/0005_never_whole.sql").read_text("utf-8").split("-- migrate:down")[0]
        await tx.execute(up)
        rows = {r["id"]: r["whole"] for r in await tx.fetch("select id, whole from segment")}
    assert rows == {whole: True, building: False, broke: False, frozen: True}


async def test_memberships_are_by_the_newest_definitions_while_they_are_built(
    world: World, people: list[UUID], asked_as: As
) -> None:
    live = await world.make(named("Kim"), "live")
    left = await world.make(named("Kim"), "left")
    others = [await world.make({"not": seen_within(5)}, "other", built=False) for _ in range(3)]
    entered = await world.make({"not": named("Lee")}, "entered", built=False)
    await world.commands.change(KIM, left, None, named("Lee"))
    world.now = NOON + MINUTE

    async def memberships() -> list[tuple[str, str, str]]:
        found: list[tuple[str, str, str]] = []
        query = f"/memberships?contact={people[4]}&limit=1"
        page = (await answer(asked_as(READ), "GET", query)).json()
        while True:
            found += [(m["id"], m["status"], m["since"]) for m in page["items"]]
            if page["next"] is None:
                return found
            page = (await answer(asked_as(READ), "GET", f"{query}&cursor={page['next']}")).json()

    since = to_wire(from_millis(NOON))
    assert await memberships() == [(str(live), "live", since), (str(entered), "building", since)]
    world.now = NOON + 6 * MINUTE
    assert {name for name, _, _ in await memberships()} == {str(live), str(entered), *map(str, others)}
    foretold = [(name, since) for name, _, since in await memberships()]
    await world.build()
    await world.tick()
    assert [(name, since) for name, _, since in await memberships()] == foretold


async def test_pages_of_members_are_of_one_definition(world: World, people: list[UUID], asked_as: As) -> None:
    segment = await world.make(named("Kim"))
    first = (await answer(asked_as(), "GET", f"/{segment}/members?limit=2")).json()
    await world.commands.change(KIM, segment, "another name")
    assert (await answer(asked_as(), "GET", f"/{segment}/members?limit=2&cursor={first['next']}")).status_code == 200
    await world.commands.change(KIM, segment, None, {"not": named("Lee")})
    await world.build()
    gone = await answer(asked_as(), "GET", f"/{segment}/members?limit=2&cursor={first['next']}")
    assert (gone.status_code, gone.json()["code"]) == (410, "cursorExpired")
