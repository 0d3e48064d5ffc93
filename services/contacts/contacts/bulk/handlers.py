"""Commands on bulk actions: ask, cancel, undo; and what can be read of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from msgspec.structs import replace
from pydantic import JsonValue

from common import cursor as cursors
from common.auth import Caller
from common.clock import Clock, to_wire
from common.cursor import Listed
from common.errors import Unprocessable
from common.ids import Ids
from common.position import Position
from common.postgres import Database
from contacts.bulk import store as bulk_store
from contacts.bulk.action import CHOSEN, KIND, Outcome, job_shown, read_action
from contacts.bulk.neighbours import Neighbours
from contacts.bulk.store import FIRST
from contacts.jobs import store as job_store
from contacts.jobs.job import Cancel, Job, Undo, decide, no_job
from contacts.queries import Queries


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for a bulk action: what, and for whom: `contact_ids`, or a `target` of search's."""

    action: Mapping[str, Any]
    contact_ids: Sequence[UUID] | None
    target: Mapping[str, Any]
    position: Position | None


class BulkActions:
    """The commands and the reads."""

    def __init__(self, database: Database, queries: Queries, neighbours: Neighbours, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._queries = queries
        self._neighbours = neighbours
        self._clock = clock
        self._ids = ids

    async def count(self, caller: Caller, ask: Ask) -> int:
        """For how many contacts the action would be. Raises Unprocessable, Conflict."""
        read_action(ask.action)
        if ask.contact_ids is not None:
            return len(await self._checked(caller.channel, ask.contact_ids))
        target = await self._target(caller.channel, ask)
        if "fingerprint" not in target:
            target = {**target, "fingerprint": await self._neighbours.seen(caller.channel, target, ask.position)}
        return await self._neighbours.audience(caller.channel, target, ask.position)

    async def ask(self, caller: Caller, ask: Ask) -> Job:
        """Accept an action, or refuse it before anything is written. Raises Unprocessable, Conflict."""
        read_action(ask.action)
        now = to_wire(self._clock.now())
        job = Job(id=self._ids(), channel=caller.channel, kind=KIND, requested_by=caller.subject, requested_at=now)
        if ask.contact_ids is None:
            target = await self._target(caller.channel, ask)
            total = await self._neighbours.audience(caller.channel, target, ask.position)
            async with self._database.transaction() as tx:
                job = replace(job, total=total)
                await job_store.insert(tx, job, {"action": ask.action, "target": target})
            return job
        ids = await self._checked(caller.channel, ask.contact_ids)
        async with self._database.transaction() as tx:
            job = replace(job, total=len(ids), cursor=CHOSEN)
            await job_store.insert(tx, job, {"action": ask.action})
            await bulk_store.add(tx, job, ids)
        return job

    async def _target(self, channel: str, ask: Ask) -> Mapping[str, Any]:
        """The target with the excepted ids' survivors in their place."""
        excepted = ask.target.get("except")
        if not excepted:
            return ask.target
        ids = [UUID(i) for i in excepted]
        survivors = await self._queries.survivors(channel, ids)
        there = dict.fromkeys(survivors[i].id if i in survivors else i for i in ids)
        return {**ask.target, "except": [str(i) for i in there]}

    async def _checked(self, channel: str, ids: Sequence[UUID]) -> list[UUID]:
        """Whom the ids stand for, each once. Raises Unprocessable for one that is no contact here."""
        survivors = await self._queries.survivors(channel, ids)
        for n, contact_id in enumerate(ids):
            if contact_id not in survivors:
                raise Unprocessable("There is no such contact here.", code="unknownContact", pointer=f"/target/contactIds/{n}")
        return list(dict.fromkeys(survivors[i].id for i in ids))

    async def cancel(self, caller: Caller, job_id: UUID) -> Job:
        """Stop it where it is. Raises NotFound, Conflict."""
        return await self._command(caller, job_id, Cancel(self._clock.now()))

    async def undo(self, caller: Caller, job_id: UUID) -> Job:
        """Take back what it changed. Raises NotFound, Conflict."""
        return await self._command(caller, job_id, Undo(caller.subject, self._clock.now()))

    async def _command(self, caller: Caller, job_id: UUID, command: Cancel | Undo) -> Job:
        async with self._database.transaction() as tx:
            job = await job_store.load(tx, caller.channel, job_id, KIND, lock=True)
            if job is None:
                raise no_job()
            after = decide(job, command)
            await job_store.update(tx, job.version, after)
        return after

    async def job(self, channel: str, job_id: UUID) -> Job:
        """One bulk action. Raises NotFound."""
        async with self._database.connection() as connection:
            job = await job_store.load(connection, channel, job_id, KIND)
        if job is None:
            raise no_job()
        return job

    async def job_shown(self, job: Job) -> dict[str, JsonValue]:
        """A bulk action as the API shows it, with what it does."""
        async with self._database.connection() as connection:
            return job_shown(job, (await job_store.body(connection, job.channel, job.id))["action"])

    async def listed(self, channel: str, limit: int, cursor: str | None) -> Listed:
        """The channel's bulk actions, newest first."""
        before = cursors.decode(cursor, cursors.instant, cursors.identifier) if cursor else None
        async with self._database.connection() as connection:
            rows = await job_store.listed(connection, channel, KIND, before, limit + 1)
        last = rows[limit - 1][0] if len(rows) > limit else None
        following = None if last is None else cursors.encode(last.requested_at, str(last.id))
        return Listed([job_shown(job, body["action"]) for job, body in rows[:limit]], following)

    async def results(self, job: Job, outcome: Outcome | None, limit: int, cursor: str | None) -> Listed:
        """What became of each contact so far, in the order of ids."""
        (after,) = (FIRST,) if cursor is None else cursors.decode(cursor, cursors.identifier)
        async with self._database.connection() as connection:
            rows = await bulk_store.results(connection, job, outcome, after, limit + 1)
        items = [
            {
                "contactId": str(r["contact_id"]),
                "status": r["outcome"],
                "version": r["version"],
                "problem": r["problem"],
                "undo": r["undo_outcome"] and {"status": r["undo_outcome"], "problem": r["undo_problem"]},
            }
            for r in rows[:limit]
        ]
        return Listed(items, cursors.encode(items[-1]["contactId"]) if len(rows) > limit else None)
