"""The loop is never held for long, however many segments a channel has: not by a batch, nor by a definition that is exchanged."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

from common.ids import new_id
from common.process import collect_seldom
from common.topics import CONTACTS, FIELDS
from localstack.stack import Stack
from tests.segments.support import NOON
from tests.segments.world import CHANNEL, World
from tests.support.postgres import fresh_database

SEGMENTS = 9_999  # one more is made
MOST_SECONDS = 0.05
ROUNDS = 3

FILL = """
with made as (
    insert into segment (
        channel, id, name, filter, definition_version, status, build, since_ms, version, whole, created_at, created_by, revision
    )
    select $1, id, 's', jsonb_build_object('and', jsonb_build_array(
        jsonb_build_object('key', 'name', 'operator', 'eq', 'values', jsonb_build_array('N' || n % 97)),
        jsonb_build_object('key', 'sessionsCount', 'operator', 'gte', 'values', jsonb_build_array(n % 200)),
        jsonb_build_object('key', 'tags', 'operator', 'hasAny', 'values', jsonb_build_array('T' || n % 500, 'all'))
    )), 1, 'live', 1, 0, 1, true, now(), 'kim', 1
    from unnest($2::uuid[]) with ordinality as s (id, n) returning channel, id
)
insert into tally (channel, segment_id) select channel, id from made
"""


@asynccontextmanager
async def longest_pause() -> AsyncIterator[list[float]]:
    """A list of one figure: the seconds of processor that were worked at a stretch before the loop came round again.

    By this thread, or by any that looked for circles of garbage, for then nobody else gets on.
    """
    longest = [0.0]
    began = [0.0]

    def collecting(phase: str, _: object) -> None:
        if phase == "start":
            began[0] = time.thread_time()
        else:
            longest[0] = max(longest[0], time.thread_time() - began[0])

    async def watch() -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0.001)
            now = time.thread_time()
            longest[0], last = max(longest[0], now - last), now

    before = gc.get_threshold()
    collect_seldom()
    gc.callbacks.append(collecting)
    watching = asyncio.create_task(watch())
    try:
        yield longest
    finally:
        watching.cancel()
        gc.callbacks.remove(collecting)
        gc.unfreeze()
        gc.set_threshold(*before)


async def _pauses(world: World) -> dict[str, float]:
    """The longest pause of each step, in seconds of the processor."""
    await world.judge.positions([(CONTACTS, 0), (FIELDS, 0)])
    async with world.database.transaction() as tx:
        await tx.execute(FILL, CHANNEL, [new_id() for _ in range(SEGMENTS)])
        await tx.execute("insert into channel (channel, revision) values ($1, 1)", CHANNEL)
    people = [uuid4() for _ in range(64)]
    pauses: dict[str, float] = {}
    steps: dict[str, Callable[[], Awaitable[object]]] = {
        "the first batch, for which all are read": lambda: world.tell(world.contact(people[0], 1, NOON, name="Kim")),
        "a batch in which everybody enters a hundred": lambda: world.tell(
            *(world.contact(p, 2, NOON + 1, name="N5", tags=["all"], sessions_count=400) for p in people)
        ),
        "a definition that changes": lambda: world.make({"key": "name", "operator": "eq", "values": ["N5"]}),
        "the batch after it, in which all leave": lambda: world.tell(
            *(world.contact(p, 3, NOON + 2, name="Lee") for p in people)
        ),
        "a field that is made": lambda: world.tell(world.field("grade", "String", 1)),
    }
    async with longest_pause() as longest:
        for step, work in steps.items():
            longest[0] = 0.0
            await work()
            pauses[step] = longest[0]
    assert await world.value("select count(*) from change") > 2 * 64 * 90
    return pauses


async def test_nothing_holds_the_loop_for_long_in_a_channel_of_ten_thousand_segments(servers: Stack) -> None:
    least: dict[str, float] = {}
    # What holds the loop by its code does so each time. On a machine that does other things as well, whose processor is slower
    # then, twice the time passes now and then: so the shortest of some rounds counts, and one is enough where it is short.
    for _ in range(ROUNDS):
        async with fresh_database(servers.postgres_dsn(None), ["common", "segments"]) as database:
            found = await _pauses(World(database))
        least = {step: min(seconds, least.get(step, seconds)) for step, seconds in found.items()}
        if max(least.values()) <= MOST_SECONDS:
            break
    assert max(least.values()) <= MOST_SECONDS, least
