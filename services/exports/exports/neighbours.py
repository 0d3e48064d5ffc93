"""The services that exports asks: contacts for fields, settings and ids; search for audiences and rows of one instant."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from common.events.contacts import FieldDefinition
from common.peers import Peer
from common.position import Position

_WITHIN = "/scope"


class Neighbours:
    """What exports asks of whom."""

    def __init__(self, contacts: Peer, search: Peer) -> None:
        self._contacts = contacts
        self._search = search

    async def settings(self, channel: str) -> Mapping[str, Any]:
        """The channel's settings as the API shows them."""
        found: Mapping[str, Any] = await self._contacts.ask("GET", "/v1/channel", channel)
        return found

    async def fields(self, channel: str) -> list[FieldDefinition]:
        """The channel's fields in their order."""
        answer = await self._contacts.ask("GET", "/v1/fields", channel)
        return [FieldDefinition.of(item) for item in answer["items"]]

    async def survivors(self, channel: str, ids: Sequence[str]) -> Mapping[str, str]:
        """For each id that is a contact here, whom it stands for."""
        answer = await self._contacts.ask("POST", "/internal/contacts/resolve", channel, {"ids": list(ids)})
        return {item["id"]: item["survivor"] for item in answer["found"]}

    async def audience(self, channel: str, asked: Mapping[str, Any], position: Position | None) -> int:
        """How many a filter scope is for. Raises Conflict and Unprocessable as search does, their pointers within the scope."""
        answer = await self._search.ask("POST", "/internal/audience", channel, asked, position=position, within=_WITHIN)
        total: int = answer["total"]
        return total

    async def everyone(self, channel: str, position: Position | None) -> int:
        """How many contacts there are."""
        answer = await self._search.ask("POST", "/v1/search/count", channel, {}, position=position)
        total: int = answer["total"]
        return total

    def scan(self, channel: str, asked: Mapping[str, Any]) -> AbstractAsyncContextManager[AsyncIterator[list[bytes]]]:
        """The lines of a scan, as many at a time as have come: a head, the contacts of one instant in the order of their ids, an
        end. Raises Problem.

        The instant is not before the call, and whatever was committed before the call is in it.
        """
        return self._search.pieces("/internal/scan", channel, asked, within=_WITHIN)
