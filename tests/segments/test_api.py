"""The routes over the real PostgreSQL: who may do what, stale changes, and what is listed."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.clock import from_millis, to_wire
from tests.segments.conftest import As, answer
from tests.segments.support import MINUTE, NOON, named
from tests.segments.world import KIM, World

READ, MANAGE, OTHER = "contacts.read", "segments.manage", "exports.create"

# What the routes below tell: a definition and counts, or who the contacts are.
ROUTES: list[tuple[str, str, object, set[str]]] = [
    ("GET", "", None, {READ, MANAGE}), ("GET", "/{s}", None, {READ, MANAGE}), ("GET", "/{s}/definitions", None, {READ, MANAGE}),
    ("GET", "/{s}/counts", None, {READ, MANAGE}),
    ("GET", "/{s}/members", None, {READ}), ("GET", "/{s}/members/{c}", None, {READ}), ("GET", "/{s}/changes", None, {READ}),
    ("GET", "/{s}/compare?from=2026-11-24T11:00:00Z", None, {READ}), ("GET", "/memberships?contact={c}", None, {READ}),
    ("POST", "/{s}/explain", None, {READ}),
    ("POST", "", {"name": "n", "filter": {"and": []}}, {MANAGE}), ("PATCH", "/{s}", {"name": "n"}, {MANAGE}),
    ("POST", "/preview", {"filter": {"and": []}}, {MANAGE}), ("DELETE", "/{s}", None, {MANAGE}),
]  # fmt: skip


@pytest.mark.parametrize("permission", [READ, MANAGE, OTHER])
async def test_who_may_do_what(world: World, people: list[UUID], asked_as: As, permission: str) -> None:
    segment = await world.make(named("Kim"))
    for method, path, body, enough in ROUTES:
        filled = path.format(s=segment, c=people[0])
        given = {"contactId": str(people[0])} if path.endswith("/explain") else body
        found = await answer(asked_as(permission), method, filled, given)
        assert found.is_success if permission in enough else found.status_code == 403, (method, path, found.text)


async def test_who_manages_segments_alone_follows_no_changes(world: World, people: list[UUID], asked_as: As) -> None:
    segment = await world.make(named("Kim"))
    found = await answer(asked_as(MANAGE), "GET", f"/{segment}/changes", Accept="text/event-stream")
    assert (found.status_code, str(people[0]) in found.text) == (403, False)


async def test_of_six_changes_of_one_version_one_is_made(world: World, asked_as: As) -> None:
    segment = await world.make(named("Kim"))
    read = await answer(asked_as(), "GET", f"/{segment}")
    assert read.headers["ETag"] == '"1"'
    six = await asyncio.gather(
        *(
            answer(asked_as(subject=f"m{n}"), "PATCH", f"/{segment}", {"name": f"n{n}"}, **{"If-Match": '"1"'})
            for n in range(6)
        )
    )  # fmt: skip
    assert sorted(a.status_code for a in six) == [200, 412, 412, 412, 412, 412]
    (made,) = (a for a in six if a.status_code == 200)
    winner = made.json()["name"].replace("n", "m")
    assert (made.headers["ETag"], made.json()["version"]) == ('"2"', 2)
    for refused in (a for a in six if a.status_code == 412):
        told = refused.json()
        assert (told["code"], told["version"], told["changedBy"], refused.headers["ETag"]) == ("staleVersion", 2, winner, '"2"')
    assert (await answer(asked_as(), "GET", f"/{segment}")).headers["ETag"] == '"2"'


async def test_a_version_is_expected_by_changes_and_by_deleting(world: World, asked_as: As) -> None:
    me = asked_as()
    segment = (await answer(me, "POST", "", {"name": "s", "filter": named("Kim")})).json()["id"]
    over_it = await world.make({"key": "segment", "operator": "in", "values": [segment]})

    async def status(method: str, tag: str, body: object = None) -> int:
        return (await answer(me, method, f"/{segment}", body, **{"If-Match": tag})).status_code

    assert await status("PATCH", '"7"', {"filter": named("Lee")}) == 412
    assert await status("PATCH", '"7"', {"name": "s"}) == 412  # changes nothing, but was meant for another
    assert await status("PATCH", '"7"', {"filter": {"x": 1}}) == 422
    assert await status("PATCH", "seven", {"name": "t"}) == 400
    assert await status("PATCH", "*", {"filter": named("Lee")}) == 200
    assert await status("DELETE", '"1"') == 409  # in use: that comes first
    await world.commands.delete(KIM, over_it)
    assert await status("DELETE", '"1"') == 412
    assert await status("DELETE", '"2"') == 204
    assert await status("DELETE", "*") == 404


async def test_what_is_archived_or_built_anew_is_no_new_version(world: World, people: list[UUID], asked_as: As) -> None:
    await world.tell(world.field("grade", "String", 1))
    segment = await world.make({"key": "profile.grade", "operator": "exists"})
    await world.tell(world.field("grade", "String", 2, archived=True))
    await world.tell(world.field("grade", "String", 3))
    await world.build()
    assert (await answer(asked_as(), "GET", f"/{segment}")).headers["ETag"] == '"1"'


async def test_every_version_of_a_segment_is_listed(world: World, asked_as: As) -> None:
    kim, lee = asked_as(subject="kim"), asked_as(subject="lee")
    segment = (await answer(kim, "POST", "", {"name": "a", "filter": named("Kim")})).json()["id"]
    world.now = NOON + MINUTE
    await answer(lee, "PATCH", f"/{segment}", {"name": "b"})
    await answer(lee, "PATCH", f"/{segment}", {"name": "b"})
    world.now = NOON + 2 * MINUTE
    await answer(kim, "PATCH", f"/{segment}", {"filter": named("Lee")})
    page = (await answer(kim, "GET", f"/{segment}/definitions?limit=2")).json()
    rest = (await answer(kim, "GET", f"/{segment}/definitions?cursor={page['next']}")).json()
    assert rest["next"] is None
    assert [*page["items"], *rest["items"]] == [
        {
            "version": 3,
            "definitionVersion": 2,
            "at": "2026-11-24T12:02:00.000Z",
            "by": "kim",
            "name": "b",
            "filter": named("Lee"),
        },
        {
            "version": 2,
            "definitionVersion": 1,
            "at": "2026-11-24T12:01:00.000Z",
            "by": "lee",
            "name": "b",
            "filter": named("Kim"),
        },
        {
            "version": 1,
            "definitionVersion": 1,
            "at": "2026-11-24T12:00:00.000Z",
            "by": "kim",
            "name": "a",
            "filter": named("Kim"),
        },
    ]
    for cursor in ("x", (await answer(kim, "GET", "?limit=1")).json()["next"] or "y"):
        assert (await answer(kim, "GET", f"/{segment}/definitions?cursor={cursor}")).status_code == 422
    await world.commands.delete(KIM, UUID(segment))
    assert await world.value("select count(*) from definition") == 0


async def test_each_version_is_told_under_its_own_number(world: World) -> None:
    segment = await world.make(named("Kim"), "a")
    await world.commands.change(KIM, segment, "b")
    await world.commands.change(KIM, segment, None, named("Lee"))
    await world.commands.delete(KIM, segment)
    async with world.database.connection() as connection:
        rows = await connection.fetch("select headers from outbox where key = $1 order by id", f"c/{segment}")
    assert [row["headers"]["ce_version"] for row in rows] == ["1", "2", "3", "4"]


async def test_nobody_is_known_to_be_in_later_than_now(world: World, people: list[UUID], asked_as: As) -> None:
    segment = await world.make(named("Kim"))
    assert (await answer(asked_as(), "GET", f"/{segment}/members?at={to_wire(from_millis(NOON))}")).status_code == 200
    refused = await answer(asked_as(), "GET", f"/{segment}/members?at={to_wire(from_millis(NOON + 1))}")
    assert refused.status_code == 422


async def test_the_erased_are_in_no_membership_past_ones_included(world: World, people: list[UUID], asked_as: As) -> None:
    segment = await world.make(named("Kim"))
    await world.tell(world.erased(people[0], 2, NOON + MINUTE))
    world.now = NOON + 2 * MINUTE
    for at in (NOON, NOON + MINUTE, NOON + 2 * MINUTE):
        items = (await answer(asked_as(), "GET", f"/{segment}/members?at={to_wire(from_millis(at))}")).json()["items"]
        assert [m["contactId"] for m in items] == [*map(str, people[1:])]
    assert (await answer(asked_as(), "GET", f"/{segment}/members/{people[0]}")).status_code == 410
    assert (await answer(asked_as(), "GET", f"/memberships?contact={people[0]}")).status_code == 410
    changes = (await answer(asked_as(), "GET", f"/{segment}/changes?after=5")).json()["items"]
    assert [(c["contactId"], c["change"], c["cause"]) for c in changes] == [(str(people[0]), "left", "erasure")]


async def test_steps_are_aligned_in_the_channels_zone(world: World, people: list[UUID], asked_as: As) -> None:
    await world.tell(world.settings(1, time_zone="Asia/Kolkata"))
    segment = await world.make(named("Kim"))
    await world.tell(world.contact(people[0], 2, NOON + 7 * MINUTE, name="Lee"))

    async def counts(query: str) -> Any:
        return (await answer(asked_as(MANAGE), "GET", f"/{segment}/counts?{query}")).json()["items"]

    day = {"at": "2026-11-23T18:30:00.000Z", "entered": 5, "left": 1, "size": 4}
    assert await counts("from=2026-11-24T12:30:00Z&to=2026-11-24T12:30:01Z") == [day]
    assert await counts("from=2026-11-24T12:30:00Z&to=2026-11-24T12:30:01Z&step=week") == [
        day | {"at": "2026-11-22T18:30:00.000Z"}
    ]
    assert await counts("from=2026-11-24T11:59:59.999Z&to=2026-11-24T12:07:00Z&step=minute") == [
        {"at": f"2026-11-24T{at}:00.000Z", "entered": 5 if at == "12:00" else 0, "left": 0, "size": 0 if at == "11:59" else 5}
        for at in ("11:59", "12:00", "12:01", "12:02", "12:03", "12:04", "12:05", "12:06")
    ]
    assert await counts("from=2026-11-24T18:00:00+05:30&to=2026-11-24T18:00:01%2B05:30") == [day]
    usual = await counts("")
    assert (len(usual), usual[-1]) == (30, day)
    assert await counts("from=2026-11-24T00:00:00Z&to=2026-11-24T02:00:00Z&step=hour") == [
        {"at": f"2026-11-24T0{hour}:00:00.000Z", "entered": 0, "left": 0, "size": 0} for hour in (0, 1)
    ]
    assert (await answer(asked_as(), "GET", f"/{segment}/counts?from=0001-01-01T00:00:00Z&step=day")).json()["most"] == 1000


async def test_several_definitions_are_read_at_once(world: World, people: list[UUID], asked_as: As) -> None:
    inner = await world.make(named("Kim"), "inner")
    outer = await world.make({"key": "segment", "operator": "notIn", "values": [str(inner)]}, "outer")
    asked = {"ids": [str(outer), str(uuid4())]}
    found = await asked_as(READ).post("/internal/segments/read", json=asked)
    assert [(s["id"], s["filter"], s["definitionVersion"]) for s in found.json()["items"]] == [
        (str(inner), named("Kim"), 1), (str(outer), {"key": "segment", "operator": "notIn", "values": [str(inner)]}, 1),
    ]  # fmt: skip
    assert (await asked_as(OTHER).post("/internal/segments/read", json=asked)).status_code == 403
