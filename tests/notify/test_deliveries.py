"""From events to destinations, on the real PostgreSQL against stand-ins of the other side: what arrives, when, how often."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.auth import Caller
from common.clock import FixedClock, SystemClock, to_wire
from common.errors import Conflict, NotFound
from common.events.contacts import ManagedUsersMessage, ManagedUsersWarning
from common.events.exports import ExportCompleted, ExportDownloaded, ExportEvent, ExportFailed, ExportMessage
from common.events.segments import Entered, Left, SegmentDefined, SegmentDeleted, SegmentMessage
from common.health import Health
from common.ids import new_id
from common.language import ENGLISH
from common.postgres import Database
from common.sealing import Seal
from localstack.stack import Stack
from notify.consumer import Item, Notifier
from notify.deliveries import store
from notify.deliveries.courier import Courier
from notify.deliveries.delivery import Status
from notify.deliveries.handlers import Deliveries
from notify.deliveries.keeper import Keeper
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
from tests.support.chats import CHATS, PATHS, SECRET, SECRETS
from tests.support.outside import Hang, Outside, Reply, Reset, Taken
from tests.support.postgres import fresh_database

AT = datetime(2026, 11, 24, 3, 0, 30, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
KIM = Caller("kim", "c", frozenset())
SEGMENT = UUID("019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c11")
ALL = ("export.ready", "export.failed", "managedUsers.warning")


def completed(rows: int = 1234) -> ExportEvent:
    return ExportCompleted(export_id=uuid4(), requested_by="lee", at=to_wire(AT), rows=rows, expires_at=to_wire(AT))


@dataclass
class House:
    """notify without its servers of HTTP and Kafka, at a time that a test moves."""

    database: Database
    clock: FixedClock | SystemClock = field(default_factory=SystemClock)
    destinations: Destinations = field(default_factory=lambda: Destinations(Seal(bytes(32), os.urandom)))

    def courier(self) -> Courier:
        reached = Reached(read_allowed("127.0.0.1/32"), system_lookup(None), believed())  # type: ignore[arg-type]
        return Courier(self.database, reached, self.clock, new_id)

    async def destination(self, outside: Outside | None, kind: Kind = Kind.WEBHOOK, **more: Any) -> UUID:
        url = None if outside is None else outside.url(PATHS[kind])
        members: dict[str, Any] = {"events": ALL, "segment_id": None, "language": ENGLISH, **more}
        made = Destination(
            id=new_id(), channel="c", version=1, kind=kind, url=url, secret=SECRETS.get(kind), created_at=LONG_AGO,
            created_by="kim", **members,
        )  # fmt: skip
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

    async def room(self, manager: str = "kim") -> list[dict[str, Any]]:
        return (await Queries(Rooms(self.database)).own_room(Caller(manager, "c", frozenset()), 100, None, ENGLISH)).items


@pytest.fixture
async def house(servers: Stack) -> AsyncIterator[House]:
    async with fresh_database(servers.postgres_dsn(None), ["notify"]) as database:
        yield House(database)


def done(count: int) -> Callable[[Counter[Status]], bool]:
    return lambda stand: stand[Status.DELIVERED] == count and stand.total() == count


async def test_every_kind_is_told_as_its_service_takes_it(house: House) -> None:
    async with AsyncExitStack() as open_:
        outsides = [await open_.enter_async_context(Outside.open(CHATS[kind])) for kind in CHATS]
        for kind, outside in zip(CHATS, outsides, strict=True):
            await house.destination(outside, Kind(kind))
        failed = ExportFailed(export_id=uuid4(), requested_by="<!channel>", at=to_wire(AT), problem="@all")
        await house.tell(completed(), failed)
        async with house.working():
            await house.until(done(2 * len(CHATS)))
        assert [len(outside.taken) for outside in outsides] == [2] * len(CHATS)


async def test_a_destination_is_told_of_what_it_asked_for_and_of_what_happened_since_it_was_made(house: House) -> None:
    async with Outside.open() as outside:
        await house.destination(outside, events=("export.failed",))
        await house.destination(outside, events=("managedUsers.warning",))
        failed = ExportFailed(export_id=uuid4(), requested_by="lee", at=to_wire(AT), problem="The disk is full.")
        gone = ExportDownloaded(export_id=uuid4(), requested_by="lee", at=to_wire(AT))
        warning = ManagedUsersMessage(event=ManagedUsersWarning(percent=80, limit=10, count=8, hidden=0), version=1)
        await house.tell(completed(), failed, gone)
        await house.tell(failed, at=LONG_AGO - timedelta(seconds=10))
        await house.apply([Item("c", "w", warning, AT), Item("other", "w", warning, AT)])
        async with house.working():
            await house.until(done(2))
    told = {taken.json["type"]: taken.json["data"] for taken in outside.taken}
    assert told.keys() == {"export.failed", "managedUsers.warning"}
    assert told["export.failed"]["text"] == "A file that lee asked for could not be made. The disk is full."
    assert told["managedUsers.warning"]["text"] == "The contacts have reached 80% of the limit of 10; there are 8."
    assert [told["managedUsers.warning"][name] for name in ("percent", "limit", "count", "hidden")] == [80, 10, 8, 0]


async def test_an_event_arrives_once_however_often_it_is_delivered_and_by_however_many_workers(house: House) -> None:
    async with Outside.open() as outside:
        for _ in range(3):
            await house.destination(outside)
        events = [completed(n) for n in range(20)]
        names = [str(n) for n in range(20)]
        await house.tell(*events, ids=names)
        async with house.working("one"), house.working("two"):
            await asyncio.gather(*(house.tell(*events, ids=names) for _ in range(4)))
            await house.until(done(60))
    assert len(outside.taken) == 60
    assert len({taken.headers["webhook-id"] for taken in outside.taken}) == 60


async def test_what_did_not_arrive_is_tried_again_under_the_same_id(house: House) -> None:
    behaviours: list[Any] = [Reply(503, b"later"), Reset(), Reply(429, headers={"Retry-After": "0"})]
    async with Outside.open(lambda _: behaviours.pop(0) if behaviours else Reply()) as outside:
        made = await house.destination(outside)
        house.clock = FixedClock(AT)
        await house.tell(completed())
        for moment in range(4):
            house.clock = FixedClock(AT + timedelta(minutes=10 * moment))
            async with house.working():
                await arrived(outside, moment + 1)
        [shown] = await house.deliveries()
        assert (shown.delivery.status, shown.delivery.attempts) == (Status.DELIVERED, 4)
        assert len({taken.headers["webhook-id"] for taken in outside.taken}) == 1
        seen = await house.seen(made)
        assert (seen.failures, seen.last_answer) == (0, shown.delivery.last_answer)


async def arrived(outside: Outside, count: int) -> None:
    """Wait until so many requests have come."""

    async def come() -> int:
        return len(outside.taken)

    await eventually(come, lambda found: found >= count)


async def test_one_that_hangs_delays_no_other_and_takes_one_place(house: House) -> None:
    async with Outside.open(lambda _: Hang()) as hanging, Outside.open() as outside:
        await house.destination(hanging)
        for _ in range(3):
            await house.destination(outside)
        await house.tell(*(completed() for _ in range(20)))
        async with house.working():
            await house.until(lambda stand: stand[Status.DELIVERED] == 60)
            # Nobody has given the hanging one up yet: all the others were told meanwhile.
            assert 0 < hanging.at_once == len(hanging.taken) <= 16
            assert len(outside.taken) == 60
            hanging.break_off()
        assert all(each.delivery.attempts <= 1 for each in await house.deliveries(Status.WAITING))


async def test_a_chat_is_told_no_faster_than_it_takes(house: House) -> None:
    moments: list[float] = []

    def takes(_: Taken) -> Reply:
        moments.append(asyncio.get_running_loop().time())
        return Reply()

    async with Outside.open(takes) as outside:
        await house.destination(outside, Kind.TEAMS)
        await house.tell(*(completed() for _ in range(4)))
        async with house.working("one"), house.working("two"):
            await house.until(done(4))
    assert outside.most_at_once == 1
    assert all(later - earlier >= 0.24 for earlier, later in pairwise(moments))


async def test_after_a_day_it_is_parked_its_destination_is_off_and_whoever_made_it_is_told(house: House) -> None:
    commands = Deliveries(house.database, house.destinations, SystemClock())
    async with Outside.open(lambda _: Reply(500, b"broken")) as outside:
        made = await house.destination(outside)
        house.clock = FixedClock(AT)
        await house.tell(completed(), completed())
        for hours in (0, 25):
            house.clock = FixedClock(AT + timedelta(hours=hours))
            async with house.working():
                await arrived(outside, 1 if hours == 0 else 2)
        async with house.working():
            await house.until(lambda stand: stand[Status.PARKED] == 2)
        seen = await house.seen(made)
        assert (seen.destination.active, seen.destination.disabled_by, seen.destination.problem) == (False, None, "500 broken")
        [told] = await house.room()
        assert (told["kind"], told["text"]) == (
            "destination.disabled",
            "The destination webhook (127.0.0.1) was switched off, because notices do not arrive there. Put it right and switch "
            "it on again; what was parked can be sent again then. (500 broken)",
        )
        # What comes while it is off is parked, and nothing is sent until somebody switches it on.
        await house.tell(completed())
        await house.until(lambda stand: stand[Status.PARKED] == 3)
        [one, *_] = await house.deliveries(Status.PARKED)
        for refused in (commands.resend(KIM, one.delivery.id), commands.resend_all(KIM, made)):
            with pytest.raises(Conflict) as conflict:
                await refused
            assert conflict.value.code == "destinationDisabled"
        outside.decide = lambda _: Reply()
        outside.taken.clear()
        house.clock = SystemClock()
        await _switch_on(house, made)
        assert (await commands.resend(KIM, one.delivery.id)).delivery.status is Status.WAITING
        async with house.working():
            await house.until(lambda stand: stand[Status.DELIVERED] == 1)
            assert len(outside.taken) == 1
            assert await commands.resend_all(KIM, made) == 2
            await house.until(done(3))
        with pytest.raises(Conflict):
            await commands.resend(KIM, one.delivery.id)
        with pytest.raises(NotFound):
            await commands.resend(Caller("kim", "other", frozenset()), one.delivery.id)


async def _switch_on(house: House, made: UUID) -> None:
    async with house.database.transaction() as tx:
        before = await house.destinations.load(tx, "c", made, lock=True)
        assert before is not None
        on = replace(before, version=before.version + 1, disabled_at=None, disabled_by=None, problem=None)
        await house.destinations.keep(tx, on)
        await house.destinations.well(tx, on)


async def test_one_that_wants_no_more_is_off_at_once(house: House) -> None:
    async with Outside.open(lambda _: Reply(410, b"gone")) as outside:
        made = await house.destination(outside)
        await house.tell(*(completed() for _ in range(40)))
        async with house.working():
            await house.until(lambda stand: stand[Status.PARKED] == 40)
    assert len(outside.taken) <= 16
    assert not (await house.seen(made)).destination.active
    assert len(await house.room()) == 1


async def test_what_somebody_switched_off_is_told_nothing(house: House) -> None:
    async with Outside.open() as outside:
        await house.destination(outside, disabled_at=AT, disabled_by="kim")
        await house.tell(completed())
        assert await house.deliveries() == []


async def test_a_room_may_be_a_destination_and_nobody_is_told_of_one_event_twice(house: House) -> None:
    await house.destination(None, Kind.ROOM)
    theirs, own = (
        completed(),
        ExportCompleted(export_id=uuid4(), requested_by="kim", at=to_wire(AT), rows=3, expires_at=to_wire(AT)),
    )
    await house.tell(theirs, own)
    async with house.working():
        await house.until(done(2))
    assert len(await house.room("lee")) == 1
    assert [m["text"] for m in await house.room()] == [
        "An Excel file of 1,234 contacts is ready, asked for by lee.",
        "Your Excel file of 3 contacts is ready. You can download it for 7 days.",
    ]


def moves(entered: int, left: int, first: int = 0, channel: str = "c") -> list[Item]:
    events = [
        (Entered if n < entered else Left)(
            segment_id=SEGMENT, contact_id=uuid4(), at=to_wire(AT), cause="event", contact_version=1, position=first + n
        )
        for n in range(entered + left)
    ]
    return [Item(channel, str(uuid4()), SegmentMessage(event=event), AT) for event in events]


async def test_who_enters_and_leaves_a_segment_is_told_as_two_numbers_a_minute_each_change_once(house: House) -> None:
    async with Outside.open() as outside:
        both = await house.destination(outside, events=("segment.entered", "segment.left"), segment_id=SEGMENT)
        await house.destination(outside, events=("segment.left",), segment_id=SEGMENT)
        async with house.database.transaction() as tx:
            await house.destinations.watch(tx, "c", SEGMENT, "old")
        name = SegmentMessage(event=SegmentDefined(segment_id=SEGMENT, name="VIP <!channel>", filter={}, definition_version=2))
        house.clock = FixedClock(AT)
        first = moves(5, 2)
        await house.apply([Item("c", "d", name, AT), *first, *moves(1, 1, channel="other")])
        await asyncio.gather(*(house.apply(first) for _ in range(3)))  # delivered again
        await house.apply(moves(1, 0, first=100))
        assert not await Keeper(house.database, house.clock, new_id).tell_once()  # the minute is not over
        house.clock = FixedClock(AT + timedelta(minutes=1))
        await house.apply(moves(0, 3, first=200))
        for moment in (1, 2):
            house.clock = FixedClock(AT + timedelta(minutes=moment))
            assert await Keeper(house.database, house.clock, new_id).tell_once()
        async with house.working():
            await house.until(done(4))
    told = sorted((taken.json["type"], taken.json["data"]["entered"], taken.json["data"]["left"]) for taken in outside.taken)
    assert told == [("segment.entered", 6, 2), ("segment.left", 0, 2), ("segment.left", 0, 3), ("segment.left", 0, 3)]
    assert {taken.json["data"]["segmentName"] for taken in outside.taken} == {"VIP <!channel>"}
    assert all("contact" not in taken.body.decode().replace("contacts", "").lower() for taken in outside.taken)
    await house.apply([Item("c", "x", SegmentMessage(event=SegmentDeleted(segment_id=SEGMENT)), AT)])
    assert (await house.seen(both)).destination.problem == "The segment that it tells of was deleted."
    assert len(await house.room()) == 2


async def test_what_ended_long_ago_goes_and_what_waits_stays(house: House) -> None:
    async with Outside.open() as outside:
        await house.destination(outside)
        await house.tell(completed())
        async with house.working():
            await house.until(done(1))
    await house.tell(completed())
    async with house.database.transaction() as tx:
        assert not await store.purge(tx, AT + timedelta(days=40), 100)
    assert [each.delivery.status for each in await house.deliveries()] == [Status.WAITING]
    assert SECRET not in str(await house.deliveries())
