"""The table of jobs: who works on which by a lease, how far each is, and the end of those that are old."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from common import outbox
from common.clock import from_wire
from common.lease import Lost
from common.leased import LeasedRows, Place, readable, stored
from common.leased import listed as leased_listed
from common.postgres import Record, Tx
from common.telemetry import trace_headers
from contacts.jobs.job import Job
from contacts.jobs.publish import ended

_PURGED_AT_ONCE = 10_000

_INSERT = """
insert into job (channel, id, kind, version, status, requested_by, requested_at, body, state)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
# A target may name a person in the words of whoever asked; it is needed only until the ids of those it stands for are noted.
_UPDATE = """
update job set body = case when $8 then body else body - 'target' end,
    version = $4, status = $5, state = $6,
    lease_by = case when $7 then lease_by end, lease_until = case when $7 then lease_until end
where channel = $1 and id = $2 and version = $3
"""
_LOAD = "select state from job where channel = $1 and id = $2 and kind = $3"
_LOAD_LOCK = _LOAD + " for update"
_BODY = "select body from job where channel = $1 and id = $2"
_LIST = """
select id, requested_at, state, body from job
where channel = $1 and kind = $2 and ($3::timestamptz is null or (requested_at, id) < ($3, $4))
order by requested_at desc, id desc limit $5
"""
_LEASED = LeasedRows("job", work="('waiting', 'running')", taken="state, body", also="kind = any($2::text[])")
_MINE = "select state from job where channel = $1 and id = $2 and lease_by = $3 for update"
_OLD = """
select channel, id from job where status not in ('waiting', 'running') and requested_at < $1 limit 1 for update skip locked
"""
_PURGE_REPORT = (
    """
    delete from import_row where channel = $1 and job_id = $2 and number in
        (select number from import_row where channel = $1 and job_id = $2 order by number limit $3)
    """,
    """
    delete from bulk_action_contact where channel = $1 and job_id = $2 and contact_id in
        (select contact_id from bulk_action_contact where channel = $1 and job_id = $2 order by contact_id limit $3)
    """,
    """
    delete from bulk_action_chosen where channel = $1 and job_id = $2 and last in
        (select last from bulk_action_chosen where channel = $1 and job_id = $2 order by last limit $3)
    """,
)
_PURGE = "delete from job where channel = $1 and id = $2"


async def insert(tx: Tx, job: Job, body: Mapping[str, Any]) -> None:
    """Keep a new job and what was asked for."""
    await tx.execute(
        _INSERT, job.channel, job.id, job.kind, job.version, job.status, job.requested_by, from_wire(job.requested_at), body,
        job.encode(),
    )  # fmt: skip


async def update(tx: Tx, seen: int, job: Job) -> None:
    """Keep what a job is now, if it is still at the version that was seen; its lease ends with its work, its target with the
    choosing, and its end is told. Raises Lost."""
    running = job.status == "running"
    done = await tx.execute(_UPDATE, job.channel, job.id, seen, job.version, job.status, job.encode(), running, job.choosing)
    if done != "UPDATE 1":
        raise Lost
    if (told := ended(job, trace_headers())) is not None:
        await outbox.put(tx, [told])


async def load(tx: Tx, channel: str, job_id: UUID, kind: str, *, lock: bool = False) -> Job | None:
    """One job of this kind. Raises NotReadable."""
    state = await tx.fetchval(_LOAD_LOCK if lock else _LOAD, channel, job_id, kind)
    return None if state is None else stored(Job, job_id, state)


async def body(tx: Tx, channel: str, job_id: UUID) -> Mapping[str, Any]:
    """What was asked for."""
    found: Mapping[str, Any] = await tx.fetchval(_BODY, channel, job_id)
    return found


async def listed(tx: Tx, channel: str, kind: str, before: Place | None, limit: int) -> list[tuple[Job, Mapping[str, Any]]]:
    """Jobs of one kind with what was asked for, newest first; those that cannot be read are left out, as the log tells."""

    async def fetch(before: Place | None, most: int) -> list[Record]:
        at, last = before or (None, None)
        rows: list[Record] = await tx.fetch(_LIST, channel, kind, at, last, most)
        return rows

    def read(row: Record) -> tuple[Job, Mapping[str, Any]] | None:
        job = readable(Job, row["id"], row["state"])
        return None if job is None else (job, row["body"])

    return await leased_listed(fetch, read, before, limit)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that a worker has leased: its job, None where it cannot be read, and what was asked for."""

    job: Job | None
    body: Mapping[str, Any]


async def claim(tx: Tx, kinds: Iterable[str], worker: str, now: datetime, until: datetime) -> Claimed | None:
    """The oldest job of these kinds that waits for a worker, or whose worker has fallen silent, leased."""
    row = await _LEASED.claim(tx, worker, now, until, sorted(kinds))
    return None if row is None else Claimed(readable(Job, row["id"], row["state"]), row["body"])


async def renew(tx: Tx, job: Job, worker: str, until: datetime) -> bool:
    """Keep the lease; answers whether the job is still this worker's."""
    return await _LEASED.renew(tx, job.channel, job.id, worker, until)


async def mine(tx: Tx, job: Job, worker: str) -> Job:
    """The job as it is now, locked. Raises Lost where it is not this worker's any more."""
    state = await tx.fetchval(_MINE, job.channel, job.id, worker)
    mine = None if state is None else readable(Job, job.id, state)
    if mine is None:
        raise Lost
    return mine


async def rest(tx: Tx, job: Job, until: datetime) -> None:
    """Nobody takes the job up before then."""
    await _LEASED.rest(tx, job.channel, job.id, until)


async def purge(tx: Tx, before: datetime) -> bool:
    """Delete a piece of an ended job asked for before then, its report first; answers whether there was one."""
    old = await tx.fetchrow(_OLD, before)
    if old is None:
        return False
    deleted = [await tx.execute(statement, old["channel"], old["id"], _PURGED_AT_ONCE) for statement in _PURGE_REPORT]
    if all(each == "DELETE 0" for each in deleted):
        await tx.execute(_PURGE, old["channel"], old["id"])
    return True
