"""The index again from nothing, while the one there serves: filled from the compacted topics, then put in its place at once."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Protocol, TypeVar

import stamina

from common.consumer import Aside
from common.envelope import Delivered, UnreadableMessage
from common.errors import Unavailable
from common.kafka import Places
from common.postgres import away_is_unavailable
from common.telemetry import log
from common.topics import CONTACTS, FIELDS
from search.aside import Once
from search.bulk import Entry
from search.index import Index
from search.projection import Item, Projection, decode, newest
from search.store import Store

_BATCH = 1000
_WRITES_AT_ONCE = 2
_CLOSE = 2000
"""Messages; when no more are left to read, writers are asked to wait for the swap."""

_SWAP_SECONDS = 15.0
_PATIENCE_SECONDS = 240.0
_TELL_SECONDS = 5.0
_MOST_REFUSED = 100
_DEAD = {"term": {"deleted": True}}
_ALIVE = {"term": {"deleted": False}}

T = TypeVar("T")


class Read(Protocol):
    """A topic read from its beginning on: `common.kafka.Reader`, or a list in a test."""

    @property
    def begins(self) -> Places:
        """The first offset of each partition."""
        ...

    async def ends(self) -> Places:
        """The next offset of each partition that will be written."""
        ...

    async def poll(self, *, most: int = ..., wait_ms: int = ...) -> list[Delivered]:
        """The next messages."""
        ...

    async def behind(self, ends: Places) -> int:
        """How many offsets lie between what was polled and these ends."""
        ...


class CannotRebuild(Exception):
    """Why there is no rebuild, for the person who asked for it."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How it went: contacts in the new index, and the seconds until it served."""

    index: str
    documents: int
    seconds: float


@dataclass(slots=True)
class _Progress:
    of: int
    read: int = 0
    unreadable: int = 0
    told: float = field(default_factory=time.monotonic)

    def add(self, read: int, unreadable: int) -> None:
        """So many more; told now and then."""
        self.read += read + unreadable
        self.unreadable += unreadable
        if time.monotonic() - self.told >= _TELL_SECONDS:
            self.told = time.monotonic()
            log.info("rebuilding", messages=self.read, of=max(self.of, self.read))


