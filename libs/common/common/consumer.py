"""The one consumer loop: poll, decode, apply, commit."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Generic, Protocol, TypeVar

from common.envelope import Delivered, UnreadableMessage
from common.errors import Unavailable
from common.health import Health
from common.loop import Turns
from common.telemetry import CONSUMED, log, span

M = TypeVar("M")

_GIVE_UP_SECONDS = 240.0  # below the group's poll deadline: past it the partitions would be somebody else's


class Polled(Protocol):
    """A source of messages: `common.kafka.Source`, or a list in a test of the loop."""

    async def poll(self, *, most: int = ..., wait_ms: int = ...) -> list[Delivered]:
        """The next messages."""
        ...

    async def commit(self) -> None:
        """Everything polled so far is applied."""
        ...


class Aside(Protocol):
    """Where unreadable messages go: `common.kafka.DeadLetters`, or a list in a test of the loop."""

    async def put(self, record: Delivered, reason: UnreadableMessage) -> None:
        """Keep the record. Raises Unavailable."""
        ...


class Consumer(Generic[M]):
    """Applies messages at least once.

    What `decode` calls unreadable goes to the dead letters. `apply` may raise Unavailable (a store is away): it is tried
    again with back-off while the health says so; anything else it raises ends the process, and Kafka delivers again.
    """

    def __init__(
        self,
        source: Polled,
        decode: Callable[[Delivered], M],
        apply: Callable[[Sequence[M]], Awaitable[None]],
        dead_letters: Aside,
        health: Health,
        *,
        most: int = 2000,
        commit: bool = True,
    ) -> None:
        self._source = source
        self._decode = decode
        self._apply = apply
        self._dead_letters = dead_letters
        self._health = health
        health.beat("consumer")
        self._most = most
        self._commit = commit

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until told to stop; the batch in hand is finished first."""
        while not stop.is_set():
            records = await self._source.poll(most=self._most)
            self._health.beat("consumer")
            if not records:
                continue
            messages = []
            turns = Turns()
            for record in records:
                await turns.give()
                try:
                    messages.append(self._decode(record))
                except UnreadableMessage as reason:
                    await self._patiently(partial(self._dead_letters.put, record, reason), stop)
            with span("apply", records[-1].headers, messages=len(messages)):
                await self._patiently(partial(self._apply, messages), stop)
            if self._commit:
                await self._source.commit()
            for topic, count in Counter([record.topic for record in records]).items():
                CONSUMED.labels(topic).inc(count)

    async def _patiently(self, work: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
        began = time.monotonic()
        pause = 0.1
        while True:
            try:
                return await work()
            except Unavailable as error:
                if stop.is_set() or time.monotonic() - began > _GIVE_UP_SECONDS:
                    raise
                log.warning("waiting for a store", reason=error.detail)
                self._health.wait("consumer", error.detail)
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret
                pause = min(pause * 2, 5.0)
