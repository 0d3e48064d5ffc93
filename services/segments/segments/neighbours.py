"""The services that segments asks: search, for term sets and for whom a filter finds; contacts, for what waits to be sent; and
notify, for the destinations that are told of a segment."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from common.clock import to_wire
from common.errors import NotFound, Unavailable
from common.peers import Peer, until_end
from common.telemetry import log
from segments.term_sets.term_set import TermSet

_BATCH = 1000


class Neighbours:
    """Calls to search and contacts."""

    def __init__(self, search: Peer, contacts: Peer) -> None:
        self._search = search
        self._contacts = contacts

    async def sent(self, channel: str) -> None:
        """Returns when contacts has handed over to Kafka all that was committed before the call. Raises Unavailable."""
        await self._contacts.ask("GET", "/internal/sent", channel)

    async def contact(self, channel: str, contact_id: UUID, at: datetime) -> Mapping[str, Any]:
        """A contact as it was at an instant. Raises NotFound where it was not there yet, and Unavailable."""
        shown: Mapping[str, Any] = await self._contacts.ask("GET", f"/v1/contacts/{contact_id}?at={to_wire(at)}", channel)
        return shown

    async def term_set(self, channel: str, term_set: UUID) -> TermSet | None:
        """A term set of the channel's; None where there is no such. Raises Unavailable."""
        try:
            told = await self._search.ask("GET", f"/internal/term-sets/{term_set}", channel)
        except NotFound:
            return None
        return await asyncio.to_thread(TermSet.of, term_set, told["key"], told["terms"])

    async def use_term_set(self, channel: str, term_set: UUID) -> bool:
        """Have search note that a term set is in use; answers whether there is such. Raises Unavailable."""
        try:
            await self._search.ask("GET", f"/v1/term-sets/{term_set}", channel)
        except NotFound:
            return False
        return True

    async def found(self, channel: str, segment_id: UUID) -> AsyncGenerator[UUID, None]:
        """Whom the segment finds, in the order of ids, all of one instant.

        Raises Unavailable, and NotFound or Unprocessable where search does not know or cannot read the segment.
        """
        asked = {"segment": str(segment_id), "whole": False}
        async with self._search.lines("/internal/scan", channel, asked) as lines:
            await anext(lines, b"")  # the head tells how many there are; that all came is told at the end
            async for batch in until_end(lines, _BATCH):
                for row in batch:
                    yield UUID(row["id"])


_SECONDS = 1.0
"""So long a segment that is read waits for what another service knows of it."""


class Notices:
    """Calls to notify."""

    def __init__(self, notify: Peer, *, within: float = _SECONDS) -> None:
        self._notify = notify
        self._within = within

    async def told_of(self, channel: str, segments: Sequence[UUID]) -> Mapping[UUID, list[Mapping[str, Any]]] | None:
        """The destinations that are told of these segments; None while notify does not say, and nobody knows."""
        found: dict[UUID, list[Mapping[str, Any]]] = {segment: [] for segment in segments}
        try:
            async with asyncio.timeout(self._within):
                told = await self._notify.ask(
                    "POST", "/internal/destinations/of-segments", channel, {"ids": [*map(str, segments)]}
                )
        except (Unavailable, NotFound, TimeoutError):
            log.warning("notify does not say which destinations are told of segments", count=len(segments))
            return None
        for item in told["items"]:
            segment = UUID(item.pop("segmentId"))
            found[segment].append(item)
        return found
