"""The loop of a timer or a worker: work, wait, work again. A store that is away is waited for and ends no process."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from common.errors import Unavailable
from common.health import Health
from common.telemetry import RETRIES, log

T = TypeVar("T")

_AWAY_SECONDS = 1.0
_LATE_SECONDS = 5.0
_SAID_EVERY_SECONDS = 60.0


class Turns:
    """Lets whatever else waits on the loop have its turn during long work: heartbeats, answers about health, a stop.

    A step may ask as often as it likes; only every so many seconds it costs anything.
    """

    def __init__(self, every: float = 0.008) -> None:
        self._every = every
        self._since = time.monotonic()

    async def give(self) -> None:
        """Wait for the others once, if they have not had their turn for long."""
        if time.monotonic() - self._since > self._every:
            await asyncio.sleep(0)
            self._since = time.monotonic()


class Outage:
    """What is told of a store that a loop waits for: a line in the log when that begins, one a minute, and one when it is over;
    each try is counted. What stands behind a colon in the loop's name is one process's own, and is not.
    """

    def __init__(self, loop: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._loop = loop
        self._monotonic = monotonic
        self._began: float | None = None
        self._said = 0.0

    def met(self, reason: str, error: BaseException | None = None) -> None:
        """The store does not answer."""
        RETRIES.labels(self._loop.partition(":")[0]).inc()
        now = self._monotonic()
        if self._began is None:
            self._began = self._said = now
            log.warning("waiting for a store", loop=self._loop, reason=reason, exc_info=error)
        elif now - self._said >= _SAID_EVERY_SECONDS:
            self._said = now
            log.warning("still waiting for a store", loop=self._loop, reason=reason, seconds=round(now - self._began))

    def over(self) -> None:
        """The work is done again, if it was not."""
        if self._began is not None:
            log.info("the store answers again", loop=self._loop, seconds=round(self._monotonic() - self._began))
            self._began = None


async def repeat(
    work: Callable[[], Awaitable[object]],
    stop: asyncio.Event,
    *,
    every: float,
    name: str,
    health: Health | None = None,
    away: float = _AWAY_SECONDS,
) -> None:
    """Work until told to stop: at once again while it answers true, `every` seconds later otherwise.

    Unavailable and OSError (a server, a disk, a time-out) are warned of, and the work is tried again `away` seconds later;
    whatever else it raises ends the loop. `health` is told of each round; leave it out for what is done so seldom, or may
    take so long, that its silence means nothing.
    """
    outage = Outage(name)
    while not stop.is_set():
        pause = every
        try:
            if await work():
                pause = 0
            outage.over()
            if health is not None:
                health.beat(name)
        except (Unavailable, OSError) as error:
            _wait(outage, error, health, name)
            pause = away
        if pause:
            await _rest(stop, pause)


async def reached(
    look: Callable[[], Awaitable[object]], stop: asyncio.Event, *, name: str, health: Health, away: float = _AWAY_SECONDS
) -> bool:
    """Wait until a store answers, as `repeat` does; false where it was told to stop before that."""
    outage = Outage(name)
    while not stop.is_set():
        try:
            await look()
        except (Unavailable, OSError) as error:
            _wait(outage, error, health, name)
            await _rest(stop, away)
        else:
            outage.over()
            health.beat(name)
            return True
    return False


def _wait(outage: Outage, error: Unavailable | OSError, health: Health | None, name: str) -> None:
    reason = error.detail if isinstance(error, Unavailable) else type(error).__name__
    outage.met(reason, error)
    if health is not None:
        health.wait(name, reason)


async def _rest(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def moving(
    work: Coroutine[Any, Any, T],
    health: Health,
    name: str,
    reason: str,
    *,
    every: float = _LATE_SECONDS,
    meanwhile: Callable[[], Awaitable[None]] | None = None,
) -> T:
    """The work's result, however long it takes: from time to time `health` is told that this loop waits for that reason.

    `meanwhile` is done each time; what it raises breaks the work off.
    """
    working, outage = asyncio.ensure_future(work), Outage(name)
    try:
        while True:
            done, _ = await asyncio.wait([working], timeout=every)
            if done:
                result = working.result()
                outage.over()
                return result
            health.wait(name, reason)
            outage.met(reason)
            if meanwhile is not None:
                await meanwhile()
    finally:
        working.cancel()
