"""Why a contact is in a segment, now and as of an instant."""

import time
from datetime import datetime
from threading import get_ident
from typing import Any
from uuid import UUID, uuid4

from common.clock import from_millis, to_wire
from tests.segments.conftest import As, answer
from tests.segments.support import MINUTE, NOON, doc, named, seen_within
from tests.segments.world import KIM, World


def of(segment: UUID) -> dict[str, Any]:
    return {"key": "segment", "operator": "in", "values": [str(segment)]}


def at(minutes: float) -> datetime:
    return from_millis(int(NOON + minutes * MINUTE))


async def test_a_segment_that_is_named_inside_has_a_node_of_its_own(world: World, people: list[UUID], asked_as: As) -> None:
    inner = await world.make(seen_within(5), "Lately")
    outer = await world.make({"and": [of(inner), {"not": of(inner)}, named("Kim")]}, "Outer")
    found = (await answer(asked_as(), "POST", f"/{outer}/explain", {"contactId": str(people[0])})).json()
    first, second, third = found["and"]
    leaves = to_wire(from_millis(NOON - 9 + 5 * MINUTE))
    (lately,) = first["segments"]
    assert (lately["id"], lately["name"], lately["truth"], lately["nextChangeAt"]) == (str(inner), "Lately", True, leaves)
    assert (lately["tree"]["key"], lately["tree"]["value"]) == ("lastSeenAt", to_wire(from_millis(NOON - 9)))
    assert (first["key"], first["truth"], first["value"], first["nextChangeAt"]) == ("segment", True, [str(inner)], leaves)
    assert "tree" not in second["not"]["segments"][0]  # it was told before
    assert (third["value"], found["truth"]) == ("Kim", False)


async def test_as_of_an_instant_the_contact_and_the_definitions_are_those_of_then(
    world: World, people: list[UUID], asked_as: As
) -> None:
    one = people[0]
    term_set = world.term_sets.make("name", "kim")
    inner = await world.make({"and": [seen_within(5), {"key": "name", "operator": "in", "termSet": str(term_set)}]}, "then")
    segment = await world.make(of(inner))
    world.now = NOON + 10 * MINUTE
    await world.commands.change(KIM, inner, "now", named("Lee"))
    await world.build()
    await world.tell(world.contact(one, 2, world.now, name="Lee"))
    world.past.known[one, at(1)] = doc("Kim", NOON - 9)

    async def explained(**asked: object) -> Any:
        return await answer(asked_as(), "POST", f"/{segment}/explain", {"contactId": str(one), **asked})

    now = (await explained()).json()
    assert (now["truth"], now["segments"][0]["name"], now["nextChangeAt"]) == (True, "now", None)
    then = (await explained(at=to_wire(at(1)))).json()
    assert (then["truth"], then["segments"][0]["name"]) == (True, "then")
    assert then["nextChangeAt"] == to_wire(from_millis(NOON - 9 + 5 * MINUTE))  # past by now, and that is what it was then
    assert then["segments"][0]["tree"]["and"][1]["value"] == "Kim"
    assert await world.value("select count(*) from term_set") == 0  # it was had for this answer alone
    for asked, status, code in (
        (at(-1), 422, "beforeSegment"), (at(11), 422, "inFuture"), (at(2), 404, "notFound"),
    ):  # fmt: skip
        refused = await explained(at=to_wire(asked))
        assert (refused.status_code, refused.json()["code"]) == (status, code)
        assert refused.json().get("pointer") == ("/at" if status == 422 else None)
    assert (await explained(at=None)).json()["pointer"] == "/at"
    assert (await explained(at="yesterday")).status_code == 422


async def test_what_can_not_be_read_any_more_is_not_explained(world: World, people: list[UUID], asked_as: As) -> None:
    await world.tell(world.field("grade", "String", 1))
    segment = await world.make({"key": "profile.grade", "operator": "exists"})
    world.now = NOON + MINUTE
    await world.commands.change(KIM, segment, None, named("Kim"))
    await world.tell(world.field("grade", "String", 2, archived=True))
    world.past.known[people[0], at(0)] = doc("Kim")
    me = asked_as()
    assert (await answer(me, "POST", f"/{segment}/explain", {"contactId": str(people[0])})).json()["truth"] is True
    refused = await answer(me, "POST", f"/{segment}/explain", {"contactId": str(people[0]), "at": to_wire(at(0))})
    assert (refused.status_code, refused.json()["code"]) == (409, "segmentBroken")
    assert (await answer(me, "POST", f"/{segment}/explain", {"contactId": str(uuid4())})).status_code == 404


