"""Ends what is over: files whose seven days have passed, and files that nothing needs any more."""

import asyncio
from itertools import count

from common.clock import Clock
from common.health import Health
from common.ids import Ids
from common.loop import repeat
from common.postgres import Database
from exports import holdings, journal, store
from exports.audit import store as audit
from exports.audit.entry import Action, Entry
from exports.export import Expire, decide
from exports.files import Files

_BY = "service:exports"
_LOOK_SECONDS = 1.0
_SWEEP_EVERY = 15


class Keeper:
    """The timers of exports; any number may run, each expiry happens once."""

    def __init__(self, database: Database, files: Files, clock: Clock, ids: Ids, health: Health) -> None:
        self._database = database
        self._files = files
        self._clock = clock
        self._ids = ids
        self._health = health
        health.beat("keeper")

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until told to stop."""
        rounds = count()

        async def clear() -> None:
            await self.expire()
            if next(rounds) % _SWEEP_EVERY == 0:
                await self.sweep()

        await repeat(clear, stop, every=_LOOK_SECONDS, name="keeper", health=self._health)

    async def expire(self) -> None:
        """Expire what is due, then delete its files."""
        async with self._database.transaction() as tx:
            now = self._clock.now()
            over = await store.expirable(tx, now)
            for export in over:
                await journal.append(tx, export, decide(export, Expire(now)), now, _BY)
                await audit.add(tx, export.channel, Entry(self._ids(), now, _BY, Action.EXPIRED, str(export.id), "done"))
        for export in over:
            await asyncio.to_thread(self._files.remove, export.id, export.attempts)

    async def sweep(self) -> None:
        """Delete the files of attempts that nothing needs: of killed workers, of exports that ended in another way.

        The files are listed before the exports are read: a file's attempt is always written down before the file is made.
        """
        there = await asyncio.to_thread(self._files.there)
        if there:
            async with self._database.connection() as connection:
                needed = await store.holding(connection, [export_id for export_id, _ in there])
            for export_id, attempt in there - needed:
                await asyncio.to_thread(self._files.remove, export_id, attempt)
        async with self._database.transaction() as tx:
            await holdings.drop_spent(tx)
