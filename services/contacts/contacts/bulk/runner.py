"""Works a bulk action off: chooses whom it is for at one instant, then changes them, or brings back what was there."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from common.eventstore import again
from common.position import Position
from common.postgres import Tx
from contacts import journal, store
from contacts.bulk import store as bulk_store
from contacts.bulk.action import CHOSEN, Acted, act, cause, read_action, take_back, undo_cause
from contacts.bulk.neighbours import Neighbours
from contacts.bulk.store import FIRST
from contacts.identity import lock_survivors, whom
from contacts.jobs.job import Advance, Job
from contacts.jobs.runner import HeldJob
from contacts.portion import MOST_BYTES, fitting

CHUNK = 2000


class BulkActions:
    """The runner of bulk actions. A chunk's contacts change, their results and the cursor move in one transaction.

    Contacts are chosen, dealt with and undone in the order of their ids. One that was merged meanwhile stands for its survivor.
    """

    def __init__(self, neighbours: Neighbours, *, chunk: int = CHUNK, most_bytes: int = MOST_BYTES) -> None:
        self._neighbours = neighbours
        self._chunk = chunk
        self._most_bytes = most_bytes

    async def run(self, held: HeldJob) -> None:
        """Choose, then act; or undo."""
        if held.job.undoing:
            await self._undo(held)
        else:
            if held.job.cursor is None:
                await self._choose(held)
            await self._act(held)

    async def _choose(self, held: HeldJob) -> None:
        """Write down whom the action is for: all who match at one instant, so a choice that was broken off begins anew."""
        await held.advance(_forget)
        target, channel = held.body["target"], held.job.channel
        # Asked again: while the action waited for a worker, the audience may have grown or a definition may have changed.
        await self._neighbours.audience(channel, target)
        total, last = 0, FIRST
        async with self._neighbours.matching(channel, target, self._chunk) as batches:
            async for ids in batches:
                assert last < min(ids), "search tells of contacts in the order of their ids"
                await held.advance(partial(_choose, ids))
                total, last = total + len(ids), max(ids)
        await held.advance(partial(_chosen, total))

    async def _act(self, held: HeldJob) -> None:
        write = read_action(held.body["action"])
        more = True

        async def piece(tx: Tx, job: Job, now: datetime) -> Advance:
            nonlocal more
            found, more = await bulk_store.following(tx, job, _place(job), self._chunk)
            stand_for = await whom(tx, job.channel, found)
            ids = found[: fitting((stand_for[i].bytes for i in found), self._most_bytes)]
            more = more or len(ids) < len(found)
            survivors, states = await lock_survivors(tx, job.channel, {i: stand_for[i] for i in ids})
            acted: list[Acted] = []
            for contact_id in ids:
                each = act(contact_id, states.get(survivors[contact_id], (None, ""))[0], write, now)
                if each.step is not None:
                    states[each.step.after.id] = (each.step.after, job.requested_by)
                acted.append(each)
            position = await _append(tx, job, acted, job.requested_by, cause(job.id))
            await bulk_store.note(tx, job, acted)
            return _advance(job, ids, acted, position)

        while more:
            await again(partial(held.advance, piece))

    async def _undo(self, held: HeldJob) -> None:
        more = True

        async def piece(tx: Tx, job: Job, now: datetime) -> Advance:
            nonlocal more
            found = await bulk_store.following_changed(tx, job, _place(job), self._chunk)
            fit = await store.first_fitting(tx, job.channel, [done.changed_id for done in found], self._most_bytes)
            changed = found[:fit]
            more = len(changed) < len(found) or len(found) == self._chunk
            states = await store.lock(tx, job.channel, [done.changed_id for done in changed])
            since = await bulk_store.changed_since(tx, job, [done.contact_id for done in changed])
            taken_back = [
                take_back(states.get(done.changed_id, (None, ""))[0], done, since.get(done.contact_id, frozenset()), now)
                for done in changed
            ]
            position = await _append(tx, job, taken_back, job.undone_by or job.requested_by, undo_cause(job.id))
            await bulk_store.note_undo(tx, job, taken_back)
            return _advance(job, [done.contact_id for done in changed], taken_back, position)

        while more:
            await again(partial(held.advance, piece))


async def _forget(tx: Tx, job: Job, _: datetime) -> Advance:
    await bulk_store.clear(tx, job)
    return Advance(None)


async def _choose(ids: Sequence[UUID], tx: Tx, job: Job, _: datetime) -> Advance:
    await bulk_store.add(tx, job, ids)
    return Advance(None)


async def _chosen(total: int, _: Tx, __: Job, ___: datetime) -> Advance:
    return Advance(CHOSEN, total=total)


def _place(job: Job) -> UUID:
    return UUID(str(job.cursor)) if job.cursor else FIRST


async def _append(tx: Tx, job: Job, acted: Sequence[Acted], by: str, why: str) -> Position:
    return await journal.append(tx, job.channel, [a.step for a in acted if a.step is not None], by, why)


def _advance(job: Job, ids: Sequence[UUID], acted: Sequence[Acted], position: Position) -> Advance:
    counts: dict[str, int] = {}
    for each in acted:
        counts[each.outcome] = counts.get(each.outcome, 0) + 1
    return Advance(str(ids[-1]) if ids else job.cursor, counts, position=position)
