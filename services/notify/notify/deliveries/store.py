"""The tables of deliveries and of the lanes that lead to their destinations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from common.postgres import Record, Tx
from notify.announcing import Announcement
from notify.deliveries.delivery import Delivery, Lane, Status

_COLUMNS = "id, destination_id, event_id, event, at, notice, status, attempts, since, next_at, last_answer"
_ADD = """
insert into delivery (channel, destination_id, id, event_id, event, at, notice, status, since, next_at)
select channel, destination_id, id, event_id, event, at, notice, status, $9::timestamptz,
    case status when 'waiting' then $9::timestamptz end
from unnest($1::text[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $7::jsonb[], $8::text[])
    as w (channel, destination_id, id, event_id, event, at, notice, status)
where exists (select from destination d where d.channel = w.channel and d.id = w.destination_id for key share)
on conflict (channel, destination_id, event_id) do nothing
returning channel, destination_id
"""
# Locked in one order, so that two who wake several never wait for each other.
_WAKE = """
with awake as (
    select l.channel, l.destination_id from lane l
    join unnest($1::text[], $2::uuid[]) as w (channel, destination_id)
        on l.channel = w.channel and l.destination_id = w.destination_id
    order by l.channel, l.destination_id for update of l
)
update lane l set wake_at = least(coalesce(l.wake_at, 'infinity'), greatest($3::timestamptz, l.rest_until))
from awake a where l.channel = a.channel and l.destination_id = a.destination_id
"""
_CLAIM = """
with free as (
    select channel, destination_id from lane
    where wake_at <= $3 and (lease_until is null or lease_until <= $3)
    order by wake_at limit $4 for update skip locked
)
update lane l set lease_by = $1, lease_until = $2 from free f
where l.channel = f.channel and l.destination_id = f.destination_id returning l.channel, l.destination_id
"""
_RENEW = """
update lane l set lease_until = $4 from unnest($2::text[], $3::uuid[]) as w (channel, destination_id)
where l.channel = w.channel and l.destination_id = w.destination_id and l.lease_by = $1
"""
_HOLD = """
select failures, failing_since, rest_until, last_answer from lane
where channel = $1 and destination_id = $2 and lease_by = $3 for update
"""
_DUE = f"""
select {_COLUMNS} from delivery
where channel = $1 and destination_id = $2 and status = 'waiting' and next_at <= $3 order by next_at, id limit $4
"""  # noqa: S608 - the columns alone
_NOTE = """
update delivery d set status = w.status, attempts = w.attempts, next_at = w.next_at, last_answer = w.last_answer
from unnest($2::uuid[], $3::text[], $4::int[], $5::timestamptz[], $6::jsonb[]) as w (id, status, attempts, next_at, last_answer)
where d.channel = $1 and d.id = w.id and d.status = 'waiting'
"""
_NOTE_LANE = """
update lane set failures = $3, failing_since = $4, rest_until = $5, last_answer = $6 where channel = $1 and destination_id = $2
"""
_RELEASE = """
update lane set lease_by = null, lease_until = null, wake_at = greatest(
    (select min(next_at) from delivery where channel = $1 and destination_id = $2 and status = 'waiting'), $3::timestamptz
) where channel = $1 and destination_id = $2
"""
_HAS_DUE = "select exists (select from delivery where channel = $1 and destination_id = $2 and status = 'waiting')"
_ASLEEP = "update lane set lease_by = null, lease_until = null, wake_at = null where channel = $1 and destination_id = $2"
_PARK = """
update delivery set status = 'parked', next_at = null where channel = $1 and destination_id = $2 and status = 'waiting'
"""
_FORGIVE = """
update lane set failures = 0, failing_since = null, rest_until = null where channel = $1 and destination_id = $2
"""
_DUE_NOW = """
update delivery set next_at = $3 where channel = $1 and destination_id = $2 and status = 'waiting' and next_at > $3
"""
# Who answered 429 has said itself when it wants to be asked again.
_RESTED = """
update lane set rest_until = null
where channel = $1 and destination_id = $2 and (last_answer ->> 'status') is distinct from '429'
"""
_LIST = f"""
select {_COLUMNS} from delivery
where channel = $1 and ($2::text is null or status = $2) and ($3::uuid is null or destination_id = $3)
    and ($4::uuid is null or id < $4)
order by id desc limit $5
"""  # noqa: S608 - the columns alone
_LOAD = f"select {_COLUMNS} from delivery where channel = $1 and id = $2 for update"  # noqa: S608 - the columns alone
_AGAIN = """
update delivery set status = 'waiting', since = $4, next_at = $4
where channel = $1 and destination_id = $2 and status = 'parked' and ($3::uuid is null or id = $3)
"""
_PURGE = """
delete from delivery where (channel, id) in (select channel, id from delivery where at < $1 and status <> 'waiting' limit $2)
"""


@dataclass(frozen=True, slots=True)
class Addressed:
    """A notice for one destination; one that was switched off by its own failing finds it parked."""

    channel: str
    destination_id: UUID
    id: UUID
    event_id: str
    at: datetime
    announcement: Announcement
    status: Status = Status.WAITING


@dataclass(frozen=True, slots=True)
class Shown:
    """A delivery and where it goes."""

    destination_id: UUID
    delivery: Delivery


async def add(tx: Tx, addressed: Sequence[Addressed], now: datetime) -> None:
    """Keep deliveries, each event once for a destination, and wake whoever sends them."""
    notices = [_notice(a.announcement) for a in addressed]
    rows = await tx.fetch(
        _ADD, [a.channel for a in addressed], [a.destination_id for a in addressed], [a.id for a in addressed],
        [a.event_id for a in addressed], [a.announcement.event for a in addressed], [a.at for a in addressed], notices,
        [a.status for a in addressed], now,
    )  # fmt: skip
    await wake(tx, sorted({(r["channel"], r["destination_id"]) for r in rows}), now)


async def wake(tx: Tx, lanes: Sequence[tuple[str, UUID]], now: datetime) -> None:
    """Let somebody look after these, as soon as they have rested."""
    if lanes:
        await tx.execute(_WAKE, [channel for channel, _ in lanes], [destination for _, destination in lanes], now)


async def claim(tx: Tx, worker: str, now: datetime, until: datetime, most: int) -> list[tuple[str, UUID]]:
    """Lanes in which something is due and that nobody holds, leased."""
    return [(r["channel"], r["destination_id"]) for r in await tx.fetch(_CLAIM, worker, until, now, most)]


async def renew(tx: Tx, worker: str, lanes: Sequence[tuple[str, UUID]], until: datetime) -> None:
    """Keep those of a worker's lanes that it works at."""
    await tx.execute(_RENEW, worker, [channel for channel, _ in lanes], [destination for _, destination in lanes], until)


async def hold(tx: Tx, channel: str, destination: UUID, worker: str) -> Lane | None:
    """The lane, locked until the commit; None where it is another's by now, or gone."""
    row = await tx.fetchrow(_HOLD, channel, destination, worker)
    return None if row is None else Lane(row["failures"], row["failing_since"], row["rest_until"], row["last_answer"])


async def due(tx: Tx, channel: str, destination: UUID, now: datetime, most: int) -> list[Delivery]:
    """What is to be sent now, longest due first."""
    return [_read(row).delivery for row in await tx.fetch(_DUE, channel, destination, now, most)]


async def note(tx: Tx, channel: str, destination: UUID, lane: Lane, deliveries: Sequence[Delivery]) -> None:
    """Keep what came of attempts."""
    await tx.execute(
        _NOTE, channel, [d.id for d in deliveries], [d.status for d in deliveries], [d.attempts for d in deliveries],
        [d.next_at for d in deliveries], [d.last_answer for d in deliveries],
    )  # fmt: skip
    await tx.execute(_NOTE_LANE, channel, destination, lane.failures, lane.failing_since, lane.rest_until, lane.last_answer)


async def release(tx: Tx, channel: str, destination: UUID, not_before: datetime) -> None:
    """Give a lane back that is held: it wakes when the next is due, not before it has rested."""
    waits = await tx.fetchval(_HAS_DUE, channel, destination)
    await (tx.execute(_RELEASE, channel, destination, not_before) if waits else tx.execute(_ASLEEP, channel, destination))


async def park_all(tx: Tx, channel: str, destination: UUID) -> None:
    """Nothing more is tried for this destination until somebody asks for it."""
    await tx.execute(_PARK, channel, destination)


async def listed(
    tx: Tx, channel: str, status: str | None, destination: UUID | None, before: UUID | None, limit: int
) -> list[Shown]:
    """Deliveries, newest first."""
    return [_read(row) for row in await tx.fetch(_LIST, channel, status, destination, before, limit)]


async def load(tx: Tx, channel: str, delivery_id: UUID) -> Shown | None:
    """One delivery, locked until the commit."""
    row = await tx.fetchrow(_LOAD, channel, delivery_id)
    return None if row is None else _read(row)


async def again(tx: Tx, channel: str, destination: UUID, delivery_id: UUID | None, now: datetime) -> int:
    """Try what is parked anew, one or all of a destination; answers how many.

    A person has put something right: how long we meant to leave the destination alone counts no more.
    """
    await tx.execute(_RESTED, channel, destination)
    await wake(tx, [(channel, destination)], now)
    done = await tx.execute(_AGAIN, channel, destination, delivery_id, now)
    return int(done.rpartition(" ")[2])


async def at_once(tx: Tx, channel: str, destination: UUID, now: datetime) -> None:
    """A destination is well again, or is another: its failures are forgotten, and what waits for it is due now."""
    await tx.execute(_FORGIVE, channel, destination)
    done = await tx.execute(_DUE_NOW, channel, destination, now)
    if done != "UPDATE 0":
        await wake(tx, [(channel, destination)], now)


async def purge(tx: Tx, before: datetime, most: int) -> bool:
    """Delete some of what ended long ago; answers whether there may be more."""
    return bool(await tx.execute(_PURGE, before, most) == f"DELETE {most}")


def _notice(announcement: Announcement) -> dict[str, Any]:
    return {"ko": announcement.korean, "en": announcement.english, "link": announcement.link, "data": dict(announcement.data)}


def _read(row: Record) -> Shown:
    notice: Mapping[str, Any] = row["notice"]
    told = Announcement(row["event"], notice["ko"], notice["en"], notice["link"], notice["data"])
    delivery = Delivery(
        row["id"], row["event_id"], row["at"], told, row["attempts"], row["since"], Status(row["status"]), row["next_at"],
        row["last_answer"],
    )  # fmt: skip
    return Shown(row["destination_id"], delivery)
