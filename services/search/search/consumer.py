"""contacts.v1 and fields.v1 into the index: the last state of each contact in a batch, whole, under its version."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial

from common.consumer import Aside, Work
from common.envelope import UnreadableMessage
from common.errors import Unavailable
from common.health import Health
from common.postgres import away_is_unavailable
from common.telemetry import log
from common.topics import FIELDS
from search.aside import Once
from search.bulk import Entry
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
        write = await self.prepare(items)
        await write()

    async def prepare(self, items: Sequence[Item]) -> Work:
        """Keep the definitions and make the documents; what is left is to write these, as `apply` does. Raises Unavailable."""
        with away_is_unavailable():
            await self._projection.define([i for i in items if i.origin.topic == FIELDS])
            latest = newest([i for i in items if i.origin.topic != FIELDS])
            return partial(self._write, latest, await self._projection.entries(list(latest.values())))

    async def _write(self, latest: Mapping[str, Item], entries: Sequence[Entry]) -> None:
        with away_is_unavailable():
            async with self._store.writing():
                await self._index.check_layout()
                refused = await self._index.write(entries)
        # No other index waits for this: while Kafka is away it takes as long as that lasts.
        for each in refused:
            await self._dead_letters.put(latest[each.id].origin, UnreadableMessage(f"the index does not take it: {each.reason}"))
        self._dead_letters.forget()
