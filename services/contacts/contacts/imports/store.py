"""The tables of imports: what became of each row, who was erased meanwhile, and the imports among the jobs."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from common.postgres import Tx
from contacts.imports.order import Outcome, RowStatus
from contacts.jobs.job import Job
from contacts.not_written import NotWritten

_COLUMNS = ("channel", "job_id", "number", "status", "contact_id", "code", "detail", "heading", "not_written")
_ROWS = """
select number, status, contact_id, code, detail, heading, not_written from import_row
where channel = $1 and job_id = $2 and number > $3 and ($4::text is null or status = $4) order by number limit $5
"""
_STANDING = """
select id, channel, status in ('waiting', 'running') as in_work from job where kind = 'import' and id = any($1::uuid[])
"""
_ERASED = "select member from import_erased where channel = $1 and job_id = $2"
_FORGET_ERASED = """
delete from import_erased e using job j
where j.channel = e.channel and j.id = e.job_id and j.status not in ('waiting', 'running')
"""


async def note(tx: Tx, job: Job, outcomes: Sequence[Outcome]) -> None:
    """Keep what became of some rows."""
    rows = [
        (
            job.channel, job.id, o.number, o.status.value, o.contact_id, o.code, o.detail, o.heading,
            {each.key: each.reason for each in o.not_written} or None,
        )
        for o in outcomes
    ]  # fmt: skip
    await tx.copy_records_to_table("import_row", records=rows, columns=_COLUMNS)


async def rows(tx: Tx, job: Job, after: int, status: RowStatus | None, limit: int) -> list[Outcome]:
    """What became of the rows, in their order."""
    found = await tx.fetch(_ROWS, job.channel, job.id, after, status, limit)
    return [
        Outcome(
            r["number"], RowStatus(r["status"]), r["contact_id"], r["code"], r["detail"], r["heading"],
            tuple(NotWritten(key, reason) for key, reason in sorted((r["not_written"] or {}).items())),
        )
        for r in found
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Standing:
    """Whose an import is, and whether it still needs its files."""

    channel: str
    in_work: bool


async def standing(tx: Tx, ids: Collection[UUID]) -> dict[UUID, Standing]:
    """Where those of the ids stand that are imports; an upload is none until all of it has come."""
    return {r["id"]: Standing(r["channel"], r["in_work"]) for r in await tx.fetch(_STANDING, list(ids))}


def erased_mark(job: Job, member_id: str) -> bytes:
    """What stands in the table for a member who was erased while the import was at work; erasing writes the same."""
    return hashlib.sha256(f"{job.id}/{member_id}".encode()).digest()


async def erased_meanwhile(tx: Tx, job: Job) -> frozenset[bytes]:
    """The marks of who was erased since the import was asked for."""
    return frozenset(r["member"] for r in await tx.fetch(_ERASED, job.channel, job.id))


async def forget_erased(tx: Tx) -> None:
    """Drop the marks of imports that have ended."""
    await tx.execute(_FORGET_ERASED)