class Rebuilder:
    """One rebuild. `topic` opens a topic at its beginning."""

    def __init__(
        self,
        store: Store,
        index: Index,
        projection: Projection,
        dead_letters: Aside,
        topic: Callable[[str], AbstractAsyncContextManager[Read]],
    ) -> None:
        self._store = store
        self._index = index
        self._projection = projection
        self._dead_letters = Once(dead_letters)
        self._topic = topic
        self._refused: dict[str, tuple[Item, str]] = {}
        self._held: dict[int, dict[str, Item]] = {}
        self._numbers = count()

    async def run(self, readers_seconds: float) -> Rebuilt:
        """Rebuild; the old index goes when nobody reads in it any more, or after so many seconds. Raises CannotRebuild."""
        began = time.monotonic()
        async with self._alone():
            await self.clean()
            serving = await self._index.behind()
            try:
                following = await self._index.prepare_next()
                name = await following.behind()
                await self._learn_fields()
                await self._keep_tombstones(serving, following)
                async with self._topic(CONTACTS) as source:
                    await self._fill(source, following)
                    await self._swap(source, following, str(name))
                documents = await _patiently(partial(self._index.count, _ALIVE))
                done = Rebuilt(str(name), documents, time.monotonic() - began)
                log.info("rebuilt", index=done.index, documents=done.documents, seconds=round(done.seconds, 1))
                if serving is not None:
                    await self._let_readers_end(serving, readers_seconds)
            finally:
                with suppress(Unavailable):  # what cannot be removed now is by the next rebuild, or migrate
                    await self.clean()
        return done

    async def clean(self) -> None:
        """Remove indices that do not serve: a killed rebuild's, or the one that was replaced."""
        for stray in await self._index.strays():
            log.info("removing an index that does not serve", index=stray)
            await self._index.remove(stray)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        async with self._store.rebuilding() as granted:
            if not granted:
                raise CannotRebuild("Another rebuild is under way. Wait until it has ended.")
            yield

    async def _learn_fields(self) -> None:
        """First all definitions, so that no contact must wait for its fields."""
        async with self._topic(FIELDS) as source:
            ends = await source.ends()
            while await source.behind(ends):
                items, _ = _readable(await source.poll(most=_BATCH))
                await _patiently(partial(self._projection.define, items))

    async def _keep_tombstones(self, serving: str | None, following: Index) -> None:
        """Kafka forgets an erasure some time after it; the index does not, so that no dead letter brings the erased back."""
        if serving is None:
            return
        point = await self._index.open_point()
        after: list[object] | None = None
        try:
            while True:
                whole = ("channel", "id", "version", "deleted", "source")
                order = [{"id": "asc"}, {"channel": "asc"}]
                hits = await self._index.search(_DEAD, order, _BATCH, point=point, after=after, source=whole, counted=False)
                entries = [Entry(f"{s['channel']}/{s['id']}", s["version"], s) for s in hits.sources]
                await _patiently(partial(following.write, entries))
                after = hits.last
                if len(hits.sources) < _BATCH:
                    return
        finally:
            await self._index.close_point(point)

    async def _fill(self, source: Read, following: Index) -> None:
        """All that the topic holds, and what comes meanwhile, until little is left to read."""
        ends = await source.ends()
        progress = _Progress(sum(ends.values()) - sum(source.begins.values()))
        while await source.behind(ends) > _CLOSE:
            await self._follow(source, following, ends, progress)
            ends = await source.ends()
        await following.finish_filling()
        await self._follow(source, following, await source.ends(), progress)
        if progress.unreadable:
            log.warning("messages that cannot be read were left out, as the consumer left them", count=progress.unreadable)

    async def _follow(self, source: Read, following: Index, ends: Places, progress: _Progress | None = None) -> None:
        """Read and write up to these ends: the next messages are made documents while the index takes the last ones."""
        writing = deque(asyncio.create_task(self._write(following, number)) for number in self._held)
        try:
            while await source.behind(ends):
                items, unreadable = _readable(await source.poll(most=_BATCH))
                # Kept until it is written: the source has gone on, and does not tell it again when an attempt at the swap fails.
                number = next(self._numbers)
                self._held[number] = newest(items)
                writing.append(asyncio.create_task(self._write(following, number)))
                while len(writing) >= _WRITES_AT_ONCE:
                    await writing.popleft()
                if progress is not None:
                    progress.add(len(items), unreadable)
            while writing:
                await writing.popleft()
        finally:
            for task in writing:
                task.cancel()

    async def _write(self, following: Index, number: int) -> None:
        batch = self._held[number]
        entries = await _patiently(partial(self._projection.entries, list(batch.values())))
        for refused in await _patiently(partial(following.write, entries)):
            self._refused[refused.id] = (batch[refused.id], refused.reason)
        if len(self._refused) > _MOST_REFUSED:
            raise CannotRebuild(f"The new index refuses more than {_MOST_REFUSED} contacts: its mapping must be at fault.")
        del self._held[number]

    async def _swap(self, source: Read, following: Index, name: str) -> None:
        """Writers wait; what they wrote so far is read to its end; the new index takes the place of the old; they go on in it."""

        async def attempt() -> None:
            if await self._index.behind() == name:  # the answer to an earlier attempt got lost
                return
            async with asyncio.timeout(_SWAP_SECONDS), self._store.swapping():
                await self._follow(source, following, await source.ends())
                await following.refresh()
                await self._put_refused_aside()
                await self._index.replace(following)

        await _patiently(attempt)

    async def _put_refused_aside(self) -> None:
        """Those that the old index has and the new one does not take; the others lie with the dead letters already, or will."""
        there = await self._index.versions(list(self._refused)) if self._refused and await self._index.behind() else {}
        for key, (item, reason) in self._refused.items():
            if there.get(key, 0) >= item.version:
                await self._dead_letters.put(item.origin, UnreadableMessage(f"the index does not take it: {reason}"))

    async def _let_readers_end(self, old: str, seconds: float) -> None:
        """Lists and streams under way are read in points in time of the old index."""
        deadline = time.monotonic() + seconds
        told = False
        while time.monotonic() < deadline and (readers := await _patiently(partial(self._index.points_open, old))):
            if not told:
                log.info("the old index stays while it is read in", readers=readers, seconds_at_most=round(seconds))
                told = True
            await asyncio.sleep(1)


def _readable(records: Sequence[Delivered]) -> tuple[list[Item], int]:
    """The messages that can be read, and how many cannot."""
    items: list[Item] = []
    for record in records:
        with suppress(UnreadableMessage):
            items.append(decode(record))
    return items, len(records) - len(items)


async def _patiently(work: Callable[[], Awaitable[T]]) -> T:
    """Do it, again and again while a store is away."""
    async for attempt in stamina.retry_context(on=Unavailable, attempts=None, timeout=_PATIENCE_SECONDS, wait_max=5.0):
        with attempt, away_is_unavailable():
            return await work()
    raise AssertionError("the last attempt answers or raises")
