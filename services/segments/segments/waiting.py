"""Waits until what a request wants to see has arrived here."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from common.errors import Unavailable
from common.kafka import Places
from common.position import Position
from common.postgres import Database
from segments import offsets
from segments.queries import Queries

_PATIENCE_SECONDS = 5.0
_LOOK_SECONDS = 0.02


class Waiting:
    """Looks again and again at what has been applied.

    `sent` returns when contacts has handed over to Kafka all that a channel has written; `ends` tells where the topics that are
    read here end now.
    """

    def __init__(self, database: Database, sent: Callable[[str], Awaitable[None]], ends: Callable[[], Awaitable[Places]]) -> None:
        self._database = database
        self._queries = Queries(database)
        self._sent = sent
        self._ends = ends

    async def until_applied(self, channel: str, awaited: Position) -> None:
        """Returns when all that the position names is applied. Raises Unavailable, `notCaughtUp` after 5 seconds."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                if awaited.everything:
                    await self._sent(channel)
                    ends = await self._ends()
                    await _until(partial(self._has_read, ends))
                await _until(partial(self._queries.has_applied, channel, awaited))
        except TimeoutError:
            words = "What was written has not arrived here yet. Ask again in a moment."
            raise Unavailable(words, code="notCaughtUp") from None

    async def _has_read(self, ends: Places) -> bool:
        async with self._database.connection() as connection:
            read = await offsets.all_offsets(connection)
        return all(read.get(place, 0) >= end for place, end in ends.items())


async def _until(done: Callable[[], Awaitable[bool]]) -> None:
    while True:
        if await done():
            return
        await asyncio.sleep(_LOOK_SECONDS)
