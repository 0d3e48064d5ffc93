"""Why a contact is in a segment or not: now by what is known here, at an instant by what contacts knows of then."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from common.clock import Clock, to_millis, to_wire
from common.errors import Conflict, Unprocessable
from common.filters import FilterRefused, NamedSegment, Node, explain, used_term_sets
from common.postgres import Database, Tx
from common.query import not_later
from segments import definition_store as definitions
from segments.definition import Channel, named_segments, present, readable, written
from segments.store import Contact
from segments.term_sets import store as term_set_store
from segments.term_sets.asked import TermSets, asked_for
from segments.term_sets.term_set import TermSet
from segments.wholeness import SegmentBroken


class ContactHidden(Conflict):
    """The contact is there but in no segment, whatever the filter says."""

    code = "contactHidden"


class Past(Protocol):
    """Where the past of contacts is known."""

    async def contact(self, channel: str, contact_id: UUID, at: datetime) -> Mapping[str, Any]:
        """The contact as it was. Raises NotFound where it was not there yet, and Unavailable."""
        ...


class Explaining:
    """Explains segments by the evaluator that they are judged by."""

    def __init__(self, database: Database, term_sets: TermSets, past: Past, clock: Clock) -> None:
        self._database = database
        self._term_sets = term_sets
        self._past = past
        self._clock = clock

    async def explain(
        self, channel: str, segment_id: UUID, contact_id: UUID, contact: Contact, at: datetime | None
    ) -> dict[str, object]:
        """The segment's tree, each node with its truth for the contact of this id, now or at an instant.

        `contact` is whom the id leads to now. With `at` the contact, the clock, and the definitions are those of then, so that
        an id that was merged later is still its own; fields, country and zone are those of now. Raises NotFound, SegmentBroken
        where the filter can't be read (any more), ContactHidden, Unavailable, and Unprocessable for an instant that is still to
        come or was before the segment.
        """
        now = self._clock.now()
        if at is not None:
            not_later(at, now, "at", "/at")
        if contact.known.doc is None:
            raise ContactHidden("This contact is hidden by the managed-user limit: it is in no segment until the limit grows.")
        loaded, asked = await self._definitions(channel, segment_id, at)
        try:
            # Beside the loop: the filters of many segments may be long.
            node, named, whole = await asyncio.to_thread(_read, loaded, segment_id)
        except FilterRefused as refusal:
            whose = "This segment is broken." if at is None else "The filters of that instant can't be read any more."
            raise SegmentBroken(f"{whose} {refusal.detail}") from None
        async with self._database.connection() as connection:
            terms = await term_set_store.load(connection, channel, used_term_sets(whole))
        terms |= {str(each.id): each for each in asked}
        doc = contact.known.doc if at is None else await self._past.contact(channel, contact_id, at)
        if doc.get("hidden"):
            raise ContactHidden("This contact was hidden by the managed-user limit at that instant: it was in no segment.")
        # Beside the loop, too: every node is judged by itself, with all that the segments in it lead to.
        return await asyncio.to_thread(explain, node, doc, to_millis(now if at is None else at), terms, named)

    async def _definitions(self, channel: str, segment_id: UUID, at: datetime | None) -> tuple[Channel, list[TermSet]]:
        """What the segment's filter leads to, as it is defined, or as it was at an instant with the term sets that it named."""
        async with self._database.connection() as connection:
            loaded = await definitions.load_channel_of(connection, channel, segment_id)
            made = present(loaded, segment_id)
            if at is None:
                return loaded, []
            then = await _then(connection, channel, segment_id, at)
        if segment_id not in then:
            raise Unprocessable(
                "The segment was not there yet. Ask for a later instant.", code="beforeSegment", pointer="/at",
                extra={"at": to_wire(at)},
            )  # fmt: skip
        asked = await asked_for(self._database, self._term_sets, channel, [raw for _, raw in then.values()])
        segments = {each: replace(made, id=each, name=name, filter=raw) for each, (name, raw) in then.items()}
        keys = {**loaded.term_sets, **{str(each.id): each.key for each in asked}}
        return replace(loaded, segments=segments, term_sets=keys), asked


def _read(channel: Channel, segment_id: UUID) -> tuple[Node, Mapping[str, NamedSegment], Node]:
    """The filter as it is written, the segments that it leads to, and the whole. Raises FilterRefused."""
    raw = present(channel, segment_id).filter
    whole = readable(raw, channel, segment_id)
    node, read = written(raw, channel)
    return node, {name: NamedSegment(channel.segments[UUID(name)].name, own) for name, own in read.items()}, whole


async def _then(tx: Tx, channel: str, segment_id: UUID, at: datetime) -> dict[UUID, tuple[str, object]]:
    """Name and filter at an instant of the segment and of all that it led to, those that are still there."""
    found: dict[UUID, tuple[str, object]] = {}
    seen, ahead = {segment_id}, {segment_id}
    while ahead:
        defined = await definitions.defined_at(tx, channel, at, ahead)
        found |= defined
        ahead = {named for _, raw in defined.values() for named in named_segments(raw)} - seen
        seen |= ahead
    return found
