"""Keeps each segment's log for so many days: what is older becomes a snapshot of who is in, by small steps."""

import asyncio
from datetime import timedelta
from uuid import UUID

from common.clock import Clock, to_millis
from common.loop import repeat
from common.postgres import Database, Tx
from common.telemetry import log
from segments import definition_store as definitions

_EVERY_SECONDS = 600.0
_BATCH = 2000
_AT_ONCE = 100
_DAY_MS = 24 * 60 * 60 * 1000

_WITH_OLD = """
select s.channel, s.id from segment s left join log_floor f on f.channel = s.channel and f.segment_id = s.id
cross join lateral (
    select at_ms from change c where c.channel = s.channel and c.segment_id = s.id and c.position > coalesce(f.floor, 0)
    order by c.position limit 1
) as next where next.at_ms < $1 order by s.channel, s.id limit $2
"""
_MAKE_FLOOR = """
insert into log_floor (channel, segment_id, kept_ms)
select channel, id, $3 from segment where channel = $1 and id = $2 on conflict do nothing
"""
_FLOOR = "select floor from log_floor where channel = $1 and segment_id = $2 for update skip locked"
# Up to before the first that is young enough: positions are in the order of telling, instants nearly so.
_REACHED = """
select coalesce(min(position) filter (where at_ms >= $4) - 1, max(position)) from (
    select position, at_ms from change where channel = $1 and segment_id = $2 and position > $3 order by position limit $5
) as oldest
"""
# Whoever has left by then has entered before: that goes with it. What remains is the last `entered` of each who was in.
_DROP = """
delete from change c using (
    select contact_id, max(position) as position from change
    where channel = $1 and segment_id = $2 and position > $3 and position <= $4 and change = 'left' group by contact_id
) as gone
where c.channel = $1 and c.segment_id = $2 and c.contact_id = gone.contact_id and c.position <= gone.position
"""
_FREEZE = """
update change set cause = 'definition'
where channel = $1 and segment_id = $2 and position > $3 and position <= $4 and cause <> 'definition'
"""
_MOVE_FLOOR = """
update log_floor set floor = $3, snapshot = snapshot + 1, kept_ms = greatest(kept_ms, $4) where channel = $1 and segment_id = $2
"""


class Keeper:
    """A loop; any number may run."""

    def __init__(self, database: Database, clock: Clock, *, days: int, batch: int = _BATCH) -> None:
        self._database = database
        self._clock = clock
        self._days = timedelta(days=days)
        self._batch = batch

    async def run(self, stop: asyncio.Event) -> None:
        """Look every ten minutes, until told to stop."""
        await repeat(self.keep, stop, every=_EVERY_SECONDS, name="retention")

    async def keep(self) -> bool:
        """One step of each of some segments that have something too old; answers whether there may be more. Raises Unavailable.

        Days end as UTC's do, so that a snapshot stands for a day, and whoever reads it has that long.
        """
        oldest = to_millis(self._clock.now() - self._days) // _DAY_MS * _DAY_MS
        async with self._database.connection() as connection:
            found = [(r["channel"], r["id"]) for r in await connection.fetch(_WITH_OLD, oldest, _AT_ONCE)]
        moved = False
        for channel, segment_id in found:
            async with self._database.transaction() as tx:
                moved = await self._move(tx, channel, segment_id, oldest) or moved
        return moved

    async def _move(self, tx: Tx, channel: str, segment_id: UUID, oldest: int) -> bool:
        await definitions.judge_together(tx, [channel])  # so that nobody deletes the segment meanwhile
        await tx.execute(_MAKE_FLOOR, channel, segment_id, oldest)
        floor: int | None = await tx.fetchval(_FLOOR, channel, segment_id)
        if floor is None:
            return False
        reached: int | None = await tx.fetchval(_REACHED, channel, segment_id, floor, oldest, self._batch)
        if reached is None or reached <= floor:
            return False
        await tx.execute(_DROP, channel, segment_id, floor, reached)
        await tx.execute(_FREEZE, channel, segment_id, floor, reached)
        await tx.execute(_MOVE_FLOOR, channel, segment_id, reached, oldest)
        log.info("a log was shortened", segment=str(segment_id), floor=reached)
        return True
