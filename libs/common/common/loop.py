"""The loop of a timer or a worker: work, wait, work again. A store that is away is waited for and ends no process."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from common.errors import Unavailable
from common.health import Health
from common.telemetry import log

T = TypeVar("T")

_AWAY_SECONDS = 1.0
_LATE_SECONDS = 5.0


class Turns:
    """Lets whatever else waits on the loop have its turn during long work: heartbeats, answers about health, a stop.

    A step may ask as often as it likes; only every so many seconds it costs anything.
    """

    def __init__(self, every: float = 0.02) -> None:
        self._every = every
        self._since = time.monotonic()

    async def give(self) -> None:
        """Wait for the others once, if they have not had their turn for long."""
        if time.monotonic() - self._since > self._every:
            await asyncio.sleep(0)
            self._since = time.monotonic()


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
    while not stop.is_set():
        pause = every
        try:
            if await work():
                pause = 0
            if health is not None:
                health.beat(name)
        except (Unavailable, OSError) as error:
            reason = error.detail if isinstance(error, Unavailable) else type(error).__name__
            log.warning("waiting for a store", loop=name, reason=reason, exc_info=error)
            if health is not None:
                health.wait(name, reason)
            pause = away
        if pause:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)


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
    working, told = asyncio.ensure_future(work), False
    try:
        while True:
            done, _ = await asyncio.wait([working], timeout=every)
            if done:
                return working.result()
            health.wait(name, reason)
            if not told:
                log.warning("waiting for a store", loop=name, reason=reason)
                told = True
            if meanwhile is not None:
                await meanwhile()
    finally:
        working.cancel()
