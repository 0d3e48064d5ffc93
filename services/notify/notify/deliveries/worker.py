"""Sends what is due: many destinations at once, each by one worker at a time, so that none waits for another."""

import asyncio
import time
from datetime import timedelta
from uuid import UUID

from common.errors import Unavailable
from common.health import Health
from common.lease import Lost
from common.loop import repeat
from common.telemetry import log, span
from notify.deliveries import store
from notify.deliveries.round import Means, Round

MOST_LANES = 200
LEASE = timedelta(seconds=30)
_RENEW_SECONDS = 5.0
_IDLE_SECONDS = 0.2


class Worker:
    """One worker; several share the destinations by leases."""

    def __init__(self, means: Means, health: Health, *, lease: timedelta = LEASE) -> None:
        self._means = means
        self._health = health
        self._lease = lease
        self._lanes: set[asyncio.Task[None]] = set()
        self._renewed = 0.0
        health.beat("worker")

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until told to stop; what is being sent is finished first."""
        try:
            await repeat(lambda: self.take_up(stop), stop, every=_IDLE_SECONDS, name="worker", health=self._health)
        finally:
            await asyncio.gather(*self._lanes, return_exceptions=True)

    async def take_up(self, stop: asyncio.Event) -> bool:
        """Take up lanes that wait, and keep those that are held; answers whether there were any."""
        now = self._means.clock.now()
        free = MOST_LANES - len(self._lanes)
        async with self._means.database.transaction() as tx:
            if time.monotonic() - self._renewed > _RENEW_SECONDS:
                await store.renew(tx, self._means.name, now + self._lease)
                self._renewed = time.monotonic()
            claimed = await store.claim(tx, self._means.name, now, now + self._lease, free) if free > 0 else []
        for channel, destination in claimed:
            task = asyncio.create_task(self._work(channel, destination, stop))
            self._lanes.add(task)
            task.add_done_callback(self._lanes.discard)
        return bool(claimed)

    async def _work(self, channel: str, destination: UUID, stop: asyncio.Event) -> None:
        """One lane. Whatever it meets is this lane's alone: its lease runs out, and it is taken up anew."""
        try:
            with span("lane"):
                await Round(self._means, channel, destination).run(stop)
        except Lost:
            log.info("a lane was let go", destination=str(destination))
        except Unavailable as error:
            log.warning("a lane waits for a store", destination=str(destination), reason=error.detail)
        except Exception as error:  # noqa: BLE001 - what one destination meets must not end the notices of all the others
            log.error("a lane met an error of the program", destination=str(destination), exc_info=error)
