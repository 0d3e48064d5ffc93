"""`contacts restored`: what is to be said once after the database was put back to an earlier moment.

A new epoch begins, so that what is told from now on is newer than all that was told before. Who was erased since that moment is
erased again. And whom the restore took away, readers are told that they are gone: Kafka knows them still.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from common import outbox
from common.auth import Caller
from common.clock import Clock
from common.envelope import Batch, Delivered, UnreadableMessage
from common.epoch import lifted
from common.errors import Gone, NotFound
from common.events.contacts import ErasureMessage
from common.events.wire import read
from common.ids import parse_id
from common.kafka import Places
from common.postgres import Database
from common.telemetry import log, trace_headers
from common.topics import CONTACTS, ERASURES
from contacts.epochs import store as epoch_store
from contacts.epochs.store import Epoch
from contacts.erasure import store as erasure_store
from contacts.republishing import store
from contacts.republishing.publish import gone

_BY = "service:contacts"
_BATCH = 1000


class Topic(Protocol):
    """A topic read from its beginning on: `common.kafka.Reader`, or a list in a test."""

    async def ends(self) -> Places:
        """The next offset of each partition that will be written."""
        ...

    async def poll(self, *, most: int = ..., wait_ms: int = ...) -> list[Delivered]:
        """The next messages."""
        ...

    async def behind(self, ends: Places) -> int:
        """How many offsets lie between what was polled and these ends."""
        ...


class Erases(Protocol):
    """The command that erases."""

    async def erase(self, caller: Caller, contact_id: UUID, expected: int | None) -> object:
        """Erase whom the id stands for. Raises NotFound, Gone."""
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """The epoch that began, how many contacts were erased again, and how many the restore took away."""

    epoch: int
    erased: int
    strays: int


class Restored:
    """The command. `erases` is given the id that the erasure's receipt is to have."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        topic: Callable[[str], AbstractAsyncContextManager[Topic]],
        erases: Callable[[UUID | None], Erases],
    ) -> None:
        self._database = database
        self._clock = clock
        self._topic = topic
        self._erases = erases

    async def run(self) -> Told:
        """Once, whether or not anybody writes meanwhile; done again it does no harm. Raises Unavailable."""
        async with self._database.transaction() as tx:
            epoch = await epoch_store.begin(tx, self._clock.now())
        log.info("a new epoch has begun", epoch=epoch.number)
        return Told(epoch.number, await self._erase_again(), await self._forget_strays(epoch))

    async def _all(self, name: str) -> AsyncIterator[list[Delivered]]:
        async with self._topic(name) as source:
            ends = await source.ends()
            while await source.behind(ends):
                yield await source.poll(most=_BATCH)

    async def _erase_again(self) -> int:
        count = 0
        async for records in self._all(ERASURES):
            for record in records:
                with suppress(UnreadableMessage):  # whoever reads the topic has put it aside, and told of it
                    count += await self._erase(record.channel, read(ErasureMessage, record))
        return count

    async def _erase(self, channel: str, message: ErasureMessage) -> int:
        receipt: UUID | None = message.event.receipt_id
        async with self._database.connection() as connection:
            if await erasure_store.find(connection, channel, message.event.receipt_id) is not None:
                return 0
        caller, count = Caller(_BY, channel, frozenset({"*"})), 0
        for contact_id in message.event.contact_ids:
            with suppress(NotFound, Gone):
                await self._erases(receipt).erase(caller, contact_id, None)
                receipt, count = None, count + 1
        return count

    async def _forget_strays(self, epoch: Epoch) -> int:
        strays: set[tuple[str, UUID]] = set()
        async for records in self._all(CONTACTS):
            seen: dict[tuple[str, UUID], int] = {}
            for record in records:
                contact_id = parse_id(record.subject)
                if contact_id is not None and record.value is not None:
                    seen[record.channel, contact_id] = record.version
            async with self._database.transaction() as tx:
                new = seen.keys() - await store.known(tx, seen) - strays
                await outbox.put(
                    tx,
                    [
                        gone(
                            Batch(CONTACTS, channel, "contacts", trace_headers()), contact_id,
                            lifted(seen[channel, contact_id], epoch.number) + 1, epoch.begun_at,
                        )
                        for channel, contact_id in sorted(new)
                    ],
                )  # fmt: skip
            strays |= new
        return len(strays)
