"""A field archived or restored: every contact that holds a value for it is told of anew, so that every reader follows.

Whether a value is shown is the definition's to say, from its transaction on; nothing here moves a value. A channel may have a
million holders, so they are told of in the background, a piece a transaction.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from common.events.contacts import ContactFieldArchived, ContactFieldRestored
from common.postgres import Tx
from contacts import journal, store
from contacts.contact import evolve
from contacts.fields import store as field_store
from contacts.jobs.job import Advance, Job
from contacts.jobs.runner import HeldJob
from contacts.publish import Step

_PIECE = 500
_BEFORE_ALL, _END = UUID(int=0), "end"


class Telling:
    """The runner. It stops early where the field has been turned the other way: that has a job of its own."""

    async def run(self, held: HeldJob) -> None:
        """Tell of the holders in the order of their ids; the cursor is the last id told of, or the word for the end."""

        async def piece(tx: Tx, job: Job, now: datetime) -> Advance:
            return await _tell(tx, job, held.body, now)

        while held.job.cursor != _END:
            await held.advance(piece)


async def _tell(tx: Tx, job: Job, body: Mapping[str, Any], now: datetime) -> Advance:
    key: str = body["key"]
    archived: bool = body["archived"]
    bare = key.removeprefix("profile.")
    if (bare in await field_store.archived_keys(tx, job.channel)) != archived:
        return Advance(_END)
    after = UUID(str(job.cursor)) if job.cursor else _BEFORE_ALL
    ids = await store.holders(tx, job.channel, bare, after, _PIECE)
    states = await store.lock(tx, job.channel, ids)
    event = ContactFieldArchived(key=key) if archived else ContactFieldRestored(key=key)
    steps = [
        Step(event, evolve(state, event, now)) for state, _ in states.values() if state is not None and bare in state.profile
    ]
    position = await journal.append(tx, job.channel, steps, job.requested_by, event.type.removeprefix("contact."))
    return Advance(str(ids[-1]) if len(ids) == _PIECE else _END, {"done": len(steps)}, position=position)
