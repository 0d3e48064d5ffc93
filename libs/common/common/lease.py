"""Keeps a lease while work is done, and breaks the work off as soon as the lease cannot be kept or the process is to stop."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import NoReturn, TypeVar

from common.errors import Unavailable

T = TypeVar("T")

_RENEW_SECONDS = 1.0
_LONGEST_PAUSE = timedelta(seconds=30)


class Lost(Exception):
    """What was leased has been changed or taken over by somebody else; whoever meets this lets go of it."""


class Stopped(Exception):
    """The process is to stop; what was leased is to be given back."""


class Lease:
    """A lease that is kept as long as the block of `kept` lasts."""

    def __init__(self, keeping: "asyncio.Task[NoReturn]") -> None:
        self._keeping = keeping

    async def during(self, work: Awaitable[T]) -> T:
        """The work's result. Breaks the work off, wherever it is, once the lease is not kept, and raises why.

        Raises Lost, Stopped, or what the renewal raised: without a renewal the lease is soon another's.
        """
        working = asyncio.ensure_future(work)
        try:
            if not self._keeping.done():
                await asyncio.wait({working, self._keeping}, return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else self._keeping.result()
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


@asynccontextmanager
async def kept(renew: Callable[[], Awaitable[bool]], stop: asyncio.Event, length: timedelta) -> AsyncIterator[Lease]:
    """A lease of this length that begins now. `renew` gives it its length anew; it answers whether there was still one.

    A renewal that fails is tried again as long as the lease lasts: a database that is away for a moment costs nothing.
    """
    seconds = length.total_seconds()
    keeping = asyncio.create_task(_keep(renew, stop, seconds, min(_RENEW_SECONDS, seconds / 4)))
    try:
        yield Lease(keeping)
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def _keep(renew: Callable[[], Awaitable[bool]], stop: asyncio.Event, length: float, every: float) -> NoReturn:
    now = asyncio.get_running_loop().time
    over = now() + length
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), every)
        if stop.is_set():
            raise Stopped
        began = now()
        try:
            async with asyncio.timeout_at(over):  # one that hangs keeps nothing
                there = await renew()
        except (Unavailable, OSError):
            if now() + every >= over:
                raise
            continue
        if not there:
            raise Lost
        over = began + length


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts that came to nothing: 1 s, doubled each time, at most 30 s."""
    doublings = min(max(attempts, 1) - 1, 30)  # however long something was away
    return min(timedelta(seconds=2**doublings), _LONGEST_PAUSE)