async def test_of_an_id_that_was_merged_since_its_own_past_is_explained(world: World, people: list[UUID], asked_as: As) -> None:
    lead, survivor = people[:2]
    segment = await world.make(named("Kim"))
    world.now = NOON + 5 * MINUTE
    await world.tell(world.contact(survivor, 2, world.now, name="Lee"), world.contact(lead, 2, world.now, merged_into=survivor))
    world.past.known |= {(lead, at(1)): doc("Kim"), (survivor, at(1)): doc("Park")}

    async def explained(**asked: object) -> Any:
        return (await answer(asked_as(), "POST", f"/{segment}/explain", {"contactId": str(lead), **asked})).json()

    then = await explained(at=to_wire(at(1)))
    assert (then["value"], then["truth"]) == ("Kim", True)
    assert str(lead) in (await answer(asked_as(), "GET", f"/{segment}/members?at={to_wire(at(1))}")).text
    assert (await explained())["value"] == "Lee"


async def test_a_segment_that_was_named_then_and_is_deleted_since_breaks_the_past_alone(
    world: World, people: list[UUID], asked_as: As
) -> None:
    inner = await world.make(named("Kim"))
    segment = await world.make(of(inner))
    world.now = NOON + MINUTE
    await world.commands.change(KIM, segment, None, named("Kim"))
    await world.commands.delete(KIM, inner)
    world.past.known[people[0], at(0)] = doc("Kim")
    me = asked_as()
    refused = await answer(me, "POST", f"/{segment}/explain", {"contactId": str(people[0]), "at": to_wire(at(0))})
    assert (refused.status_code, refused.json()["code"]) == (409, "segmentBroken")
    assert refused.json()["detail"] == "The filters of that instant can't be read any more. There is no such segment."
    assert (await answer(me, "POST", f"/{segment}/explain", {"contactId": str(people[0])})).json()["truth"] is True


async def test_who_was_hidden_at_an_instant_was_in_nothing_then(world: World, people: list[UUID], asked_as: As) -> None:
    segment = await world.make(named("Kim"))
    world.past.known[people[0], at(0)] = {**doc("Kim"), "hidden": True}
    body = {"contactId": str(people[0]), "at": to_wire(at(0))}
    refused = await answer(asked_as(), "POST", f"/{segment}/explain", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "contactHidden")
    assert "at that instant" in refused.json()["detail"]


class Watched(dict[str, Any]):
    """A contact that notes on which threads its name is read."""

    def __init__(self, shown: dict[str, Any]) -> None:
        super().__init__(shown)
        self.threads: set[int] = set()

    def __getitem__(self, key: str) -> Any:
        return self.get(key)

    def get(self, key: str, default: Any = None) -> Any:
        if key == "name":
            self.threads.add(get_ident())
        return super().get(key, default)


async def test_others_have_their_answers_while_a_long_filter_is_explained(world: World, people: list[UUID], asked_as: As) -> None:
    segment = await world.make({"and": [named("Kim"), seen_within(5)]})
    shown = Watched(doc("Kim", NOON - 9))
    world.past.known[people[0], at(0)] = shown
    body = {"contactId": str(people[0]), "at": to_wire(at(0))}
    assert (await answer(asked_as(), "POST", f"/{segment}/explain", body)).json()["truth"] is True
    assert shown.threads
    assert get_ident() not in shown.threads


_OTHERS = (
    """
    insert into segment (
        channel, id, name, filter, definition_version, status, build, since_ms, version, created_at, created_by, whole
    )
    select s.channel, gen_random_uuid(), s.name, s.filter, 1, 'live', 1, s.since_ms, 1, s.created_at, s.created_by, true
    from segment s, generate_series(1, 3000) where s.id = $1
    """,
    """
    insert into definition (channel, segment_id, version, definition_version, at, by, name, filter)
    select s.channel, s.id, 1, 1, s.created_at, s.created_by, s.name, s.filter from segment s where s.id <> $1
    """,
)


async def test_what_it_costs_does_not_depend_on_the_other_segments_of_the_channel(
    world: World, people: list[UUID], asked_as: As
) -> None:
    segment = await world.make({"and": [named(name) for name in "abcdefgh"]})
    world.past.known[people[0], at(0)] = doc("Kim")

    async def processor_seconds() -> float:
        began = time.process_time()
        for _ in range(10):
            for asked in ({}, {"at": to_wire(at(0))}):
                told = await answer(asked_as(), "POST", f"/{segment}/explain", {"contactId": str(people[0]), **asked})
                assert told.status_code == 200
        return time.process_time() - began

    await processor_seconds()
    before = await processor_seconds()
    async with world.database.connection() as connection:
        for statement in _OTHERS:
            await connection.execute(statement, segment)
    assert await processor_seconds() < 2.5 * before
