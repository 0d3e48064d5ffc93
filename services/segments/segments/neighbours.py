"""The service that segments asks: search, for the terms of term sets, and for whom a filter finds, held against who is in."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import orjson

from common.auth import Signer
from common.errors import NotFound, Unavailable
from common.peers import Peer
from segments.term_sets.term_set import TermSet


class Neighbours:
    """Calls to other services, each with a short token of segments' own."""

    def __init__(self, client: httpx.AsyncClient, signer: Signer, search_url: str) -> None:
        self._client = client
        self._signer = signer
        self._search = search_url
        self._peer = Peer(client, signer, search_url, "contacts.read")

    async def term_set(self, channel: str, term_set: UUID) -> TermSet | None:
        """A term set of the channel's; None where there is no such. Raises Unavailable."""
        try:
            told = await self._peer.ask("GET", f"/internal/term-sets/{term_set}", channel)
        except NotFound:
            return None
        return await asyncio.to_thread(TermSet.of, term_set, told["key"], told["terms"])

    async def use_term_set(self, channel: str, term_set: UUID) -> bool:
        """Have search note that a term set is in use; answers whether there is such. Raises Unavailable."""
        try:
            await self._peer.ask("GET", f"/v1/term-sets/{term_set}", channel)
        except NotFound:
            return False
        return True

    async def found(self, channel: str, segment_id: UUID) -> AsyncIterator[UUID]:
        """Whom the segment finds, in the order of ids, all of one instant. Raises Unavailable."""
        headers = self._signer.authorization(channel, "contacts.read", seconds=300)
        body = {"segment": str(segment_id)}
        try:
            async with self._client.stream("POST", f"{self._search}/v1/search/ids", json=body, headers=headers) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise Unavailable(f"search answers {answer.status_code}")
                async for line in answer.aiter_lines():
                    yield UUID(orjson.loads(line)["id"])
        except httpx.TransportError as error:
            raise Unavailable(f"search does not answer ({type(error).__name__})") from error
