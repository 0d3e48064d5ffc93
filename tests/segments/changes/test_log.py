"""A segment's log on the real PostgreSQL: read both ways, shortened to a snapshot, followed through all of that."""

import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from common.clock import from_millis, to_wire
from common.errors import NotFound
from common.topics import CONTACTS, FIELDS
from segments.changes.bookmark import Bookmark, read, write
from segments.changes.keeper import Keeper
from segments.changes.queries import ChangesGone, ChangeView
from segments.changes.stream import follow
from tests.segments.conftest import As, answer
from tests.segments.support import MINUTE, NOON, named, seen_within
from tests.segments.world import CHANNEL, KIM, World

DAY = 24 * 60 * MINUTE
DAYS = 90


def keeper(world: World, batch: int = 2000) -> Keeper:
    return Keeper(world.database, world.clock, days=DAYS, batch=batch)


async def shorten(world: World, batch: int = 2000) -> None:
    while await keeper(world, batch).keep():
        pass


@dataclass
class Follower:
    """Who keeps a bookmark and the set of who is in, and starts over when told to."""

    world: World
    segment: UUID
    page: int
    place: int = 0
    inside: set[UUID] = field(default_factory=set)
    begun: int = 1

    async def read(self, pages: int) -> None:
        """Some pages."""
        for _ in range(pages):
            try:
                page = await self.world.log.following(CHANNEL, self.segment, read(self.place), self.page)
            except ChangesGone:
                self.place, self.inside, self.begun = 0, set(), self.begun + 1
                continue
            self.fold(page.items)
            self.place = write(page.next)

    def fold(self, changes: Sequence[ChangeView]) -> None:
        """Each change turns what was: entered and left alternate."""
        for change in changes:
            assert (change.contact_id in self.inside) == (change.change == "left"), change
            self.inside ^= {change.contact_id}


@pytest.mark.parametrize("seed", range(3))
async def test_whoever_follows_a_log_that_is_shortened_has_the_members_or_is_told_to_start_over(world: World, seed: int) -> None:
    chance = random.Random(seed)
    await world.judge.positions([(CONTACTS, 0), (FIELDS, 0)])
    segment = await world.make({"or": [named("Kim"), seen_within(60)]})
    people, version = [uuid4() for _ in range(12)], count(1)
    followers = [Follower(world, segment, page) for page in (1, 2, 3, 5, 100)]
    for _ in range(40):
        world.now += chance.choice([MINUTE, 2 * 60 * MINUTE, 11 * DAY, 40 * DAY])
        told = []
        for one in chance.sample(people, 4):
            at, seen = world.now, world.now if chance.random() < 0.4 else None
            if chance.random() < 0.03:
                told.append(world.erased(one, next(version), at))
                people[people.index(one)] = uuid4()
            else:
                told.append(world.contact(one, next(version), at, name=chance.choice(["Kim", "Lee"]), seen=seen))
        await world.tell(*told)
        await world.tick()
        for _ in range(chance.randrange(3)):
            await keeper(world, batch=chance.choice([1, 3, 7])).keep()
        for follower in chance.sample(followers, 2):
            await follower.read(chance.randrange(1, 9))
        fresh = Follower(world, segment, chance.choice([1, 2, 100]))
        await fresh.read(100)
        assert (fresh.inside, fresh.begun) == (await world.members(segment), 1)
    for follower in followers:
        await follower.read(200)
        assert follower.inside == await world.members(segment)
    assert max(follower.begun for follower in followers) > 1
    await shorten(world)
    floor = await world.value("select floor from log_floor")
    log = await world.changes(segment)
    old = [c for c in log if c.position <= floor]
    assert {(c.change, c.cause) for c in old} <= {("entered", "definition")}
    assert len(old) == len({c.contact_id for c in old}) < len(log)


async def months(world: World) -> tuple[UUID, list[UUID]]:
    """A segment with five members at first, of whom one leaves after 10 days, one after 100; a sixth enters after 120."""
    await world.judge.positions([(CONTACTS, 0), (FIELDS, 0)])
    people = sorted(uuid4() for _ in range(6))
    await world.tell(*(world.contact(one, 1, NOON - 9, name="Kim") for one in people[:5]))
    segment = await world.make(named("Kim"))
    for days, one, name in ((10, 0, "Lee"), (100, 1, "Lee"), (120, 5, "Kim")):
        world.now = NOON + days * DAY
        await world.tell(world.contact(people[one], 2, world.now, name=name))
    return segment, people


