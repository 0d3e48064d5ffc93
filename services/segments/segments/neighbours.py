"""The service that segments asks: search, for whom a segment's filter finds, to be held against who is in."""

from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import orjson

from common.auth import Signer
from common.errors import Unavailable


class Neighbours:
    """Calls to other services, each with a short token of segments' own."""

    def __init__(self, client: httpx.AsyncClient, signer: Signer, search_url: str) -> None:
        self._client = client
        self._signer = signer
        self._search = search_url

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
