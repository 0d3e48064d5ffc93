"""Tells what was gathered in a minute once it is over, and deletes what ended long ago."""

import asyncio
from datetime import timedelta

from common.clock import Clock
from common.ids import Ids
from common.loop import repeat
from common.postgres import Database
from notify.deliveries import gathering, store
from notify.deliveries.delivery import KEPT
from notify.destinations.store import forget_gone

_TELL_SECONDS, _PURGE_SECONDS = 1.0, 600.0
_AT_ONCE = 1000
_COUNTED_FOR = timedelta(days=3)
"""So long a change is known as counted: longer than anything is delivered twice."""


class Keeper:
    """The loops."""

    def __init__(self, database: Database, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids

    async def tell(self, stop: asyncio.Event) -> None:
        """A loop: what was gathered in minutes that are over becomes notices."""
        await repeat(self.tell_once, stop, every=_TELL_SECONDS, name="tell")

    async def tell_once(self) -> bool:
        """Answers whether there was anything to tell."""
        async with self._database.transaction() as tx:
            now = self._clock.now()
            return await gathering.tell(tx, now, self._ids, _AT_ONCE)

    async def purge(self, stop: asyncio.Event) -> None:
        """A loop: what ended long ago goes."""

        async def purge() -> bool:
            async with self._database.transaction() as tx:
                now = self._clock.now()
                more = await store.purge(tx, now - KEPT, _AT_ONCE)
                await forget_gone(tx, now - _COUNTED_FOR)
                return await gathering.purge(tx, now - _COUNTED_FOR, _AT_ONCE) or more

        await repeat(purge, stop, every=_PURGE_SECONDS, name="purge deliveries")