async def test_the_beginning_is_a_snapshot_of_who_was_in(world: World, asked_as: As) -> None:
    segment, people = await months(world)
    before = await world.changes(segment)
    world.now = NOON + 105 * DAY
    await shorten(world)
    log = await world.changes(segment)
    assert [(c.contact_id, c.change, c.cause) for c in log] == [
        *((one, "entered", "definition") for one in people[1:5]), (people[1], "left", "event"), (people[5], "entered", "event"),
    ]  # fmt: skip
    assert {(c.position, c.at) for c in log} < {(c.position, c.at) for c in before}
    world.now = NOON + 195 * DAY
    await shorten(world)
    assert [c.contact_id for c in await world.changes(segment)] == [*people[2:5], people[5]]
    shown = await world.shown(segment)
    assert shown.count == 4
    await world.tell(world.contact(people[2], 2, world.now, name="Lee"))
    told = (await answer(asked_as(), "GET", f"/{segment}/changes?limit=3")).json()
    assert [(c["position"] > 0, c["cause"]) for c in told["items"]] == [(True, "definition")] * 3
    assert told["next"] < 0
    rest = (await answer(asked_as(), "GET", f"/{segment}/changes?after={told['next']}")).json()
    assert [(c["position"], c["change"]) for c in rest["items"]] == [(8, "entered"), (9, "left")]
    assert rest["next"] == 9
    await world.commands.delete(KIM, segment)
    assert await world.value("select count(*) from log_floor") == 0


