"""Shows what the managed-user limit had hidden as soon as there is room for it: a timer of the worker."""

import asyncio
from datetime import datetime, timedelta

from common.clock import Clock
from common.errors import Unavailable
from common.events.contacts import ContactShown
from common.health import Health
from common.loop import repeat
from common.postgres import Database
from common.telemetry import log
from contacts import journal, store
from contacts.contact import evolve
from contacts.managed_users import store as managed_users_store
from contacts.portion import MOST_BYTES
from contacts.publish import Step

_BY = "service:contacts"
_BATCH = 500
_LOOK_SECONDS = 0.5
_REST = timedelta(seconds=30)
"""For so long a channel in which it cannot be done is left alone."""


class Revealer:
    """Any number may run: each contact is shown once, whoever comes first."""

    def __init__(
        self, database: Database, clock: Clock, health: Health, *, batch: int = _BATCH, most_bytes: int = MOST_BYTES
    ) -> None:
        self._database = database
        self._clock = clock
        self._health = health
        health.beat("revealer")
        self._batch = batch
        self._most_bytes = most_bytes
        self._resting: dict[str, datetime] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until told to stop."""
        await repeat(self.work_once, stop, every=_LOOK_SECONDS, name="revealer", health=self._health)

    async def work_once(self) -> int:
        """Show one batch in every channel that has room; answers how many were shown."""
        async with self._database.connection() as connection:
            channels = await managed_users_store.with_room(connection)
        now = self._clock.now()
        self._resting = {channel: until for channel, until in self._resting.items() if until > now}
        return sum([await self._tried(channel) for channel in channels if channel not in self._resting])

    async def _tried(self, channel: str) -> int:
        try:
            return await self._show(channel)
        except (Unavailable, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - what one channel meets must not end the work of all the others
            log.error("what was hidden cannot be shown", channel=channel, exc_info=error)
            self._resting[channel] = self._clock.now() + _REST
            return 0

    async def _show(self, channel: str) -> int:
        async with self._database.transaction() as tx:
            wanted = await managed_users_store.oldest_hidden(tx, channel, self._batch)
            fit = await store.first_fitting(tx, channel, wanted, self._most_bytes)
            locked = await store.lock(tx, channel, wanted[:fit])
            users = await managed_users_store.load(tx, channel)
            if users is None:
                return 0
            now = self._clock.now()
            waiting = [state for state, _ in locked.values() if state is not None and state.hidden]
            told = ContactShown()
            steps = [Step(told, evolve(state, told, now)) for state in waiting[: users.room]]
            await journal.append(tx, channel, steps, _BY, "managedUsers")
            await managed_users_store.drop_if_done(tx, channel)
        return len(steps)
