"""The table of bulk actions' contacts: whom each is for, and what became of them."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from common.events.contacts import Change
from common.postgres import Tx
from contacts.bulk.action import Acted, Done, Outcome, undo_cause
from contacts.jobs.job import Job

_ADD = "insert into bulk_action_contact (channel, job_id, contact_id) select $1, $2, unnest($3::uuid[])"
_CLEAR = "delete from bulk_action_contact where channel = $1 and job_id = $2"
_NEXT = """
select contact_id from bulk_action_contact
where channel = $1 and job_id = $2 and contact_id > $3 order by contact_id limit $4
"""
_NEXT_CHANGED = """
select t.contact_id, t.changed_id, t.consent_times, e.data -> 'changes' as changes, e.at
from bulk_action_contact t
left join event e on e.channel = t.channel and e.stream = t.changed_id and e.version = t.version
where t.channel = $1 and t.job_id = $2 and t.outcome = 'changed' and t.contact_id > $3 order by t.contact_id limit $4
"""
# A later action that was itself taken back left everything as it was: neither its change nor its undo counts.
_CHANGED_SINCE = """
select t.contact_id, array_agg(distinct later.key) as keys
from bulk_action_contact t
join event e on e.channel = t.channel and e.stream = t.changed_id and e.version > t.version
cross join lateral jsonb_path_query(e.data, '$.changes[*].key') as change (name)
cross join lateral (select change.name #>> '{}') as later (key)
where t.channel = $1 and t.job_id = $2 and t.contact_id = any($3::uuid[]) and not exists (
    select from bulk_action_contact back
    where back.channel = t.channel and back.changed_id = t.changed_id and back.version > t.version
        and back.undo_outcome = 'undone' and (back.version = e.version or e.cause = replace($4, $5, back.job_id::text))
)
group by t.contact_id
"""
_NOTE = """
update bulk_action_contact t
set outcome = new.outcome, changed_id = new.changed_id, version = new.version, consent_times = new.consent_times,
    problem = new.problem
from unnest($3::uuid[], $4::text[], $5::uuid[], $6::bigint[], $7::jsonb[], $8::jsonb[])
    as new (contact_id, outcome, changed_id, version, consent_times, problem)
where t.channel = $1 and t.job_id = $2 and t.contact_id = new.contact_id
"""
_NOTE_UNDO = """
update bulk_action_contact t set undo_outcome = new.outcome, undo_problem = new.problem
from unnest($3::uuid[], $4::text[], $5::jsonb[]) as new (contact_id, outcome, problem)
where t.channel = $1 and t.job_id = $2 and t.contact_id = new.contact_id
"""
_RESULTS = """
select contact_id, outcome, version, problem, undo_outcome, undo_problem from bulk_action_contact
where channel = $1 and job_id = $2 and contact_id > $3 and outcome {} order by contact_id limit $4
"""
_ALL_RESULTS = _RESULTS.format("is not null")
_RESULTS_OF = _RESULTS.format("= $5")
_RESULTS_OF_UNDO = _RESULTS.format("is not null and undo_outcome = $5")

FIRST = UUID(int=0)
"""Less than any contact's id."""


async def add(tx: Tx, job: Job, ids: Iterable[UUID]) -> None:
    """These contacts are the action's too."""
    await tx.execute(_ADD, job.channel, job.id, list(ids))


async def clear(tx: Tx, job: Job) -> None:
    """Forget whom the action is for: they are chosen anew."""
    await tx.execute(_CLEAR, job.channel, job.id)


async def following(tx: Tx, job: Job, after: UUID, limit: int) -> list[UUID]:
    """The action's contacts after one, in the order of ids."""
    return [r["contact_id"] for r in await tx.fetch(_NEXT, job.channel, job.id, after, limit)]


async def following_changed(tx: Tx, job: Job, after: UUID, limit: int) -> list[Done]:
    """What the action has changed of the contacts after one, in the order of ids; of an erased contact nothing is known."""
    return [
        Done(r["contact_id"], r["changed_id"], [Change.of(c) for c in r["changes"] or []], r["at"], r["consent_times"])
        for r in await tx.fetch(_NEXT_CHANGED, job.channel, job.id, after, limit)
    ]


async def changed_since(tx: Tx, job: Job, ids: Sequence[UUID]) -> dict[UUID, frozenset[str]]:
    """Which keys of these contacts, whose rows are locked, anything changed after the action, back and forth too.

    Only what later actions changed and took back again is left out.
    """
    rows = await tx.fetch(_CHANGED_SINCE, job.channel, job.id, ids, undo_cause(job.id), str(job.id))
    return {r["contact_id"]: frozenset(r["keys"]) for r in rows}


async def note(tx: Tx, job: Job, acted: Sequence[Acted]) -> None:
    """Keep what became of contacts."""
    problems = [None if a.problem is None else a.problem.body() for a in acted]
    changed = [None if a.step is None else a.step.after.id for a in acted]
    await tx.execute(
        _NOTE, job.channel, job.id, [a.contact_id for a in acted], [a.outcome for a in acted], changed,
        [a.version for a in acted], [a.consent_times for a in acted], problems,
    )  # fmt: skip


async def note_undo(tx: Tx, job: Job, taken_back: Sequence[Acted]) -> None:
    """Keep what became of contacts in the undo."""
    problems = [None if a.problem is None else a.problem.body() for a in taken_back]
    ids, outcomes = [a.contact_id for a in taken_back], [a.outcome for a in taken_back]
    await tx.execute(_NOTE_UNDO, job.channel, job.id, ids, outcomes, problems)


async def results(tx: Tx, job: Job, outcome: Outcome | None, after: UUID, limit: int) -> list[dict[str, Any]]:
    """What became of the action's contacts so far, in the order of ids, as rows."""
    arguments = [job.channel, job.id, after, limit]
    if outcome is None:
        rows = await tx.fetch(_ALL_RESULTS, *arguments)
    else:
        sql = _RESULTS_OF_UNDO if outcome in {Outcome.UNDONE, Outcome.SKIPPED} else _RESULTS_OF
        rows = await tx.fetch(sql, *arguments, outcome.value)
    return [dict(r) for r in rows]
