"""Ends what is over: files whose seven days have passed, and files that nothing needs any more."""

import asyncio
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID

from common.clock import Clock
from common.errors import Unavailable
from common.health import Health
from common.ids import Ids
from common.loop import repeat
from common.postgres import Database
from common.telemetry import log
from exports import holdings, journal, store
from exports.audit import store as audit
from exports.audit.entry import Action, Entry
from exports.export import Expire, Export, Status, decide
from exports.files import Files

_BY = "service:exports"
_LOOK_SECONDS = 1.0
_SWEEP_EVERY = 15
_TIDY_EVERY = 900
_BY_HALVES = timedelta(days=1)
"""For so long a file may be on its way to where it is kept, at the most."""
_TOLD_SECONDS = 2.0 * _SWEEP_EVERY
_REST = timedelta(minutes=1)
"""For so long an export that cannot be ended is left alone."""


class Keeper:
    """The timers of exports; any number may run, each expiry happens once."""

    def __init__(self, database: Database, files: Files, clock: Clock, ids: Ids, health: Health) -> None:
        self._database = database
        self._files = files
        self._clock = clock
        self._ids = ids
        self._health = health
        health.beat("keeper")
        self._resting: dict[UUID, datetime] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until told to stop."""
        rounds = count()

        async def clear() -> None:
            await self.expire()
            number = next(rounds)
            if number % _SWEEP_EVERY == 0:
                await self.sweep()
            if number % _TIDY_EVERY == 0:
                await self._files.tidy(self._clock.now() - _BY_HALVES)

        await repeat(clear, stop, every=_LOOK_SECONDS, name="keeper", health=self._health)

    async def expire(self) -> None:
        """Expire what is due, then delete its files."""
        now = self._clock.now()
        self._resting = {export_id: until for export_id, until in self._resting.items() if until > now}
        async with self._database.connection() as connection:
            over = await store.expirable(connection, now, self._resting)
        for channel, export_id in over:
            self._health.beat("keeper")
            try:
                await self._expire(channel, export_id, now)
            except (Unavailable, OSError):
                raise
            except Exception as error:  # noqa: BLE001 - what one export meets must not keep the files of all the others
                log.error("an export cannot be expired", export=str(export_id), exc_info=error)
                self._resting[export_id] = now + _REST

    async def _expire(self, channel: str, export_id: UUID, now: datetime) -> None:
        async with self._database.transaction() as tx:
            export = await store.load(tx, channel, export_id, lock=True)
            events = [] if export is None else decide(export, Expire(now))
            if export is None or not events:  # another keeper was here first
                return
            after = await journal.append(tx, export, events, now, _BY)
            await audit.add(tx, channel, self._entry(after, now))
        await self._files.let_go(export_id, export.attempts)

    def _entry(self, export: Export, now: datetime) -> Entry:
        if export.status is Status.FAILED:  # nobody has approved it
            return Entry(self._ids(), now, _BY, Action.FAILED, str(export.id), "failed", None, export.problem)
        return Entry(self._ids(), now, _BY, Action.EXPIRED, str(export.id), "done")

    async def sweep(self) -> None:
        """Delete the files of attempts that nothing needs: of killed workers, of exports that ended in another way.

        The files are listed before the exports are read: a file's attempt is always written down before the file is made.
        Raises Unavailable, OSError where nobody can tell. Whom a file held is forgotten only once it is gone; one that cannot be
        deleted keeps no other.
        """
        async with self._database.connection() as connection:
            spent = await holdings.spent(connection)
        there = await self._files.there()
        left: set[UUID] = set()
        if there:
            async with self._database.connection() as connection:
                needed = await store.holding(connection, [export_id for export_id, _ in there])
            for export_id, attempt in there - needed:
                self._health.beat("keeper")
                if (export_id, None) not in needed and not await self._files.let_go(export_id, attempt):
                    left.add(export_id)
        async with self._database.transaction() as tx:
            for channel, export_id in spent:
                if export_id not in left:
                    await holdings.drop(tx, channel, export_id)
        if left:
            self._health.trouble("files", f"{len(left)} files that nothing needs cannot be deleted", _TOLD_SECONDS)
