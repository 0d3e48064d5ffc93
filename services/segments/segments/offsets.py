"""Where each partition goes on: written in the transaction that holds the effect, so it is the truth, and the fence too."""

from collections.abc import Sequence
from dataclasses import dataclass

from common.postgres import Tx


class Fenced(Exception):
    """Another process has applied this partition meanwhile: whoever sees this no longer owns it, and must start anew."""


@dataclass(frozen=True, slots=True)
class Move:
    """A partition's next offset, from what this process believes it to be to what it is after its batch."""

    topic: str
    partition: int
    expected: int
    next: int


_BEGIN_OFFSETS = """
insert into consumer_offset (topic, partition, next_offset) select *, 0 from unnest($1::text[], $2::integer[])
on conflict do nothing
"""
_OFFSETS = """
select o.topic, o.partition, o.next_offset from consumer_offset o
join unnest($1::text[], $2::integer[]) as p (topic, partition) using (topic, partition)
"""
_ALL_OFFSETS = "select topic, partition, next_offset from consumer_offset"
_TOTAL = "select coalesce(sum(next_offset), 0) from consumer_offset"
_MOVE = """
update consumer_offset o set next_offset = m.next
from unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[]) as m (topic, partition, expected, next)
where o.topic = m.topic and o.partition = m.partition and o.next_offset = m.expected
returning 1
"""


async def offsets(tx: Tx, pairs: Sequence[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """The next offset of each (topic, partition); 0 for one never read: the store is the truth, and an empty one begins anew."""
    columns = [topic for topic, _ in pairs], [partition for _, partition in pairs]
    await tx.execute(_BEGIN_OFFSETS, *columns)
    return {(r["topic"], r["partition"]): r["next_offset"] for r in await tx.fetch(_OFFSETS, *columns)}


async def all_offsets(tx: Tx) -> dict[tuple[str, int], int]:
    """The next offset of every partition that was ever read."""
    return {(r["topic"], r["partition"]): r["next_offset"] for r in await tx.fetch(_ALL_OFFSETS)}


async def total(tx: Tx) -> int:
    """How far all partitions are together: where it has moved, messages arrive."""
    return int(await tx.fetchval(_TOTAL))


async def move(tx: Tx, moves: Sequence[Move]) -> None:
    """Record the offsets. Raises Fenced where one is not what was expected; the caller's transaction is then void."""
    moved = await tx.fetch(
        _MOVE, [m.topic for m in moves], [m.partition for m in moves], [m.expected for m in moves], [m.next for m in moves]
    )
    if len(moved) != len(moves):
        raise Fenced(f"{len(moves) - len(moved)} of {len(moves)} partitions were read by another process meanwhile")
