"""Membership held against what search finds: differences are reported, what only passes is not, and one sweeps at a time."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Unavailable, Unprocessable
from common.telemetry import REGISTRY
from common.topics import CONTACTS
from segments.sweep import MOST_DIFFERENCES, Sweeper, compare
from tests.segments.support import NOON, named
from tests.segments.world import World

IDS = st.sets(st.integers(0, 30).map(lambda n: UUID(int=n)))


async def each(ids: Iterable[UUID]) -> AsyncIterator[UUID]:
    for one in ids:
        yield one


@given(IDS, IDS)
def test_comparing_two_streams_is_comparing_two_sets(members: set[UUID], found: set[UUID]) -> None:
    differing = asyncio.run(compare(each(sorted(members)), each(sorted(found))))
    assert differing == dict.fromkeys(members - found, "surplus") | dict.fromkeys(found - members, "missing")


def test_where_nearly_everybody_differs_only_so_many_are_looked_for_and_no_more_is_read() -> None:
    read = 0

    async def everybody() -> AsyncIterator[UUID]:
        nonlocal read
        for n in range(1_000_000):
            read += 1
            yield UUID(int=n)

    differing = asyncio.run(compare(everybody(), each([UUID(int=7)])))
    assert (len(differing), UUID(int=7) in differing) == (MOST_DIFFERENCES, False)
    assert read <= MOST_DIFFERENCES + 2


class Index:
    """Search as the sweep asks it, over sets of ids: a look takes the next set, the last one stays."""

    def __init__(self, *looks: set[UUID], away: bool = False) -> None:
        self.looks = list(looks)
        self.away = away

    async def found(self, _: str, __: UUID) -> AsyncGenerator[UUID, None]:
        if self.away:
            raise Unavailable("search does not answer")
        look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        for one in sorted(look):
            yield one


@pytest.fixture
async def kims(world: World) -> set[UUID]:
    await world.judge.positions([(CONTACTS, 0)])
    made = {uuid4() for _ in range(5)}
    await world.tell(*(world.contact(c, 1, NOON, name="Kim") for c in made))
    return made


async def test_what_agrees_is_no_difference(world: World, kims: set[UUID]) -> None:
    await world.make(named("Kim"))
    report = await Sweeper(world.database, world.verifier(), Index(kims).found, settle=0).sweep()
    assert report is not None
    assert (report.swept, report.differences) == (1, {})
    assert REGISTRY.get_sample_value("dangol_segments_swept") == 1


async def test_every_difference_is_reported_by_segment_and_counted(world: World, kims: set[UUID]) -> None:
    segment = await world.make(named("Kim"))
    surplus, missing = min(kims), uuid4()
    report = await Sweeper(world.database, world.verifier(), Index((kims - {surplus}) | {missing}).found, settle=0).sweep()
    assert report is not None
    assert report.differences == {segment: {surplus: "surplus", missing: "missing"}}
    assert (report.counts["missing"], report.counts["surplus"]) == (1, 1)
    for kind in ("missing", "surplus"):
        assert REGISTRY.get_sample_value("dangol_segment_differences", {"kind": kind}) == 1


async def test_a_difference_that_passes_is_one_sides_pace_and_not_reported(world: World, kims: set[UUID]) -> None:
    await world.make(named("Kim"))
    one = min(kims)
    for passing in (Index(kims - {one}, kims), Index(kims - {one}, kims | {uuid4()}), Index(kims | {uuid4()}, kims - {one})):
        report = await Sweeper(world.database, world.verifier(), passing.found, settle=0).sweep()
        assert report is not None
        assert report.differences == {}


async def test_segments_that_are_not_live_are_left_out(world: World, kims: set[UUID]) -> None:
    await world.make(named("Kim"), built=False)
    report = await Sweeper(world.database, world.verifier(), Index(set()).found, settle=0).sweep()
    assert report is not None
    assert (report.swept, report.differences) == (0, {})


async def test_a_segment_that_search_refuses_is_left_out_and_the_others_are_compared(world: World, kims: set[UUID]) -> None:
    refused, segment = await world.make(named("Kim")), await world.make(named("Kim"))
    missing = uuid4()

    async def found(_: str, asked: UUID) -> AsyncGenerator[UUID, None]:
        if asked == refused:
            raise Unprocessable("It is broken.", code="brokenSegment")
        for one in sorted({*kims, missing}):
            yield one

    report = await Sweeper(world.database, world.verifier(), found, settle=0).sweep()
    assert report is not None
    assert (report.swept, report.differences) == (1, {segment: {missing: "missing"}})


async def test_one_sweeps_at_a_time(world: World, kims: set[UUID]) -> None:
    await world.make(named("Kim"))
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(_: str, __: UUID) -> AsyncGenerator[UUID, None]:
        asked.set()
        await go_on.wait()
        for one in sorted(kims):
            yield one

    first = asyncio.create_task(Sweeper(world.database, world.verifier(), slowly, settle=0).sweep())
    await asked.wait()
    assert await Sweeper(world.database, world.verifier(), Index(kims).found, settle=0).sweep() is None
    go_on.set()
    report = await first
    assert report is not None
    assert report.swept == 1
    assert await Sweeper(world.database, world.verifier(), Index(kims).found, settle=0).sweep() is not None


async def test_the_loop_outlives_a_search_that_is_away_and_stops_when_told(world: World, kims: set[UUID]) -> None:
    await world.make(named("Kim"))
    stop = asyncio.Event()
    asked = 0

    async def away(_: str, __: UUID) -> AsyncGenerator[UUID, None]:
        nonlocal asked
        asked += 1
        if asked == 3:
            stop.set()
        raise Unavailable("search does not answer")
        yield uuid4()

    async with asyncio.timeout(20):
        await Sweeper(world.database, world.verifier(), away, settle=0).run(stop, every=0.01)
    assert asked == 3
