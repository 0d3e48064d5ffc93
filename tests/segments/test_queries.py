"""What is read of segments on the real PostgreSQL."""

from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

from segments.changes.queries import COUNTS
from tests.segments.support import NOON, named
from tests.segments.world import CHANNEL, World


def of(segment: UUID | str, key: str = "segment") -> dict[str, Any]:
    return {"key": key, "operator": "in", "values": [str(segment)]}


async def test_segments_are_read_with_all_that_they_refer_to_and_no_others(world: World) -> None:
    inner = await world.make(named("Kim"), "inner")
    middle = await world.make(
        {"and": [{"not": of(str(inner).upper())}, {"or": [of(inner, "user.segment"), named("Lee")]}]}, "middle"
    )
    outer = await world.make({"or": [of(middle), {"key": "name", "operator": "in", "values": [str(inner), "x"]}]}, "outer")
    texts = await world.make({"key": "name", "operator": "in", "values": [str(inner)]}, "texts")
    alone = await world.make({"and": []}, "alone")

    async def read(*ids: UUID) -> list[str]:
        return [view.name for view in await world.queries.with_referred(CHANNEL, ids)]

    assert await read(outer) == ["inner", "middle", "outer"]
    assert await read(middle, alone) == ["inner", "middle", "alone"]
    assert await read(texts) == ["texts"]
    assert await read(uuid4()) == await read() == []
    assert await read(inner, uuid4()) == ["inner"]
    assert await world.queries.with_referred("other", [outer]) == []


async def test_counts_read_the_log_of_the_steps_alone(world: World) -> None:
    segment, other = await world.make(named("Kim")), await world.make(named("Lee"))
    async with world.database.transaction() as tx:
        for each in (segment, other):
            await tx.execute(
                "insert into change select $1, $2, n, gen_random_uuid(), case when n % 3 = 0 then 'left' else 'entered' end,"
                " 'event', $3::bigint + n * 1000, 1 from generate_series(1, 50000) n", CHANNEL, each, NOON,
            )  # fmt: skip
            await tx.execute(
                "update tally set members = $3 where channel = $1 and segment_id = $2", CHANNEL, each, 50_000 - 2 * 16_666
            )
        await tx.execute("analyze change")
    edges = [NOON + n * 60_000 for n in range(780, 831)]
    found = await world.log.counts(CHANNEL, segment, "minute", edges[0], edges[-1])
    left = [n for n in range(1, 50_001) if n % 3 == 0]
    for view, (begin, end) in zip(found, pairwise(edges), strict=True):
        within = [n for n in range(1, 50_001) if begin <= NOON + n * 1000 < end]
        until = [n for n in range(1, 50_001) if NOON + n * 1000 < end]
        gone = len({*left} & {*within})
        assert (view.at, view.left, view.entered) == (begin, gone, len(within) - gone)
        assert view.size == len(until) - 2 * len({*left} & {*until})
    async with world.database.connection() as connection:
        plan = "\n".join(r[0] for r in await connection.fetch(f"explain (analyze) {COUNTS}", CHANNEL, segment, edges))
    assert "change_by_instant" in plan
    assert "Seq Scan on change" not in plan
