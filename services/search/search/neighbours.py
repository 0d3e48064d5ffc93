"""The services that search asks: contacts for fields it has not heard of yet, segments for their definitions."""

from collections.abc import Mapping
from typing import Any

import httpx

from common.auth import Signer
from common.errors import NotFound, Unavailable
from common.events.contacts import FieldDefinition


class Neighbours:
    """Calls to other services, each with a short token of search's own."""

    def __init__(self, client: httpx.AsyncClient, signer: Signer, contacts_url: str, segments_url: str) -> None:
        self._client = client
        self._signer = signer
        self._contacts = contacts_url
        self._segments = segments_url

    async def fields(self, channel: str) -> list[FieldDefinition]:
        """All field definitions of a channel. Raises Unavailable."""
        answer = await self._get(f"{self._contacts}/v1/fields", channel)
        return [FieldDefinition.model_validate(item) for item in answer["items"]]

    async def segment(self, channel: str, segment_id: str) -> Mapping[str, Any]:
        """A segment as the API shows it. Raises NotFound, Unavailable."""
        found: Mapping[str, Any] = await self._get(f"{self._segments}/v1/segments/{segment_id}", channel)
        return found

    async def sent(self, channel: str) -> None:
        """Returns when contacts has handed over to Kafka all that was committed before the call. Raises Unavailable."""
        await self._get(f"{self._contacts}/internal/sent", channel)

    async def _get(self, url: str, channel: str) -> Any:
        try:
            answer = await self._client.get(url, headers=self._signer.authorization(channel, "contacts.read"))
        except httpx.TransportError:
            raise Unavailable("Another service does not answer. Try again in a moment.") from None
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise NotFound("There is no such thing.")
        if answer.status_code != httpx.codes.OK:
            raise Unavailable("Another service does not answer as it should. Try again in a moment.")
        return answer.json()
