"""contacts.v1 and fields.v1 into the index: the last state of each contact in a batch, whole, under its version."""

from collections.abc import Sequence

from common.consumer import Aside
from common.envelope import UnreadableMessage
from common.postgres import away_is_unavailable
from common.topics import FIELDS
from search.index import Index
from search.projection import Item, Projection, newest
from search.store import Store


class Projector:
    """Applies batches, each to the one index that stands behind the alias from its beginning to its end."""

    def __init__(self, store: Store, index: Index, projection: Projection, dead_letters: Aside) -> None:
        self._store = store
        self._index = index
        self._projection = projection
        self._dead_letters = dead_letters

    async def apply(self, items: Sequence[Item]) -> None:
        """Definitions first, then the newest state of each contact. Raises Unavailable where a store is away."""
        with away_is_unavailable():
            await self._projection.define([i for i in items if i.origin.topic == FIELDS])
            async with self._store.writing():
                await self._write([i for i in items if i.origin.topic != FIELDS])

    async def _write(self, items: Sequence[Item]) -> None:
        latest = newest(items)
        for refused in await self._index.write(await self._projection.entries(list(latest.values()))):
            reason = UnreadableMessage(f"the index does not take it: {refused.reason}")
            await self._dead_letters.put(latest[refused.id].origin, reason)
