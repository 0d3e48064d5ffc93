"""A manager makes, changes and deletes segments: each one transaction, alone with the channel's definitions."""

from dataclasses import replace
from uuid import UUID

from common.auth import Caller
from common.clock import Clock, to_millis
from common.errors import Conflict, NotFound
from common.filters import FilterRefused
from common.ids import Ids
from common.postgres import Database
from segments import definition_store as definitions
from segments.definition import Channel, Segment, dependents, readable, rebuilt, reconsidered


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

    def __init__(self, database: Database, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids

    async def make(self, caller: Caller, name: str, raw: object) -> UUID:
        """A new segment, to be built. Raises FilterRefused and TooManySegments."""
        async with self._database.transaction() as tx:
            await definitions.change_alone(tx, [caller.channel])
            channel = await definitions.load_channel(tx, caller.channel)
            # The instant is taken under the lock: nobody judges any more who does not see this segment.
            now = self._clock.now()
            segment = Segment(self._ids(), name, raw, 1, "building", None, 1, to_millis(now))
            readable(raw, channel, segment.id)
            if len(channel.segments) >= MOST_SEGMENTS:
                raise TooManySegments(f"A channel may have {MOST_SEGMENTS:,} segments. Delete some that are not used any more.")
            await definitions.add_segment(tx, caller.channel, segment, now, caller.subject)
            await definitions.touch(tx, caller.channel)
            await definitions.tell_defined(tx, caller.channel, segment, now, self._ids)
            return segment.id

    async def change(self, caller: Caller, segment_id: UUID, name: str | None, raw: object = UNCHANGED) -> None:
        """Another name, another filter (built anew, and with it every segment that refers to this one), or both.

        Raises NotFound and FilterRefused.
        """
        async with self._database.transaction() as tx:
            await definitions.change_alone(tx, [caller.channel])
            channel = await definitions.load_channel(tx, caller.channel)
            before = _found(channel, segment_id)
            now = self._clock.now()
            after = replace(before, name=name or before.name)
            if raw is not UNCHANGED:
                readable(raw, channel, segment_id)
            if raw is not UNCHANGED and (raw != before.filter or before.status == "broken"):
                after = replace(rebuilt(after, to_millis(now)), filter=raw, definition_version=before.definition_version + 1)
            if after == before:
                return
            changed = channel.with_segment(after)
            affected = [s for s in reconsidered(channel, changed, to_millis(now)) if s.id != segment_id]
            _refuse_to_break(channel, affected)
            for segment in [after, *affected]:
                await definitions.update_segment(tx, caller.channel, segment)
            await definitions.touch(tx, caller.channel)
            await definitions.tell_defined(tx, caller.channel, after, now, self._ids)

    async def delete(self, caller: Caller, segment_id: UUID) -> None:
        """The segment and its history go. Raises NotFound, and SegmentInUse while another refers to it."""
        async with self._database.transaction() as tx:
            await definitions.change_alone(tx, [caller.channel])
            channel = await definitions.load_channel(tx, caller.channel)
            segment = _found(channel, segment_id)
            if users := dependents(channel, segment_id):
                raise SegmentInUse(
                    f"{len(users)} other segments refer to this one. Change or delete those first.",
                    extra={"usedBy": [str(user.id) for user in users]},
                )
            await definitions.delete_segment(tx, caller.channel, segment_id)
            await definitions.touch(tx, caller.channel)
            await definitions.tell_deleted(tx, caller.channel, segment, self._clock.now(), self._ids)


def _found(channel: Channel, segment_id: UUID) -> Segment:
    try:
        return channel.segments[segment_id]
    except KeyError:
        raise NotFound("There is no such segment.") from None


def _refuse_to_break(before: Channel, affected: list[Segment]) -> None:
    for segment in affected:
        if segment.status == "broken" and before.segments[segment.id].status != "broken":
            raise FilterRefused(
                "With this filter, a segment that refers to this one could not be read any more: "
                "together they would be too deep or too long.",
                code="breaksSegment",
                pointer="/filter",
            )
