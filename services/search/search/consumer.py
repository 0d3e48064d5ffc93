"""contacts.v1 and fields.v1 into the index: the last state of each contact in a batch, whole, under its version."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from common.consumer import Aside
from common.envelope import Delivered, UnreadableMessage
from common.errors import Unavailable
from common.health import Health
from common.postgres import away_is_unavailable
from common.telemetry import log
from common.topics import FIELDS
from search.aside import Once
from search.index import Index
from search.projection import Item, Projection, newest
from search.store import Store

_LOOK_SECONDS = 1.0


async def until_writable(index: Index, health: Health, stop: asyncio.Event) -> None:
    """Returns when the index is of this version's layout, or when told to stop; until then nothing is read; health says why."""
    told = ""
    while not stop.is_set():
        try:
            await index.check_layout()
        except Unavailable as reason:
            health.wait("consumer", reason.detail)
            if reason.detail != told:
                told = reason.detail
                log.warning("waiting for the index", reason=reason.detail)
        else:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _LOOK_SECONDS)


class Projector:
    """Applies batches, each to the one index that stands behind the alias from its beginning to its end."""

    def __init__(self, store: Store, index: Index, projection: Projection, dead_letters: Aside) -> None:
        self._store = store
        self._index = index
        self._projection = projection
        self._dead_letters = Once(dead_letters)

    async def apply(self, items: Sequence[Item]) -> None:
        """Definitions first, then the newest state of each contact; those that the index does not take are put aside at last.

        Raises Unavailable where a store is away, OtherLayout where what serves was made by another version: as documents of that
        one are refused by its mapping, each would be taken for one that can never be written.
        """
        with away_is_unavailable():
            await self._projection.define([i for i in items if i.origin.topic == FIELDS])
            async with self._store.writing():
                await self._index.check_layout()
                refused = await self._write([i for i in items if i.origin.topic != FIELDS])
        # No other index waits for this: while Kafka is away it takes as long as that lasts.
        for origin, reason in refused:
            await self._dead_letters.put(origin, reason)
        self._dead_letters.forget()

    async def _write(self, items: Sequence[Item]) -> list[tuple[Delivered, UnreadableMessage]]:
        """Answers the messages that the index does not take, and why."""
        latest = newest(items)
        refused = await self._index.write(await self._projection.entries(list(latest.values())))
        return [(latest[r.id].origin, UnreadableMessage(f"the index does not take it: {r.reason}")) for r in refused]
