"""The services that segments asks: search, for term sets and for whom a filter finds, and contacts, for what waits to be sent."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from common.clock import to_wire
from common.errors import NotFound
from common.peers import Peer, until_end
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
