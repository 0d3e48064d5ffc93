"""Deletes term sets that nobody has used for long: what was pasted may be people's data, and is nobody's to keep."""

import asyncio

from common.clock import Clock
from common.health import Health
from common.loop import repeat
from search.term_sets.store import TermSetStore

_EVERY_SECONDS = 10.0


class Keeper:
    """A loop; any number may run."""

    def __init__(self, store: TermSetStore, clock: Clock, health: Health) -> None:
        self._store = store
        self._clock = clock
        self._health = health
        health.beat("keeper")

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until told to stop."""
        await repeat(self.clear, stop, every=_EVERY_SECONDS, name="keeper", health=self._health)

    async def clear(self) -> None:
        """Once: all that are unused for long by now."""
        while await self._store.purge(self._clock.now()):
            self._health.beat("keeper")
