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
_RENEWED_IN_A_LEASE = 6
_IDLE_SECONDS = 0.2


class Worker:
    """One worker; several share the destinations by leases."""

    def __init__(self, means: Means, health: Health, *, lease: timedelta = LEASE) -> None:
        self._means = means
        self._health = health
        self._lease = lease
        self._lanes: dict[tuple[str, UUID], asyncio.Task[None]] = {}
        self._renewed = 0.0
        health.beat("worker")

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until told to stop; what is being sent is finished first."""
        try:
            await repeat(lambda: self.take_up(stop), stop, every=_IDLE_SECONDS, name="worker", health=self._health)
        finally:
            await asyncio.gather(*self._lanes.values(), return_exceptions=True)

    async def take_up(self, stop: asyncio.Event) -> bool:
        """Take up lanes that wait, and keep those that are held; answers whether there were any."""
        now = self._means.clock.now()
        free = MOST_LANES - len(self._lanes)
        async with self._means.database.transaction() as tx:
            if time.monotonic() - self._renewed > self._lease.total_seconds() / _RENEWED_IN_A_LEASE:
                await store.renew(tx, self._means.name, list(self._lanes), now + self._lease)
                self._renewed = time.monotonic()
            claimed = await store.claim(tx, self._means.name, now, now + self._lease, free) if free > 0 else []
        for lane in claimed:
            self._lanes[lane] = asyncio.create_task(self._work(*lane, stop))
        return bool(claimed)

    async def _work(self, channel: str, destination: UUID, stop: asyncio.Event) -> None:
        """One lane. Whatever it meets is this lane's alone: its lease is not renewed, runs out, and it is taken up anew."""
        try:
            with span("lane"):
                await Round(self._means, channel, destination).run(stop)
        except Lost:
            log.info("a lane was let go", destination=str(destination))
        except Unavailable as error:
            log.warning("a lane waits for a store", destination=str(destination), reason=error.detail)
        except Exception as error:  # noqa: BLE001 - what one destination meets must not end the notices of all the others
            log.error("a lane met an error of the program", destination=str(destination), exc_info=error)
        finally:
            del self._lanes[channel, destination]
