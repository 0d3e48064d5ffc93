"""A manager makes, changes and deletes segments: each one transaction, alone with the channel's definitions."""

import asyncio
from dataclasses import replace
from uuid import UUID

from common.auth import Caller
from common.clock import Clock, to_millis
from common.errors import ANY_VERSION, Conflict, StaleVersion
from common.ids import Ids
from common.postgres import Database, Tx
from segments import definition_store as definitions
from segments.definition import Channel, Segment, present, readable, rebuilt, reconsidered, refuse_to_break, term_sets_of
from segments.term_sets import store as term_set_store
from segments.term_sets.asked import TermSets, asked_for, refuse_too_many


class TooManySegments(Conflict):
    """The channel has as many segments as it may have."""

    code = "tooManySegments"


class SegmentInUse(Conflict):
    """Other segments refer to this one."""

    code = "segmentInUse"


MOST_SEGMENTS = 10_000


class Unchanged:
    """Stands for a filter that a change does not name: null is a filter that is refused, not one left alone."""


UNCHANGED = Unchanged()


class Segments:
    """The commands."""

    def __init__(self, database: Database, term_sets: TermSets, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._term_sets = term_sets
        self._clock = clock
        self._ids = ids

    async def make(self, caller: Caller, name: str, raw: object) -> UUID:
        """A new segment, to be built. Raises FilterRefused, TooManySegments, and Unavailable while a term set can't be had."""
        asked = await asked_for(self._database, self._term_sets, caller.channel, raw)
        async with self._database.transaction() as tx:
            await definitions.change_alone(tx, [caller.channel])
            await term_set_store.add(tx, caller.channel, asked)
            made = self._ids()
            channel = await definitions.load_channel_around(tx, caller.channel, made, raw)
            # The instant is taken under the lock: nobody judges any more who does not see this segment.
            now = self._clock.now()
            segment = Segment(made, name, raw, 1, "building", None, 1, to_millis(now))
            readable(raw, channel, segment.id)
            if await definitions.count(tx, caller.channel) >= MOST_SEGMENTS:
                raise TooManySegments(
                    f"A channel may have {MOST_SEGMENTS:,} segments. Delete some that are not used any more.",
                    extra={"most": MOST_SEGMENTS},
                )
            await _keep_term_sets(tx, caller.channel, channel, made, raw)
            await definitions.add_segment(tx, caller.channel, segment, now, caller.subject)
            await definitions.touch(tx, caller.channel)
            await definitions.tell_defined(tx, caller.channel, segment, now, self._ids)
            return segment.id

    async def change(
        self, caller: Caller, segment_id: UUID, name: str | None, raw: object = UNCHANGED, expected: int | None = None
    ) -> None:
        """Another name, another filter (built anew, and with it every segment that refers to this one), or both.

        Raises NotFound, FilterRefused, StaleVersion where it is not at the `expected` version, and Unavailable while a term set
        can't be had.
        """
        asked = [] if raw is UNCHANGED else await asked_for(self._database, self._term_sets, caller.channel, raw)
        async with self._database.transaction() as tx:
            await definitions.change_alone(tx, [caller.channel])
            await term_set_store.add(tx, caller.channel, asked)
            channel = await definitions.load_channel_around(tx, caller.channel, segment_id, None if raw is UNCHANGED else raw)
            before = present(channel, segment_id)
            now = self._clock.now()
            after = replace(before, name=name or before.name)
            if raw is not UNCHANGED:
                readable(raw, channel, segment_id)
            if raw is not UNCHANGED and (raw != before.filter or before.status == "broken"):
                after = replace(rebuilt(after, to_millis(now)), filter=raw, definition_version=before.definition_version + 1)
            changed = channel.with_segment(after)
            await _keep_term_sets(tx, caller.channel, channel, segment_id, after.filter)
            # Beside the loop: thousands of filters take seconds to read.
            others = await asyncio.to_thread(reconsidered, channel, changed, to_millis(now))
            affected = [s for s in others if s.id != segment_id]
            refuse_to_break(channel, affected)
            await _refuse_stale(tx, caller.channel, before, expected)
            if after == before:
                return
            after = replace(after, version=before.version + 1)
            for segment in [after, *affected]:
                await definitions.update_segment(tx, caller.channel, segment)
            await definitions.note_named(tx, caller.channel, segment_id)
            await definitions.keep_definition(tx, caller.channel, after, now, caller.subject)
            await definitions.touch(tx, caller.channel)
            await definitions.tell_defined(tx, caller.channel, after, now, self._ids)

    async def delete(self, caller: Caller, segment_id: UUID, expected: int | None = None) -> None:
        """The segment and its history go. Raises NotFound, SegmentInUse while another refers to it, and StaleVersion."""
        async with self._database.transaction() as tx:
            await definitions.change_alone(tx, [caller.channel])
            channel = await definitions.load_channel_around(tx, caller.channel, segment_id)
            segment = present(channel, segment_id)
            if users := await definitions.used_by(tx, caller.channel, segment_id):
                raise SegmentInUse(
                    "Other segments refer to this one. Change or delete those first: `usedBy` has their ids and names.",
                    extra={"usedBy": {"segments": [{"id": str(user), "name": name} for user, name in users]}},
                )
            await _refuse_stale(tx, caller.channel, segment, expected)
            await definitions.delete_segment(tx, caller.channel, segment_id)
            await _keep_term_sets(tx, caller.channel, channel, segment_id, None)
            await definitions.touch(tx, caller.channel)
            await definitions.tell_deleted(tx, caller.channel, segment, self._clock.now(), self._ids)


async def _keep_term_sets(tx: Tx, name: str, channel: Channel, segment_id: UUID, raw: object) -> None:
    """Keep the term sets that segments name, this one by its filter as it is now, and no others.

    Raises FilterRefused where they are too large together.
    """
    if channel.term_sets:
        used = term_sets_of([raw]) | await definitions.term_sets_of_others(tx, name, segment_id)
        refuse_too_many(await term_set_store.keep_only(tx, name, used))


async def _refuse_stale(tx: Tx, channel: str, segment: Segment, expected: int | None) -> None:
    if expected not in (None, ANY_VERSION, segment.version):
        raise StaleVersion(segment.version, await definitions.changed_by(tx, channel, segment.id))
