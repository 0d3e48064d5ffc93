"""The one consumer loop: poll, decode, apply, commit."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeAlias, TypeVar

from common.clock import Clock, SystemClock
from common.envelope import Delivered, UnreadableMessage
from common.errors import Unavailable
from common.health import Health
from common.loop import Outage, Turns
from common.telemetry import CONSUMED, DELAY, batch

M = TypeVar("M")
T = TypeVar("T")
Work: TypeAlias = Callable[[], Awaitable[None]]

_GIVE_UP_SECONDS = 240.0  # below the group's poll deadline: past it the partitions would be somebody else's


class Polled(Protocol):
    """A source of messages: `common.kafka.Source`, or a list in a test of the loop."""

    async def poll(self, *, most: int = ..., wait_ms: int = ...) -> list[Delivered]:
        """The next messages."""
        ...

    def applied(self) -> Work:
        """What records, whenever it is done, that everything polled until now is applied."""
        ...


class Aside(Protocol):
    """Where unreadable messages go: `common.kafka.DeadLetters`, or a list in a test of the loop."""

    async def put(self, record: Delivered, reason: UnreadableMessage) -> None:
        """Keep the record. Raises Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class _Batch:
    """Messages that were polled together, what is left to be done of them, and what records that all is done."""

    records: Sequence[Delivered]
    left: Work | None
    commit: Work


class Consumer(Generic[M]):
    """Applies messages at least once.

    What `decode` calls unreadable goes to the dead letters. `apply` may raise Unavailable (a store is away): it is tried
    again with back-off while the health says so; anything else it raises ends the process, and Kafka delivers again.

    It may answer what is left to be done of the batch, of which the same holds. Where many messages wait, the next batch is
    read and applied meanwhile; but what is left of that is not begun before this one is done and recorded.
    """

    def __init__(
        self,
        source: Polled,
        decode: Callable[[Delivered], M],
        apply: Callable[[Sequence[M]], Awaitable[Work | None]],
        dead_letters: Aside,
        health: Health,
        *,
        most: int = 2000,
        commit: bool = True,
        clock: Clock | None = None,
    ) -> None:
        self._source = source
        self._decode = decode
        self._apply = apply
        self._dead_letters = dead_letters
        self._health = health
        health.beat("consumer")
        self._most = most
        self._commit = commit
        self._clock = clock or SystemClock()

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until told to stop; the batch in hand is finished first."""
        ahead: asyncio.Task[_Batch] | None = None
        try:
            while not stop.is_set():
                self._health.beat("consumer")
                polled = await (ahead or self._next(stop))
                ahead = None
                if polled.left is not None:
                    # A batch that is not full has all that waited: of what comes meanwhile more is read together later.
                    if len(polled.records) >= self._most:
                        ahead = asyncio.create_task(self._next(stop))
                    await self._patiently(polled.left, stop)
                if polled.records:
                    await self._record(polled)
        finally:
            if ahead is not None:
                ahead.cancel()
                await asyncio.gather(ahead, return_exceptions=True)

    async def _next(self, stop: asyncio.Event) -> _Batch:
        records = await self._source.poll(most=self._most)
        commit = self._source.applied()
        if not records:
            return _Batch(records, None, commit)
        messages = []
        turns = Turns()
        for record in records:
            await turns.give()
            try:
                messages.append(self._decode(record))
            except UnreadableMessage as reason:
                await self._patiently(partial(self._dead_letters.put, record, reason), stop)
        with batch("apply", [(record.key, record.headers) for record in records], size=len(messages)):
            left = await self._patiently(partial(self._apply, messages), stop)
        return _Batch(records, left, commit)

    async def _record(self, done: _Batch) -> None:
        if self._commit:
            await done.commit()
        now = self._clock.now()
        for topic in {record.topic for record in done.records}:
            arrived = [record.arrived for record in done.records if record.topic == topic]
            CONSUMED.labels(topic).inc(len(arrived))
            if oldest := min((at for at in arrived if at is not None), default=None):
                DELAY.labels(topic).observe(max(0.0, (now - oldest).total_seconds()))

    async def _patiently(self, work: Callable[[], Awaitable[T]], stop: asyncio.Event) -> T:
        began, outage = time.monotonic(), Outage("consumer")
        pause = 0.1
        while True:
            try:
                done = await work()
            except Unavailable as error:
                if stop.is_set() or time.monotonic() - began > _GIVE_UP_SECONDS:
                    raise
                outage.met(error.detail)
                self._health.wait("consumer", error.detail)
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret
                pause = min(pause * 2, 5.0)
            else:
                outage.over()
                return done
