"""Everybody at once on the real PostgreSQL: readers, timers, builders and a manager, and at the end it all adds up."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.filters import Context, evaluate, parse
from common.ids import new_id
from common.topics import CONTACTS
from segments.changes.bookmark import Bookmark
from segments.consumer import Judge
from tests.segments.support import MINUTE, NOON, doc, named, seen_within
from tests.segments.world import CHANNEL, KIM, World

FILTERS: list[dict[str, Any]] = [
    named("Kim"), seen_within(3), {"not": seen_within(2)}, {"and": [named("Kim"), seen_within(4)]}, {"and": []},
]  # fmt: skip
ROUNDS = 25


class Crowd:
    """The newest state of every contact, as each reader's own partition tells it."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self.world = world
        self.chance = chance
        self.newest: dict[UUID, tuple[int, dict[str, Any] | None]] = {}

    async def read(self, partition: int) -> None:
        """One consumer's life: batches of new versions, some of them delivered twice, some tombstones."""
        judge = Judge(self.world.database, self.world.clock, new_id)
        await judge.positions([(CONTACTS, partition)])
        mine = [uuid4() for _ in range(40)]
        for _ in range(ROUNDS):
            self.world.now += self.chance.randrange(1, 10_000)
            records = [self._next(one, partition) for one in self.chance.sample(mine, 15)]
            await self.world.tell(*records, judge=judge)
            await self.world.tell(*records[:3], judge=judge)

    def _next(self, one: UUID, partition: int) -> Any:
        version = self.newest.get(one, (0, None))[0] + 1
        at = self.world.now - self.chance.choice([0, 0, 5, 3 * MINUTE])
        if self.chance.randrange(15) == 0:
            self.newest[one] = version, None
            return self.world.contact(one, version, at, hidden=True, partition=partition)
        name, seen = self.chance.choice(["Kim", "Lee"]), at - self.chance.randrange(3 * MINUTE)
        self.newest[one] = version, doc(name, seen)
        return self.world.contact(one, version, at, name=name, seen=seen, partition=partition)


async def until(done: asyncio.Event, work: Callable[[], Awaitable[object]]) -> None:
    while not done.is_set():
        await work()
        await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(3))
async def test_readers_timers_builders_and_a_manager_at_once_leave_one_truth(world: World, seed: int) -> None:
    chance = random.Random(seed)
    crowd, done = Crowd(world, chance), asyncio.Event()
    segments = [await world.make(chance.choice(FILTERS), built=False) for _ in range(3)]
    over_it = await world.make({"not": {"key": "segment", "operator": "in", "values": [str(segments[0])]}}, built=False)
    followed: list[int] = []

    async def manage() -> None:
        await world.commands.change(KIM, chance.choice(segments), None, chance.choice(FILTERS))

    async def follow() -> None:
        after = followed[-1] if followed else 0
        followed.extend(c.position for c in (await world.log.following(CHANNEL, segments[0], Bookmark(after), 50)).items)

    helpers = [
        asyncio.create_task(until(done, work))
        for work in (
            world.timer().fire, world.timer().fire, world.builder(7).advance, world.builder(11).advance, manage, follow,
        )
    ]  # fmt: skip
    try:
        await asyncio.gather(*(crowd.read(partition) for partition in range(2)))
    finally:
        done.set()
        await asyncio.gather(*helpers)

    await world.build()
    await world.tick(NOON + 60 * MINUTE)
    # A reader who pages by position while all of that goes on misses nothing, and sees nothing out of order.
    await follow_to_the_end(world, segments[0], followed)
    for segment in (*segments, over_it):
        shown = await world.shown(segment)
        assert shown.status == "live"
        await world.check(segment)
    filters = [parse((await world.shown(segment)).filter, Context()) for segment in segments]
    there = {one: state for one, (_, state) in crowd.newest.items() if state is not None}
    for segment, node in zip(segments, filters, strict=True):
        assert await world.members(segment) == {one for one, state in there.items() if evaluate(node, state, world.now).truth}
    assert await world.members(over_it) == there.keys() - await world.members(segments[0])


async def follow_to_the_end(world: World, segment: UUID, followed: list[int]) -> None:
    after = followed[-1] if followed else 0
    followed.extend(c.position for c in (await world.log.following(CHANNEL, segment, Bookmark(after), 1_000_000)).items)
    assert followed == list(range(1, len(followed) + 1))
