"""Clears up: files that no import needs any more, jobs that are old with their reports, links that nobody uses, long sums."""

import asyncio
from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from common.clock import Clock
from common.errors import Unavailable
from common.health import Health
from common.loop import repeat
from common.postgres import Database
from common.telemetry import log
from contacts.imports import store as import_store
from contacts.imports.files import IMPORT_FILES_KEPT, Files, came_before
from contacts.jobs import store as job_store
from contacts.jobs.job import KEPT
from contacts.links import store as link_store
from contacts.links.link import KEPT as LINKS_KEPT
from contacts.managed_users import store as managed_users_store

UPLOADING = timedelta(hours=1)
"""A file that is no import's may still be on its way in for so long."""
_EVERY_SECONDS = 10.0
_TIDY_EVERY = timedelta(hours=1)


class Keeper:
    """A loop; any number may run. The files of an import go when it has ended, and after a day whatever became of it."""

    def __init__(self, database: Database, files: Files, clock: Clock, health: Health) -> None:
        self._database = database
        self._files = files
        self._clock = clock
        self._health = health
        health.beat("keeper")
        self._tidy_at = clock.now()

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until told to stop."""
        await repeat(self.clear, stop, every=_EVERY_SECONDS, name="keeper", health=self._health)

    async def clear(self) -> None:
        """Once: all that is over by now; files last, for where they lie may be away. Raises Unavailable, OSError."""
        await self._clear_tables()
        await self._clear_files()

    async def _clear_tables(self) -> None:
        async with self._database.transaction() as tx:
            await import_store.forget_erased(tx)
        async with self._database.transaction() as tx:
            await managed_users_store.add_up(tx)
        more = True
        while more:
            self._health.beat("keeper")
            async with self._database.transaction() as tx:
                more = await job_store.purge(tx, self._clock.now() - KEPT)
                more = await link_store.purge(tx, self._clock.now() - LINKS_KEPT) or more

    async def _clear_files(self) -> None:
        """One file that cannot be deleted keeps no other."""
        there, left = await self._files.there(), 0
        for import_id in await self._over(there) if there else ():
            self._health.beat("keeper")
            try:
                await self._files.remove(import_id)
            except (Unavailable, OSError) as error:
                left += 1
                log.warning("files of an import are to be deleted later", of=str(import_id), exc_info=error)
        if left:
            self._health.trouble("files", f"the files of {left} imports cannot be deleted", 2 * _EVERY_SECONDS)
        if (now := self._clock.now()) >= self._tidy_at:
            await self._files.tidy(now - IMPORT_FILES_KEPT)
            self._tidy_at = now + _TIDY_EVERY

    async def _over(self, there: Collection[UUID]) -> set[UUID]:
        """Listed before the imports are read: an upload that became one meanwhile is found at work."""
        now = self._clock.now()
        async with self._database.connection() as connection:
            standing = await import_store.standing(connection, there)
        ended = {import_id for import_id in there if import_id in standing and not standing[import_id].in_work}
        stray = came_before(there - standing.keys(), now - UPLOADING)
        return ended | stray | came_before(there, now - IMPORT_FILES_KEPT)


class Leftovers:
    """A loop of a process that takes uploads in: what it left in a folder of its own, when it was killed, goes."""

    def __init__(self, files: Files, clock: Clock) -> None:
        self._files = files
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until told to stop."""
        await repeat(self.clear, stop, every=_EVERY_SECONDS, name="leftovers")

    async def clear(self) -> None:
        """Once: all that is too old to be on its way in."""
        await self._files.discard_from_before(self._clock.now() - UPLOADING)
