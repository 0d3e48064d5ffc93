"""The services that contacts asks: search for whom a filter means, and every reader whether it has let an erased contact go."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any
from uuid import UUID

from common.errors import Unavailable
from common.peers import Peer, until_end
from common.position import Position

_WITHIN = "/target"
_MEANING = frozenset({"filter", "segment", "query"})


class Neighbours:
    """Calls to search, whose refusals point into a bulk action's `target`."""

    def __init__(self, search: Peer) -> None:
        self._search = search

    async def seen(self, channel: str, target: Mapping[str, Any], position: Position | None) -> str:
        """The fingerprint of whom a target means now."""
        asked = {key: value for key, value in target.items() if key in _MEANING}
        answer = await self._search.ask("POST", "/v1/search/count", channel, asked, position=position, within=_WITHIN)
        fingerprint: str = answer["fingerprint"]
        return fingerprint

    async def audience(self, channel: str, target: Mapping[str, Any], position: Position | None = None) -> int:
        """For how many contacts a target with its fingerprint is. Raises Conflict, Unprocessable."""
        answer = await self._search.ask("POST", "/internal/audience", channel, target, position=position, within=_WITHIN)
        total: int = answer["total"]
        return total

    @asynccontextmanager
    async def matching(self, channel: str, target: Mapping[str, Any], size: int) -> AsyncIterator[AsyncIterator[list[UUID]]]:
        """The ids of all whom a target means at one instant, not before the call, so many at a time. Raises Problem."""
        asked = {key: value for key, value in target.items() if key != "fingerprint"} | {"whole": False}
        async with self._search.lines("/internal/scan", channel, asked, within=_WITHIN) as lines:
            head = await anext(lines, b"")
            if not head:
                raise Unavailable("The search broke off. Try again in a moment.")
            async with aclosing(_ids(lines, size)) as ids:
                yield ids


async def _ids(lines: AsyncIterator[bytes], size: int) -> AsyncGenerator[list[UUID], None]:
    async for batch in until_end(lines, size):
        yield [UUID(row["id"]) for row in batch]
