"""Who entered and left segments, counted by minute and destination, each change once."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from common.ids import Ids
from common.postgres import Record, Tx
from notify.announcing import moved
from notify.deliveries import store
from notify.deliveries.delivery import Status
from notify.deliveries.store import Addressed
from notify.destinations.store import Subscribed

_COUNT = """
insert into counted (channel, segment_id, position, at)
select channel, segment_id, position, $4 from unnest($1::text[], $2::uuid[], $3::bigint[]) as w (channel, segment_id, position)
on conflict do nothing returning channel, segment_id, position
"""
_GATHER = """
insert into gathering (channel, destination_id, minute, segment_id, entered, "left")
select channel, destination_id, $3, segment_id, entered, gone
from unnest($1::text[], $2::uuid[], $4::uuid[], $5::bigint[], $6::bigint[])
    as w (channel, destination_id, segment_id, entered, gone)
where exists (select from destination d where d.channel = w.channel and d.id = w.destination_id for key share)
order by channel, destination_id
on conflict (channel, destination_id, minute, segment_id) do update
set entered = gathering.entered + excluded.entered, "left" = gathering."left" + excluded."left"
"""
_TOLD = """
with over as (
    delete from gathering where (channel, destination_id, minute, segment_id) in (
        select channel, destination_id, minute, segment_id from gathering where {which}
    ) returning *
)
select o.*, w.name, d.disabled_at is null as active from over o
join destination d on d.channel = o.channel and d.id = o.destination_id
left join watched w on w.channel = o.channel and w.segment_id = o.segment_id
order by o.channel, o.destination_id
"""
_OVER = _TOLD.format(which="minute < $1 limit $2 for update skip locked")
_OF_SEGMENT = _TOLD.format(which="channel = $1 and segment_id = $2 for update")
_PURGE = """
delete from counted where (channel, segment_id, position) in (
    select channel, segment_id, position from counted where at < $1 limit $2
)
"""


_LATE = timedelta(seconds=5)
"""So much later than its minute what was gathered in it may be written: clocks are apart, and a commit takes its time."""


@dataclass(frozen=True, slots=True)
class Change:
    """Somebody entered or left a segment, at a place of its log."""

    channel: str
    segment_id: UUID
    position: int
    entered: bool
    at: datetime


async def gather(tx: Tx, changes: Sequence[Change], subscribed: Sequence[Subscribed], now: datetime) -> None:
    """Count changes for whom they are for. A destination hears of what happens from its making on."""
    watching: dict[tuple[str, UUID], list[Subscribed]] = {}
    for each in subscribed:
        if each.segment_id is not None:
            watching.setdefault((each.channel, each.segment_id), []).append(each)
    heard = {(c.channel, c.segment_id, c.position): c for c in changes if (c.channel, c.segment_id) in watching}
    if not heard:
        return
    rows = await tx.fetch(_COUNT, [k[0] for k in heard], [k[1] for k in heard], [k[2] for k in heard], now)
    entered, left = Counter[tuple[str, UUID, UUID]](), Counter[tuple[str, UUID, UUID]]()
    for row in rows:
        change = heard[row["channel"], row["segment_id"], row["position"]]
        for each in watching[change.channel, change.segment_id]:
            event = "segment.entered" if change.entered else "segment.left"
            if event in each.events and each.since <= change.at:
                (entered if change.entered else left)[each.channel, each.id, change.segment_id] += 1
    keys = sorted(entered.keys() | left.keys())
    minute = now.replace(second=0, microsecond=0)
    await tx.execute(
        _GATHER, [k[0] for k in keys], [k[1] for k in keys], minute, [k[2] for k in keys], [entered[k] for k in keys],
        [left[k] for k in keys],
    )  # fmt: skip


async def tell(tx: Tx, now: datetime, ids: Ids, most: int) -> bool:
    """Make notices of what was gathered in minutes that are over; answers whether there were any.

    What is written later than that for such a minute is a notice of its own: what was told is no longer there to be told again.
    """
    rows = await tx.fetch(_OVER, (now - _LATE).replace(second=0, microsecond=0), most)
    return await _tell(tx, rows, now, ids)


async def tell_last(tx: Tx, channel: str, segment: UUID, now: datetime, ids: Ids) -> None:
    """Make notices of what was gathered of a segment that is no more, without waiting for the minute to be over."""
    await _tell(tx, await tx.fetch(_OF_SEGMENT, channel, segment), now, ids)


async def _tell(tx: Tx, rows: Sequence[Record], now: datetime, ids: Ids) -> bool:
    told = [
        Addressed(
            row["channel"], row["destination_id"], ids(), f"segment/{row['segment_id']}/{ids()}", row["minute"],
            moved(str(row["segment_id"]), row["name"] or str(row["segment_id"]), row["entered"], row["left"]),
            Status.WAITING if row["active"] else Status.PARKED,
        )
        for row in rows
    ]  # fmt: skip
    if told:
        await store.add(tx, told, now)
    return bool(told)


async def purge(tx: Tx, before: datetime, most: int) -> bool:
    """Forget some of what was counted long ago; answers whether there may be more."""
    return bool(await tx.execute(_PURGE, before, most) == f"DELETE {most}")
