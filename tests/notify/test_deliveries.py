"""From events to destinations, on the real PostgreSQL against stand-ins of the other side: what arrives, when, how often."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.auth import Caller
from common.clock import FixedClock, SystemClock, to_wire
from common.errors import Conflict, NotFound
from common.events.contacts import ManagedUsersMessage, ManagedUsersWarning
from common.events.exports import ExportCompleted, ExportDownloaded, ExportFailed
from common.events.segments import SegmentDefined, SegmentMessage
from common.ids import new_id
from notify.consumer import Item
from notify.deliveries import store
from notify.deliveries.delivery import Status
from notify.deliveries.handlers import Deliveries
from notify.deliveries.keeper import Keeper
from notify.kinds.kind import Kind
from tests.notify.house import AT, KIM, LONG_AGO, SEGMENT, House, completed, done, moves
from tests.support.api import eventually
from tests.support.chats import CHATS, SECRET
from tests.support.outside import Hang, Outside, Reply, Reset, Taken


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
        await store.at_once(tx, "c", made, house.clock.now())


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


async def test_who_enters_and_leaves_a_segment_is_told_as_two_numbers_a_minute_each_change_once(house: House) -> None:
    async with Outside.open() as outside:
        await house.destination(outside, events=("segment.entered", "segment.left"), segment_id=SEGMENT)
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
