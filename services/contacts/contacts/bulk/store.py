"""The tables of bulk actions' contacts: whom each is for, and what became of them."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from common.events.contacts import Change
from common.postgres import Tx
from contacts.bulk.action import Acted, Done, Outcome, undo_cause
from contacts.jobs.job import Job

_ADD = "insert into bulk_action_chosen (channel, job_id, last, ids) values ($1, $2, $3, $4)"
_CLEAR = "delete from bulk_action_chosen where channel = $1 and job_id = $2"
_NEXT = """
select ids, exists (
    select from bulk_action_chosen later where later.channel = $1 and later.job_id = $2 and later.last > chosen.last
) as more
from bulk_action_chosen chosen where channel = $1 and job_id = $2 and last > $3 order by last limit 1
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
_NOTED = ("channel", "job_id", "contact_id", "outcome", "changed_id", "version", "consent_times", "problem")
_NOTE_UNDO = """
update bulk_action_contact t set undo_outcome = new.outcome, undo_problem = new.problem
from unnest($3::uuid[], $4::text[], $5::jsonb[]) as new (contact_id, outcome, problem)
where t.channel = $1 and t.job_id = $2 and t.contact_id = new.contact_id
"""
_RESULTS = """
select contact_id, outcome, version, problem, undo_outcome, undo_problem from bulk_action_contact
where channel = $1 and job_id = $2 and contact_id > $3 {} order by contact_id limit $4
"""
_ALL_RESULTS = _RESULTS.format("")
_RESULTS_OF = _RESULTS.format("and outcome = $5")
_RESULTS_OF_UNDO = _RESULTS.format("and undo_outcome = $5")

FIRST = UUID(int=0)
"""Less than any contact's id."""


async def add(tx: Tx, job: Job, ids: Iterable[UUID]) -> None:
    """These contacts, some thousands, are the action's too, and none of them was before."""
    if chosen := sorted(ids):
        await tx.execute(_ADD, job.channel, job.id, chosen[-1], chosen)


async def clear(tx: Tx, job: Job) -> None:
    """Forget whom the action is for: they are chosen anew."""
    await tx.execute(_CLEAR, job.channel, job.id)


async def following(tx: Tx, job: Job, after: UUID, limit: int) -> tuple[list[UUID], bool]:
    """Some of the action's contacts after one, in the order of ids, and whether there are more."""
    row = await tx.fetchrow(_NEXT, job.channel, job.id, after)
    if row is None:
        return [], False
    ids: list[UUID] = row["ids"]
    left = ids[bisect_right(ids, after) :]
    return left[:limit], row["more"] or len(left) > limit


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
    """Keep what became of contacts, of each for the first time."""
    rows = [
        (
            job.channel, job.id, a.contact_id, a.outcome, None if a.step is None else a.step.after.id, a.version, a.consent_times,
            None if a.problem is None else a.problem.body(),
        )
        for a in acted
    ]  # fmt: skip
    await tx.copy_records_to_table("bulk_action_contact", records=rows, columns=_NOTED)


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
