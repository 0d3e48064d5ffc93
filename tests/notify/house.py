"""notify without its servers of HTTP and Kafka, on the real PostgreSQL, at a time that a test moves."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from common.auth import Caller
from common.clock import FixedClock, SystemClock, to_wire
from common.events.exports import ExportCompleted, ExportEvent, ExportMessage
from common.events.segments import Entered, Left, SegmentMessage
from common.health import Health
from common.ids import new_id
from common.language import ENGLISH
from common.postgres import Database
from common.sealing import Seal
from notify.consumer import Item, Notifier
from notify.deliveries import store
from notify.deliveries.courier import Courier
from notify.deliveries.delivery import Status
from notify.deliveries.round import Means
from notify.deliveries.store import Shown
from notify.deliveries.worker import Worker
from notify.destinations.destination import Destination
from notify.destinations.store import Destinations, Seen
from notify.kinds.kind import Kind
from notify.room.queries import Queries
from notify.room.store import Store as Rooms
from notify.sending.address import read_allowed
from notify.sending.connection import system_lookup
from notify.sending.sender import Outside as Reached
from notify.sending.sender import believed
from tests.support.api import eventually
from tests.support.chats import PATHS, SECRETS
from tests.support.outside import Outside

AT = datetime(2026, 11, 24, 3, 0, 30, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
KIM = Caller("kim", "c", frozenset())
SEGMENT = UUID("019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c11")
ALL = ("export.ready", "export.failed", "managedUsers.warning")


def completed(rows: int = 1234) -> ExportEvent:
    return ExportCompleted(export_id=uuid4(), requested_by="lee", at=to_wire(AT), rows=rows, expires_at=to_wire(AT))


@dataclass
class House:
    """It, with what a test asks it for."""

    database: Database
    clock: FixedClock | SystemClock = field(default_factory=SystemClock)
    destinations: Destinations = field(default_factory=lambda: Destinations(Seal(bytes(32), os.urandom)))

    seconds: float = 10.0
    """So long a request may take."""

    def courier(self) -> Courier:
        reached = Reached(read_allowed("127.0.0.1/32"), system_lookup(None), believed(), self.seconds)  # type: ignore[arg-type]
        return Courier(self.database, reached, self.clock, new_id)

    def new(self, outside: Outside | None, kind: Kind = Kind.WEBHOOK, **more: Any) -> Destination:
        """One that is kept nowhere yet."""
        url = None if outside is None else outside.url(PATHS[kind])
        members: dict[str, Any] = {"events": ALL, "segment_id": None, "language": ENGLISH, **more}
        return Destination(
            id=new_id(), channel="c", version=1, kind=kind, url=url, secret=SECRETS.get(kind), created_at=LONG_AGO,
            created_by="kim", **members,
        )  # fmt: skip

    async def destination(self, outside: Outside | None, kind: Kind = Kind.WEBHOOK, **more: Any) -> UUID:
        made = self.new(outside, kind, **more)
        async with self.database.transaction() as tx:
            await self.destinations.keep(tx, made)
        return made.id

    async def tell(self, *events: ExportEvent, ids: Sequence[str] = (), at: datetime = AT) -> None:
        names = ids or [str(uuid4()) for _ in events]
        items = [Item("c", name, ExportMessage(event=event, version=1), at) for name, event in zip(names, events, strict=True)]
        await self.apply(items)

    async def apply(self, items: Sequence[Item]) -> None:
        await Notifier(self.database, self.destinations, "https://dangol.example", self.clock, new_id).apply(items)

    @asynccontextmanager
    async def working(self, name: str = "one", lease: timedelta = timedelta(seconds=30)) -> AsyncIterator[Worker]:
        """A worker at work, told to stop at the end."""
        means = Means(name, self.database, self.destinations, self.courier(), self.clock, new_id)
        worker, stop = Worker(means, Health({}), lease=lease), asyncio.Event()
        running = asyncio.create_task(worker.run(stop))
        try:
            yield worker
        finally:
            stop.set()
            await running

    async def deliveries(self, status: Status | None = None) -> list[Shown]:
        async with self.database.connection() as connection:
            return await store.listed(connection, "c", status, None, None, 10_000)

    async def until(self, accept: Callable[[Counter[Status]], bool], seconds: float = 30) -> None:
        """Wait until the deliveries stand so."""

        async def stand() -> Counter[Status]:
            return Counter(each.delivery.status for each in await self.deliveries())

        await eventually(stand, accept, seconds)

    async def seen(self, destination: UUID) -> Seen:
        async with self.database.connection() as connection:
            found = await self.destinations.seen(connection, "c", destination)
        assert found is not None
        return found

    async def eventually_off(self, destination: UUID) -> Seen:
        """The destination, once it is switched off."""
        return await eventually(lambda: self.seen(destination), lambda seen: not seen.destination.active)

    async def room(self, manager: str = "kim") -> list[dict[str, Any]]:
        return (await Queries(Rooms(self.database)).own_room(Caller(manager, "c", frozenset()), 100, None, ENGLISH)).items


def done(count: int) -> Callable[[Counter[Status]], bool]:
    return lambda stand: stand[Status.DELIVERED] == count and stand.total() == count


def moves(entered: int, left: int, first: int = 0, channel: str = "c") -> list[Item]:
    events = [
        (Entered if n < entered else Left)(
            segment_id=SEGMENT, contact_id=uuid4(), at=to_wire(AT), cause="event", contact_version=1, position=first + n
        )
        for n in range(entered + left)
    ]
    return [Item(channel, str(uuid4()), SegmentMessage(event=event), AT) for event in events]