async def test_what_is_not_kept_is_never_told_by_a_part(world: World, asked_as: As) -> None:
    segment, _ = await months(world)
    me = asked_as()
    day = from_millis(NOON + 100 * DAY)
    asked = [
        (f"/{segment}/members?at={to_wire(from_millis(NOON + days * DAY))}", days) for days in (0, 9, 14, 15, 16, 99, 100, 120)
    ]  # fmt: skip
    whole = {path: (await answer(me, "GET", path)).json() for path, _ in asked}
    counts = f"/{segment}/counts?step=day&from={to_wire(day)}"
    counted = (await answer(me, "GET", counts)).json()
    world.now = NOON + 105 * DAY + 60 * MINUTE  # what is older than the beginning of the 15th day goes
    await shorten(world)
    for path, days in asked[:7]:
        found = await answer(me, "GET", path)
        if days < 15:
            assert (found.status_code, found.json()["code"]) == (410, "notKept"), path
            assert found.json()["keptFrom"] == to_wire(from_millis(NOON // DAY * DAY + 15 * DAY))
        else:
            assert found.json() == whole[path]
    refused = await answer(me, "GET", f"/{segment}/counts?from={to_wire(from_millis(NOON + 9 * DAY))}")
    assert (refused.status_code, refused.json()["code"]) == (410, "notKept")
    assert (await answer(me, "GET", f"{counts}&to={to_wire(from_millis(NOON + 101 * DAY))}")).json()["items"] == counted["items"][
        :2
    ]
    weeks = (await answer(me, "GET", f"/{segment}/counts?step=week")).json()["items"]
    assert 10 < len(weeks) < 14
    assert weeks[0]["size"] == 4
    for after in (1, 5):
        gone = await answer(me, "GET", f"/{segment}/changes?after={after}")
        assert (gone.status_code, gone.json()["code"]) == (410, "changesGone")
    assert (await answer(me, "GET", f"/{segment}/changes?after=6")).json()["items"][0]["position"] == 7


async def test_pages_lead_both_ways(world: World, people: list[UUID], asked_as: As) -> None:
    segment = await world.make(named("Kim"))
    me = asked_as()

    async def page(query: str) -> tuple[list[int], int, int | None]:
        told = (await answer(me, "GET", f"/{segment}/changes?{query}")).json()
        return [c["position"] for c in told["items"]], told["next"], told["previous"]

    assert await page("limit=2") == ([1, 2], 2, None)
    assert await page("after=2&limit=2") == ([3, 4], 4, 3)
    assert await page("after=5") == ([], 5, 6)
    assert await page("before=6&limit=2") == ([4, 5], 5, 4)
    assert await page("before=latest&limit=2") == ([4, 5], 5, 4)
    assert await page("before=4&limit=2") == ([2, 3], 3, 2)
    assert await page("before=2&limit=2") == ([1], 1, None)
    assert await page("before=1") == ([], 0, None)
    assert await page(f"before={2**63 - 1}") == ([1, 2, 3, 4, 5], 5, None)
    for wrong in ("x", "-1", "1" * 20, str(2**63), ""):
        told = (await answer(me, "GET", f"/{segment}/changes?before={wrong}")).json()
        assert (told["code"], told["parameter"]) == ("invalid", "before"), wrong
    for wrong in ("after=1&before=2", "before=x", "before=-1", f"before={2**63}", "after=-1", f"after={-(2**60)}", "before="):
        refused = await answer(me, "GET", f"/{segment}/changes?{wrong}")
        assert refused.status_code == 422, wrong
    refused = await answer(me, "GET", f"/{segment}/changes?before=2", Accept="text/event-stream")
    assert (refused.status_code, refused.json()["code"]) == (422, "notTogether")
    empty = await world.make(named("Nobody"))
    assert (await answer(me, "GET", f"/{empty}/changes")).json() == {"items": [], "next": 0, "previous": None}


async def test_a_place_to_which_the_log_has_not_come_is_refused(world: World, people: list[UUID], asked_as: As) -> None:
    segment, other = await world.make(named("Kim")), await world.make(named("Lee"))
    me = asked_as()
    of_the_one = (await answer(me, "GET", f"/{segment}/changes")).json()["next"]
    assert (await answer(me, "GET", f"/{segment}/changes?after={of_the_one}")).json()["items"] == []
    for name, after in ((other, of_the_one), (segment, 6), (segment, 2**63 - 1)):
        refused = await answer(me, "GET", f"/{name}/changes?after={after}")
        assert (refused.status_code, refused.json()["code"]) == (422, "beyondEnd")
        assert refused.json()["last"] == (0 if name == other else 5)
    streamed = {"Accept": "text/event-stream", "Last-Event-ID": "6"}
    assert (await answer(me, "GET", f"/{segment}/changes", **streamed)).json()["code"] == "beyondEnd"
    # A log that was never shortened has no snapshot to stand in.
    within = write(Bookmark(2, 0))
    assert (await answer(me, "GET", f"/{segment}/changes?after={within}")).json()["code"] == "changesGone"


def heard(lines: Sequence[bytes]) -> list[tuple[str, str, Any]]:
    """Id, kind and data of events."""
    told: list[tuple[str, str, Any]] = []
    for event in lines:
        fields = dict(line.split(": ", 1) for line in event.decode().splitlines() if line and not line.startswith(":"))
        if fields:
            told.append((fields.get("id", ""), fields.get("event", ""), orjson.loads(fields.get("data", "null"))))
    return told


async def listen(world: World, segment: UUID, begin: int = 0) -> AsyncIterator[list[tuple[str, str, Any]]]:
    """What is heard up to each look."""
    looks = count()
    batch: list[bytes] = []
    stream = follow(lambda: next(looks) < 60, world.log, CHANNEL, segment, read(begin), lambda view: orjson.dumps(view.position))
    async for event in stream:
        batch.append(event)
        yield heard(batch)


async def until(world: World, segment: UUID, number: int, begin: int = 0) -> list[tuple[str, str, Any]]:
    """The first so many events."""
    async for told in listen(world, segment, begin):
        if len(told) >= number:
            return told
    raise AssertionError("the stream has ended")


async def test_a_stream_over_a_snapshot_resumes_within_it_and_comes_to_firm_ground(world: World) -> None:
    segment, people = await months(world)
    await world.tell(world.contact(people[5], 3, world.now + MINUTE, name="Lee"))
    world.now = NOON + 215 * DAY
    await shorten(world)
    whole = await until(world, segment, 4)
    assert [(kind, data) for _, kind, data in whole] == [*[("entered", n) for n in (3, 4, 5)], ("", None)]
    assert whole[-1][0] == "9"  # the place alone: behind that of the last event nothing but who is gone
    assert int(whole[0][0]) < int(whole[1][0]) < 0
    resumed = await until(world, segment, 2, begin=int(whole[1][0]))
    assert resumed == whole[2:]


async def test_a_stream_ends_with_the_word_that_the_segment_is_deleted_or_that_too_much_is_gone(world: World) -> None:
    segment, people = await months(world)
    world.now = NOON + 130 * DAY
    ended = None
    async for told in listen(world, segment, begin=8):
        if ended is None:
            await world.tell(world.contact(people[2], 2, world.now, name="Lee"))
            await world.commands.delete(KIM, segment)
        ended = told
    assert ended == [("", "deleted", {"segmentId": str(segment)})]
    with pytest.raises(NotFound):
        await world.log.following(CHANNEL, segment, Bookmark(0), 1)


async def test_a_stream_that_fell_behind_what_is_kept_is_told_to_start_over(world: World) -> None:
    segment, _ = await months(world)
    await shorten(world)
    world.now = NOON + 105 * DAY
    ended = None
    async for told in listen(world, segment, begin=1):
        ended = told
    assert ended is not None
    assert [(kind, data["code"]) for _, kind, data in ended] == [("gone", "changesGone")]
