"""The services that search asks: contacts for fields it has not heard of yet, segments for their definitions."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from common.clock import to_wire
from common.events.contacts import FieldDefinition
from common.peers import Peer


class Neighbours:
    """Calls to contacts and segments."""

    def __init__(self, contacts: Peer, segments: Peer) -> None:
        self._contacts = contacts
        self._segments = segments

    async def fields(self, channel: str) -> list[FieldDefinition]:
        """All field definitions of a channel. Raises Unavailable."""
        answer = await self._contacts.ask("GET", "/v1/fields", channel)
        return [FieldDefinition.of(item) for item in answer["items"]]

    async def segments(self, channel: str, ids: Iterable[str]) -> dict[str, Mapping[str, Any]]:
        """These segments and all that they refer to, by id, as the API shows them, of one instant. Raises Unavailable.

        Those that are not there are left out.
        """
        answer = await self._segments.ask("POST", "/internal/segments/read", channel, {"ids": sorted(ids)})
        return {item["id"]: item for item in answer["items"]}

    async def contact(self, channel: str, contact_id: UUID, at: datetime) -> Mapping[str, Any]:
        """A contact as it was at an instant. Raises NotFound where it was not there yet, Unavailable."""
        found: Mapping[str, Any] = await self._contacts.ask("GET", f"/v1/contacts/{contact_id}?at={to_wire(at)}", channel)
        return found

    async def sent(self, channel: str) -> None:
        """Returns when contacts has handed over to Kafka all that was committed before the call. Raises Unavailable."""
        await self._contacts.ask("GET", "/internal/sent", channel)
