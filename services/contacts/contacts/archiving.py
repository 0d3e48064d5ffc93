"""A field archived or restored, carried out so that no reader ever judges by a value that it only happens not to have.

Archiving: readers know that the field is archived before they are told of anybody without its value. Restoring: they are told of
every value before they are told that the field is back. A channel may have a million holders, so they are told of in the
background, a piece a transaction. Nothing here moves a value: whether it is shown is the definition's to say.

A merge moves values, from one contact to another whom nobody has looked for yet. So whether values are told of turns only while
nobody is writing any: who wrote before is found here, and who writes after that tells it right itself.
"""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from common.events.contacts import ContactFieldArchived, ContactFieldRestored
from common.position import Position, kept
from common.postgres import Tx
from contacts import journal, store
from contacts.contact import evolve
from contacts.fields import store as field_store
from contacts.fields.handlers import restored
from contacts.fields.publish import fields_position
from contacts.jobs.job import Advance, Job
from contacts.jobs.runner import HeldJob, NotYet
from contacts.portion import MOST_BYTES
from contacts.publish import Step

_PIECE = 500
_BEFORE_ALL, _TOLD, _END = UUID(int=0), "told", "end"
_LOOK_AGAIN_SECONDS = 0.5


class Followers(Protocol):
    """Who judges by what is told here."""

    async def have_seen(self, channel: str, position: Position) -> bool:
        """Whether all of them have applied what the position names, and all before it."""
        ...


class Telling:
    """The runner. Its cursor is none, the last id told of (an id before all of them), or a word: all are told of, or the end.

    It ends early where the field has been turned again meanwhile: that has a job of its own.
    """

    def __init__(self, followers: Followers, *, most_bytes: int = MOST_BYTES) -> None:
        self._followers = followers
        self._most_bytes = most_bytes

    async def run(self, held: HeldJob) -> None:
        """Go on from the cursor. Raises NotYet where a reader is behind, or values are on their way for long."""
        key: str = held.body["key"]
        archived: bool = held.body["archived"]

        async def piece(tx: Tx, job: Job, now: datetime) -> Advance:
            if await field_store.turned_by(tx, job.channel, key) != job.id:
                return Advance(_END)
            if job.cursor == _TOLD:
                await restored(tx, job.channel, key, job.id, now)
                return Advance(_END)
            if archived and job.cursor is None:
                await field_store.alone(tx, job.channel)
                await field_store.withhold(tx, job.channel, key, job.id)
                return Advance(str(_BEFORE_ALL))
            return await self._tell(tx, job, key, now, archived=archived)

        while held.job.cursor != _END:
            awaited = await self._awaited(held, key, archived=archived)
            if awaited is not None and not await self._followers.have_seen(held.job.channel, awaited):
                raise NotYet(_LOOK_AGAIN_SECONDS)
            try:
                await held.advance(piece)
            except field_store.StillWriting:
                raise NotYet(_LOOK_AGAIN_SECONDS) from None

    async def _awaited(self, held: HeldJob, key: str, *, archived: bool) -> Position | None:
        """What readers must have seen before the next piece; None where it need not wait."""
        if archived and held.job.cursor is None:
            async with held.reading() as connection:
                definition, version = (await field_store.fields(connection, held.job.channel))[key]
            return fields_position(held.job.channel, [(definition, version)])
        if held.job.cursor == _TOLD:
            return kept(held.job.position, held.job.channel)
        return None

    async def _tell(self, tx: Tx, job: Job, key: str, now: datetime, *, archived: bool) -> Advance:
        """Tell of the next holders, in the order of their ids."""
        bare = key.removeprefix("profile.")
        after = UUID(str(job.cursor)) if job.cursor else _BEFORE_ALL
        found = await store.holders(tx, job.channel, bare, after, _PIECE)
        ids = found[: await store.first_fitting(tx, job.channel, found, self._most_bytes)]
        states = await store.lock(tx, job.channel, ids)
        event = ContactFieldArchived(key=key) if archived else ContactFieldRestored(key=key)
        steps = [
            Step(event, evolve(state, event, now)) for state, _ in states.values() if state is not None and bare in state.profile
        ]
        position = await journal.append(tx, job.channel, steps, job.requested_by, event.type.removeprefix("contact."))
        more = len(ids) < len(found) or len(found) == _PIECE
        following = str(ids[-1]) if more else _END if archived else _TOLD
        return Advance(following, {"done": len(steps)}, position=position)
