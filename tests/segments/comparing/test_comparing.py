"""Who was in at two instants: the counts, and who, page by page, are what two lists of members say."""

import random
from typing import Any
from uuid import UUID, uuid4

from common import cursor as cursors
from common.clock import from_millis, to_wire
from common.topics import CONTACTS, FIELDS
from segments.changes.keeper import Keeper
from tests.segments.conftest import As, answer
from tests.segments.support import MINUTE, NOON, named
from tests.segments.world import KIM, World

KINDS = ("onlyThen", "both", "onlyNow")


def at(minutes: int) -> str:
    return to_wire(from_millis(NOON + minutes * MINUTE))


async def test_both_sides_are_those_of_the_members(world: World, asked_as: As) -> None:
    chance = random.Random(1)
    await world.judge.positions([(CONTACTS, 0), (FIELDS, 0)])
    segment = await world.make(named("Kim"))
    people = [uuid4() for _ in range(20)]
    for minute in range(1, 9):
        world.now = NOON + minute * MINUTE
        await world.tell(
            *(world.contact(one, minute, world.now, name=chance.choice(["Kim", "Lee"])) for one in chance.sample(people, 8))
        )
    await world.tell(world.erased(people[0], 9, world.now))
    me = asked_as()

    async def members(minute: int) -> dict[str, str]:
        items = (await answer(me, "GET", f"/{segment}/members?at={at(minute)}")).json()["items"]
        return {item["contactId"]: item["since"] for item in items}

    async def listed(query: str) -> tuple[list[dict[str, str]], list[tuple[int, int, int]]]:
        items, sizes, cursor = [], [], ""
        while True:
            page = (await answer(me, "GET", f"/{segment}/compare?{query}&limit=2{cursor}")).json()
            items += page["items"]
            sizes.append(tuple(page[kind] for kind in KINDS))
            if page["next"] is None:
                return items, sizes
            cursor = f"&cursor={page['next']}"

    for begin, end in ((1, 8), (3, 5), (4, 4), (0, 2)):
        then, now = await members(begin), await members(end)
        wanted = {
            "onlyThen": {c: since for c, since in then.items() if c not in now},
            "both": {c: since for c, since in now.items() if c in then},
            "onlyNow": {c: since for c, since in now.items() if c not in then},
        }
        told = (await answer(me, "GET", f"/{segment}/compare?from={at(begin)}&to={at(end)}")).json()
        assert told == {
            "from": at(begin), "to": at(end), **{kind: len(wanted[kind]) for kind in KINDS}, "items": [], "next": None,
        }  # fmt: skip
        for kind in KINDS:
            items, sizes = await listed(f"from={at(begin)}&to={at(end)}&which={kind}")
            assert items == [{"contactId": c, "since": wanted[kind][c]} for c in sorted(wanted[kind])]
            assert set(sizes) == {tuple(len(wanted[each]) for each in KINDS)}
    told = (await answer(me, "GET", f"/{segment}/compare?from={at(1)}")).json()
    assert told["to"] == at(8)


async def test_the_end_stays_where_the_first_page_put_it(world: World, people: list[UUID], asked_as: As) -> None:
    segment = await world.make(named("Kim"))
    me = asked_as()
    query = f"/{segment}/compare?from={at(0)}&which=both"
    first = (await answer(me, "GET", f"{query}&limit=3")).json()
    world.now = NOON + MINUTE
    await world.tell(world.contact(people[4], 2, world.now, name="Lee"))
    rest = (await answer(me, "GET", f"{query}&cursor={first['next']}")).json()
    assert [m["contactId"] for m in first["items"] + rest["items"]] == [*map(str, people)]
    assert (rest["to"], rest["both"], (await answer(me, "GET", query)).json()["both"]) == (at(0), 5, 4)
    for wrong in (f"from={at(0)}&which=onlyNow&cursor={first['next']}", f"from={at(0)}&cursor={first['next']}", f"from={at(2)}",
                  f"from={at(1)}&to={at(0)}", f"from={at(0)}&to={at(2)}", "", f"from={at(0)}&which=x", "from=x"):  # fmt: skip
        assert (await answer(me, "GET", f"/{segment}/compare?{wrong}")).status_code == 422, wrong


async def test_a_cursor_that_was_made_up_is_refused(world: World, people: list[UUID], asked_as: As) -> None:
    segment = await world.make(named("Kim"))
    world.now = NOON + MINUTE
    bound = f"compare/{segment}/{NOON}/None/both"
    for end, status in ((at(0), 200), (2**62, 422), (NOON, 422), ("9999-12-31T24:00:00.000Z", 422), (at(-1), 422)):
        made_up = cursors.encode(bound, 0, 5, 0, end, str(people[1]))
        asked = await answer(asked_as(), "GET", f"/{segment}/compare?from={at(0)}&which=both&cursor={made_up}")
        assert (asked.status_code, asked.json().get("code")) == (status, None if status == 200 else "badCursor"), end


async def test_what_is_known_in_part_is_not_compared(world: World, people: list[UUID], asked_as: As) -> None:
    segment = await world.make(named("Kim"))

    async def refused(query: str) -> tuple[int, Any]:
        found = await answer(asked_as(), "GET", f"/{segment}/compare?{query}")
        return found.status_code, found.json().get("code")

    world.now = NOON + MINUTE
    await world.commands.change(KIM, segment, None, {"not": named("Lee")})
    assert await refused(f"from={at(0)}") == (503, "segmentBuilding")
    await world.build()
    assert await refused(f"from={at(0)}") == (200, None)
    world.now = NOON + 100 * 24 * 60 * MINUTE
    await Keeper(world.database, world.clock, days=90).keep()
    assert await refused(f"from={at(0)}") == (410, "notKept")
    assert await refused(f"from={to_wire(world.clock.now())}") == (200, None)
