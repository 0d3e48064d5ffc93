"""What is foretold of a filter is what saving it does, and it is refused just as saving it is."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from common.errors import Unavailable
from common.ids import new_id
from segments.preview.preview import Preview
from segments.preview.queries import Previews
from tests.segments.conftest import As, answer
from tests.segments.support import NOON, named, seen_within
from tests.segments.world import CHANNEL, KIM, World

FILTERS: list[Any] = [
    named("Kim"), {"not": named("Kim")}, seen_within(1), {"not": seen_within(2)}, {"and": []}, {"or": []},
    {"or": [named("Lee"), seen_within(3)]},
]  # fmt: skip


def of(segment: UUID | str, operator: str = "in") -> dict[str, Any]:
    return {"key": "segment", "operator": operator, "values": [str(segment)]}


async def tried(client: httpx.AsyncClient, raw: object, segment: UUID | None = None) -> dict[str, int]:
    asked = {"filter": raw} if segment is None else {"filter": raw, "id": str(segment)}
    found = await answer(client, "POST", "/preview", asked)
    assert found.status_code == 200, found.text
    told: dict[str, int] = found.json()
    return told


async def saved(world: World, segment: UUID, raw: object, before: set[UUID]) -> dict[str, int]:
    """What saving it does."""
    await world.commands.change(KIM, segment, None, raw)
    await world.build()
    after = await world.members(segment)
    return {"count": len(after), "entering": len(after - before), "leaving": len(before - after)}


@pytest.mark.parametrize("raw", FILTERS)
@pytest.mark.parametrize("present", FILTERS)
async def test_what_is_foretold_is_what_saving_does(
    world: World, people: list[UUID], asked_as: As, present: object, raw: object
) -> None:
    segment = await world.make(present)
    await world.tell(
        world.contact(people[1], 2, NOON + 1, name="Lee", seen=NOON),
        world.contact(people[2], 2, NOON + 2, hidden=True),
        world.erased(people[3], 2, NOON + 3),
        world.contact(people[4], 2, NOON + 70_000, name="Lee", seen=NOON + 70_000),
    )
    world.now = NOON + 90_000  # some are due to leave by the clock, and no timer has come by
    foretold = await tried(asked_as(), raw, segment)
    alone = await tried(asked_as(), raw)
    await world.tick()
    before = await world.members(segment)
    log = len(await world.changes(segment))
    assert await saved(world, segment, raw, before) == foretold
    assert alone == {"count": foretold["count"], "entering": foretold["count"], "leaving": 0}
    if raw != present:
        changes = (await world.changes(segment))[log:]
        told = [sum(c.change == change for c in changes) for change in ("entered", "left")]
        assert told == [foretold["entering"], foretold["leaving"]]


async def test_nothing_is_kept_of_it(world: World, people: list[UUID], asked_as: As) -> None:
    segment = await world.make(named("Kim"))
    term_set = world.term_sets.make("name", "kim", "lee")
    sent = await world.sent()
    raw = {"key": "name", "operator": "in", "termSet": str(term_set)}
    assert await tried(asked_as(), {"not": raw}, segment) == {"count": 0, "entering": 0, "leaving": 5}
    assert await tried(asked_as(), raw, segment) == {"count": 5, "entering": 0, "leaving": 0}
    assert await world.value("select count(*) from term_set") == 0
    assert (await world.shown(segment)).filter == named("Kim")
    assert await world.sent() == sent


async def test_beside_a_segment_that_is_being_built_its_newest_definition_counts(
    world: World, people: list[UUID], asked_as: As
) -> None:
    segment = await world.make(named("Kim"), built=False)
    await world.builder(chunk=2).advance()
    assert await tried(asked_as(), named("Lee"), segment) == {"count": 0, "entering": 0, "leaving": 5}
    await world.commands.change(KIM, segment, None, {"or": []})
    assert await tried(asked_as(), named("Kim"), segment) == {"count": 5, "entering": 5, "leaving": 0}


async def test_beside_a_broken_segment_its_frozen_members_count(world: World, people: list[UUID], asked_as: As) -> None:
    await world.tell(world.field("grade", "String", 1))
    segment = await world.make({"or": [named("Kim"), {"key": "profile.grade", "operator": "exists"}]})
    await world.tell(world.field("grade", "String", 2, archived=True))
    await world.tell(world.contact(people[0], 2, NOON + 1, name="Lee"))
    foretold = await tried(asked_as(), named("Lee"), segment)
    assert foretold == {"count": 1, "entering": 0, "leaving": 4}
    assert await saved(world, segment, named("Lee"), await world.members(segment)) == foretold


async def test_it_is_refused_just_as_saving_is(world: World, people: list[UUID], asked_as: As) -> None:
    me = asked_as()
    await world.tell(world.field("grade", "String", 1, archived=True))
    inner = await world.make(named("Kim"), "inner")
    outer = await world.make({"not": of(inner)}, "outer")
    for raw in (
        None, {}, {"and": [{"key": "x", "operator": "eq", "values": ["y"]}]}, of(uuid4()), of(inner),
        {"or": [named("Lee"), of(outer)]},
        {"key": "profile.grade", "operator": "exists"}, {"key": "name", "operator": "in", "termSet": str(uuid4())},
        {"or": [named("Kim")] * 400}, {"key": "name", "operator": "eq", "values": [1]},
    ):  # fmt: skip
        tried = await answer(me, "POST", "/preview", {"id": str(inner), "filter": raw})
        saving = await answer(me, "PATCH", f"/{inner}", {"filter": raw})
        if saving.is_success:
            assert tried.is_success
            continue
        assert (tried.status_code, tried.json()) == (saving.status_code, saving.json()), raw
    circle = (await answer(me, "POST", "/preview", {"id": str(inner), "filter": of(outer)})).json()
    assert (circle["code"], circle["pointer"]) == ("segmentCircle", "/filter/values/0")
    assert circle["path"] == [str(inner), str(outer), str(inner)]
    assert (await answer(me, "POST", "/preview", {"id": str(uuid4()), "filter": named("Kim")})).status_code == 404
    for body in ({}, {"id": "x", "filter": named("Kim")}, {"id": None, "filter": named("Kim")}, {"filter": named("Kim"), "x": 1}):
        assert (await answer(me, "POST", "/preview", body)).status_code == 422, body


async def test_a_filter_that_would_break_another_segment_is_refused(world: World, asked_as: As) -> None:
    inner = await world.make(named("Kim"))
    await world.make({"or": [of(inner)] * 400})
    tried = await answer(asked_as(), "POST", "/preview", {"id": str(inner), "filter": {"or": [named("Kim")] * 10}})
    saving = await answer(asked_as(), "PATCH", f"/{inner}", {"filter": {"or": [named("Kim")] * 10}})
    assert (tried.status_code, tried.json()) == (saving.status_code, saving.json())
    assert saving.json()["code"] == "breaksSegment"


async def test_it_ends_when_it_takes_too_long_or_nobody_waits(world: World, people: list[UUID]) -> None:
    async def waits() -> bool:
        return False

    async def gone() -> bool:
        return True

    hurried = Previews(world.database, world.term_sets, world.clock, new_id, longest=0)
    with pytest.raises(Unavailable) as refusal:
        await hurried.preview(CHANNEL, named("Kim"), None, waits)
    assert (refusal.value.code, refusal.value.extra) == ("previewTooLong", {"seconds": 0})
    previews = Previews(world.database, world.term_sets, world.clock, new_id)
    assert await previews.preview(CHANNEL, named("Kim"), None, waits) == Preview(5, 5, 0)
    assert await previews.preview(CHANNEL, named("Kim"), None, gone) == Preview()


async def test_a_segment_tells_who_names_it(world: World, asked_as: As) -> None:
    inner = await world.make(named("Kim"), "inner")
    outer = await world.make({"and": [{"not": of(str(inner).upper())}]}, "outer")
    over = await world.make({"or": [of(outer, "notIn"), named(str(inner))]}, "over")

    async def used_by(segment: UUID) -> list[str]:
        shown = (await answer(asked_as(), "GET", f"/{segment}")).json()
        listed = (await answer(asked_as(), "GET", "")).json()["items"]
        assert [s for s in listed if s["id"] == str(segment)] == [shown]
        assert shown["usedBy"]["destinations"] == []
        return [user["name"] for user in shown["usedBy"]["segments"]]

    assert [await used_by(s) for s in (inner, outer, over)] == [["outer"], ["over"], []]
    await world.commands.change(KIM, outer, "another name")
    assert await used_by(inner) == ["another name"]
    await world.commands.change(KIM, outer, None, named("Lee"))
    await world.commands.change(KIM, over, None, {"key": "user.segment", "operator": "$in", "values": [str(inner)]})
    assert [await used_by(s) for s in (inner, outer, over)] == [["over"], [], []]
    await world.commands.delete(KIM, over)
    assert await used_by(inner) == []


async def test_a_segment_tells_its_destinations_and_leaves_them_out_while_nobody_knows_them(world: World, asked_as: As) -> None:
    told, other = await world.make(named("Kim"), "told"), await world.make(named("Lee"), "other")
    slack = {"id": str(uuid4()), "kind": "slack", "state": "active"}
    for known, expected in (
        ({told: [slack]}, [{"segments": [], "destinations": [slack]}, {"segments": [], "destinations": []}]),
        (None, [{"segments": []}, {"segments": []}]),
    ):
        world.told_of = known
        listed = (await answer(asked_as(), "GET", "")).json()["items"]
        assert [s["usedBy"] for s in listed] == expected
        assert [(await answer(asked_as(), "GET", f"/{s}")).json() for s in (told, other)] == listed
        changed = await answer(asked_as(), "PATCH", f"/{told}", {"name": "told"})
        assert changed.json()["usedBy"] == expected[0]
