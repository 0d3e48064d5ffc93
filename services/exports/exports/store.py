"""The tables of exports."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from common.clock import from_wire
from common.lease import Lost
from common.leased import LeasedRows, Place, readable, stored
from common.leased import listed as leased_listed
from common.postgres import Record, Tx
from exports.export import NOT_COUNTED, Export

_WINDOW = "select pg_advisory_xact_lock(hashtext('window ' || $1))"
_LATEST = """
select max(requested_at) from export
where channel = $1 and status <> all($3::text[]) and ($2::text is null or requested_by = $2)
"""
_INSERT = """
insert into export (channel, id, version, status, requested_by, requested_at, expires_at, state, lock, asked)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""
_UPDATE = """
update export set version = $3, status = $4, expires_at = $5, state = $6,
    lock = case when $9 then lock end, asked = case when $9 then asked end,
    lease_by = case when $7 then lease_by end, lease_until = case when $7 then lease_until end
where channel = $1 and id = $2 and version = $8
"""
_LOAD = "select state from export where channel = $1 and id = $2"
_LOAD_LOCK = _LOAD + " for update"
_LIST = """
select id, requested_at, state from export
where channel = $1 and ($2::text is null or requested_by = $2) and ($6::text is null or status = $6)
  and ($3::timestamptz is null or (requested_at, id) < ($3, $4)) order by requested_at desc, id desc limit $5
"""
_LEASED = LeasedRows("export", work="('waiting', 'counting', 'writing', 'verifying')", taken="state, lock, asked")
_EXPIRABLE = """
select channel, id from export
where status in ('ready', 'awaitingApproval') and expires_at <= $1 and id <> all($2) order by channel, id limit 100
"""
_HOLDING = """
select id, case when jsonb_typeof(state -> 'attempts') = 'number' then (state ->> 'attempts')::int end as attempt from export
where status in ('waiting', 'counting', 'writing', 'verifying', 'ready') and id = any($1)
"""


@dataclass(frozen=True, slots=True)
class Needed:
    """What an export's work needs and nothing after it: the sealed lock, and what search is asked to stream."""

    lock: bytes
    asked: Mapping[str, Any]


async def lock_window(tx: Tx, channel: str) -> None:
    """One acceptance at a time in a channel, until the transaction ends."""
    await tx.execute(_WINDOW, channel)


async def latest_counted(tx: Tx, channel: str, by: str | None) -> datetime | None:
    """When the last export that counts was accepted, in the channel or of one manager."""
    found: datetime | None = await tx.fetchval(_LATEST, channel, by, sorted(NOT_COUNTED))
    return found


async def insert(tx: Tx, export: Export, needed: Needed) -> None:
    """Keep a new export with what its work needs."""
    await tx.execute(
        _INSERT, export.channel, export.id, export.version, export.status, export.requested_by,
        from_wire(export.requested_at), _ends_at(export), export.encode(), needed.lock, needed.asked,
    )  # fmt: skip


async def update(tx: Tx, seen: int, export: Export) -> None:
    """Keep what an export is now, if it is still at the version seen; what its work needs goes with the work. Raises Lost."""
    done = await tx.execute(
        _UPDATE, export.channel, export.id, export.version, export.status, _ends_at(export), export.encode(), export.in_work,
        seen, export.goes_on,
    )  # fmt: skip
    if done != "UPDATE 1":
        raise Lost


def _ends_at(export: Export) -> datetime | None:
    return None if export.ends_at is None else from_wire(export.ends_at)


async def load(tx: Tx, channel: str, export_id: UUID, *, lock: bool = False) -> Export | None:
    """One export. Raises NotReadable."""
    state = await tx.fetchval(_LOAD_LOCK if lock else _LOAD, channel, export_id)
    return None if state is None else stored(Export, export_id, state)


async def listed(
    tx: Tx, channel: str, by: str | None, before: Place | None, limit: int, status: str | None = None
) -> list[Export]:
    """Exports, newest first, or those of a status; those that cannot be read are left out, as the log tells."""

    async def fetch(before: Place | None, most: int) -> list[Record]:
        at, last = before or (None, None)
        rows: list[Record] = await tx.fetch(_LIST, channel, by, at, last, most, status)
        return rows

    return await leased_listed(fetch, lambda row: readable(Export, row["id"], row["state"]), before, limit)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that a worker has leased: its export, None where it cannot be read, and what its work needs."""

    export: Export | None
    needed: Needed


async def claim(tx: Tx, worker: str, now: datetime, until: datetime) -> Claimed | None:
    """The oldest export that waits for a worker, or whose worker has fallen silent, leased."""
    row = await _LEASED.claim(tx, worker, now, until)
    return None if row is None else Claimed(readable(Export, row["id"], row["state"]), Needed(row["lock"], row["asked"]))


async def renew(tx: Tx, export: Export, worker: str, until: datetime) -> bool:
    """Keep the lease; answers whether the export is still this worker's."""
    return await _LEASED.renew(tx, export.channel, export.id, worker, until)


async def rest(tx: Tx, export: Export, until: datetime) -> None:
    """Nobody takes the export up before then."""
    await _LEASED.rest(tx, export.channel, export.id, until)


async def expirable(tx: Tx, now: datetime, without: Collection[UUID]) -> list[tuple[str, UUID]]:
    """Channels and ids of some exports whose seven days are over, those of a file or those to approve it in."""
    return [(r["channel"], r["id"]) for r in await tx.fetch(_EXPIRABLE, now, list(without))]


async def holding(tx: Tx, ids: Sequence[UUID]) -> set[tuple[UUID, int | None]]:
    """Of these exports the attempts whose files are of use: of those in work and of those that are ready.

    None is any attempt of one whose state does not tell it.
    """
    return {(r["id"], r["attempt"]) for r in await tx.fetch(_HOLDING, list(ids))}
