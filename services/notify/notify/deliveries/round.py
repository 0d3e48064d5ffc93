"""One worker's round in one lane: sends what is due to a destination, a few at a time, until it is to be left alone."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from common.clock import Clock
from common.ids import Ids
from common.lease import Lost
from common.postgres import Database
from common.telemetry import log
from notify.announcing import SEGMENT_DELETED
from notify.deliveries import store
from notify.deliveries.courier import Courier, Route
from notify.deliveries.delivery import Attempt, Delivery, Lane, after
from notify.deliveries.ending import SEGMENT_GONE
from notify.destinations.destination import Destination
from notify.destinations.store import Destinations
from notify.destinations.switching import switch_off
from notify.kinds.kind import pace

_WRITTEN_TOGETHER = 4
"""Times as many as go out at once are written down together: what a killed worker has sent of them goes out again."""


@dataclass(frozen=True, slots=True)
class Means:
    """What a worker works with; `name` is that by which it holds its leases."""

    name: str
    database: Database
    destinations: Destinations
    courier: Courier
    clock: Clock
    ids: Ids


@dataclass(frozen=True, slots=True)
class _Next:
    """What follows: how it goes with the destination, its version, and what is to be sent now."""

    lane: Lane
    version: int
    due: list[Delivery]


class Round:
    """A lane that is held."""

    def __init__(self, means: Means, channel: str, destination_id: UUID) -> None:
        self._means = means
        self._channel = channel
        self._id = destination_id

    async def run(self, stop: asyncio.Event) -> None:
        """Until nothing is due or the destination rests; the lane is given back then. Raises Lost where it is another's."""
        goes_on = True
        while goes_on:
            destination = await self._destination()
            if destination is None:
                return
            async with self._means.courier.to(destination) as route:
                goes_on = await self._send(route, destination, stop)

    async def _destination(self) -> Destination | None:
        """As it is now; None where it is gone or switched off, and nothing is left to do."""
        async with self._means.database.transaction() as tx:
            destination = await self._means.destinations.load(tx, self._channel, self._id)
            if destination is None or destination.active:
                return destination
            if await store.hold(tx, self._channel, self._id, self._means.name) is not None:
                await store.park_all(tx, self._channel, self._id)
                await store.release(tx, self._channel, self._id, self._means.clock.now())
            return None

    async def _send(self, route: Route, destination: Destination, stop: asyncio.Event) -> bool:
        """Sends until the lane is given back; answers true where the destination was changed meanwhile: it is read anew."""
        speed, attempts, paused = pace(destination.kind), list[Attempt](), timedelta(0)
        while True:
            following = await self._note(destination, attempts, paused, stop=stop.is_set())
            over = following.lane.over or _ended(destination, attempts)
            if over is not None:
                await self._switch_off(over)
                return True  # and it is found to be off
            if not following.due:
                return following.version not in (0, destination.version)
            began = time.monotonic()
            attempts = await _brought(route, following.due, speed.at_once, stop)
            left = speed.seconds - (time.monotonic() - began)
            paused = timedelta(seconds=max(0.0, left))
            if left > 0:
                await _rest(left, stop)

    async def _note(self, destination: Destination, attempts: Sequence[Attempt], paused: timedelta, *, stop: bool) -> _Next:
        """Keep what came of attempts; what is due next, or the lane is given back."""
        means = self._means
        async with means.database.transaction() as tx:
            lane = await store.hold(tx, self._channel, self._id, means.name)
            if lane is None:
                raise Lost
            now = means.clock.now()
            if attempts:
                lane, ended = after(lane, attempts, now, random.random())  # noqa: S311 - jitter, no secret
                await store.note(tx, self._channel, self._id, lane, ended)
            version = await means.destinations.version(tx, self._channel, self._id)
            due: list[Delivery] = []
            rests = lane.rest_until is not None and lane.rest_until > now
            if not (stop or rests or lane.over is not None or version != destination.version):
                due = await store.due(tx, self._channel, self._id, now, _portion(destination, lane))
            if not due and (stop or version in (0, destination.version)):
                await store.release(tx, self._channel, self._id, _later(lane, now, paused))
            return _Next(lane, 0 if stop else version, due)

    async def _switch_off(self, problem: str) -> None:
        """It keeps failing: nothing more is sent, what waits is parked, and whoever made it is told in their room."""
        means = self._means
        async with means.database.transaction() as tx:
            destination = await means.destinations.load(tx, self._channel, self._id, lock=True)
            if destination is None or not destination.active:
                return
            now = means.clock.now()
            await switch_off(tx, means.destinations, destination, now, problem, means.ids())
            await store.park_all(tx, self._channel, self._id)
        log.warning("a destination was switched off", destination=str(self._id), kind=destination.kind)


def _portion(destination: Destination, lane: Lane) -> int:
    """How many are taken up before what came of them is written down."""
    speed = pace(destination.kind)
    if lane.failures:
        return 1
    return speed.at_once if speed.seconds else speed.at_once * _WRITTEN_TOGETHER


async def _brought(route: Route, due: Sequence[Delivery], at_once: int, stop: asyncio.Event) -> list[Attempt]:
    """Attempts, so many at a time; once nothing gets through, or this worker stops, what is left stays due.

    The end of what is told of a segment goes after all else.
    """
    turn, attempts = asyncio.Semaphore(at_once), list[Attempt]()

    async def bring(delivery: Delivery) -> None:
        async with turn:
            if not (stop.is_set() or any(each.answer.away or each.answer.gone for each in attempts)):
                attempts.append(await route.bring(delivery))

    for ends in (False, True):
        now = [each for each in due if (each.announcement.event == SEGMENT_DELETED) is ends]
        await asyncio.gather(*(bring(each) for each in now))
    return attempts


def _ended(destination: Destination, attempts: Sequence[Attempt]) -> str | None:
    """Why nothing follows: it has heard that the segment is no more, and is told of nothing else."""
    heard = any(each.answer.delivered and each.delivery.announcement.event == SEGMENT_DELETED for each in attempts)
    return SEGMENT_GONE if heard and destination.of_segment_alone else None


def _later(lane: Lane, now: datetime, paused: timedelta) -> datetime:
    return max(now + paused, lane.rest_until or now)


async def _rest(seconds: float, stop: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
