"""What goes wrong between an event and a destination, and loses or repeats no notice for that."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from msgspec import structs

from common.clock import FixedClock, to_wire
from common.envelope import Delivered, UnreadableMessage
from common.events.exports import ExportDeclined, ExportMessage
from common.events.segments import SegmentDeleted, SegmentMessage
from common.ids import new_id
from common.language import ENGLISH
from common.sealing import Seal
from common.topics import EXPORTS
from notify.consumer import Item, decode
from notify.deliveries.delivery import Status
from notify.deliveries.handlers import Deliveries
from notify.deliveries.keeper import Keeper
from notify.destinations.destination import UNOPENED
from notify.destinations.store import Destinations
from notify.kinds.kind import Kind
from tests.notify.house import AT, KIM, SEGMENT, House, completed, done, moves
from tests.support.api import eventually
from tests.support.outside import Outside, Reply

BOTH = ("segment.entered", "segment.left")


async def told(house: House, minute: int, second: int = 0) -> bool:
    house.clock = FixedClock(AT.replace(second=0) + timedelta(minutes=minute, seconds=second))
    return await Keeper(house.database, house.clock, new_id).tell_once()


async def test_what_is_counted_for_a_minute_that_was_told_is_told_too(house: House) -> None:
    """Whose clock is behind, or who commits late, writes into a minute that is over for the others."""
    async with Outside.open() as outside:
        await house.destination(outside, events=BOTH, segment_id=SEGMENT)
        house.clock = FixedClock(AT)
        await house.apply(moves(5, 2))
        assert not await told(house, 1, 4)
        assert await told(house, 1, 5)
        house.clock = FixedClock(AT)
        await house.apply(moves(1, 3, first=50))
        assert await told(house, 1, 6)
        assert not await told(house, 1, 7)
        async with house.working():
            await house.until(done(2))
    counts = [(taken.json["data"]["entered"], taken.json["data"]["left"]) for taken in outside.taken]
    assert sorted(counts) == [(1, 3), (5, 2)]


async def test_two_rooms_of_one_manager_are_told_each_of_its_own(house: House) -> None:
    await house.destination(None, Kind.ROOM, events=("segment.entered",), segment_id=SEGMENT)
    await house.destination(None, Kind.ROOM, events=("segment.left",), segment_id=SEGMENT)
    house.clock = FixedClock(AT)
    await house.apply(moves(5, 2))
    assert await told(house, 2)
    async with house.working():
        await house.until(done(2))
    assert sorted(m["text"].partition(": ")[2] for m in await house.room()) == ["0 entered, 2 left.", "5 entered, 0 left."]


@asynccontextmanager
async def deleting(house: House, destination: UUID, work: Awaitable[object]) -> AsyncIterator[None]:
    """While the work is under way somebody deletes the destination, and is done as the work waits for that."""
    async with house.database.transaction() as tx:
        await house.destinations.load(tx, "c", destination, lock=True)
        await house.destinations.delete(tx, "c", destination)
        working = asyncio.ensure_future(work)

        async def waits() -> bool:
            async with house.database.connection() as connection:
                query = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
                return bool(await connection.fetchval(query))

        await eventually(waits, bool, 10)
    await working
    yield


@pytest.mark.parametrize("gathered", [False, True])
async def test_what_is_for_a_destination_that_is_deleted_meanwhile_ends_nobodys_work(house: House, gathered: bool) -> None:
    house.clock = FixedClock(AT)
    async with Outside.open() as outside:
        gone = await house.destination(outside, events=("export.ready", *BOTH), segment_id=SEGMENT)
        stays = await house.destination(outside, events=("export.ready", *BOTH), segment_id=SEGMENT)
        work = house.apply(moves(1, 1)) if gathered else house.tell(completed())
        async with deleting(house, gone, work):
            assert await told(house, 2) is gathered
        async with house.working():
            await house.until(done(1))
    [shown] = await house.deliveries()
    assert shown.destination_id == stays


async def test_where_a_seal_does_not_open_notices_wait_and_the_others_are_told(house: House) -> None:
    async with Outside.open() as outside:
        lost = await house.destination(outside, events=("export.ready", *BOTH), segment_id=SEGMENT)
        async with house.database.transaction() as tx:
            made = await house.destinations.load(tx, "c", lost)
            assert made is not None
            await Destinations(Seal(b"k" * 32, os.urandom)).keep(tx, made)
            kept = await tx.fetchval("select address from destination where id = $1", lost)
        await house.destination(outside, events=("export.ready",))
        await house.tell(completed())
        async with house.working():
            await house.until(lambda stand: stand[Status.DELIVERED] == 1)

            async def answer() -> str | None:
                return ((await house.seen(lost)).last_answer or {}).get("text")

            await eventually(answer, lambda text: text == UNOPENED, 20)
        await house.apply([Item("c", "gone", SegmentMessage(event=SegmentDeleted(segment_id=SEGMENT)), AT)])
        after = (await house.seen(lost)).destination
        assert (after.events, after.segment_id, after.sealed) == (("export.ready",), None, kept)
    assert len(outside.taken) == 1
    last, first = await house.deliveries(Status.WAITING)
    assert (last.delivery.announcement.event, last.destination_id) == ("segment.deleted", lost)
    assert (first.delivery.announcement.event, first.destination_id, first.delivery.attempts) == ("export.ready", lost, 1)


async def test_whoever_puts_something_right_does_not_wait_until_we_would_have_tried_again(house: House) -> None:
    """A destination that has long failed rests for hours: resending by hand, and a test that arrives, do not wait for that."""
    async with Outside.open(lambda _: Reply(503)) as outside:
        made = await house.destination(outside, language=ENGLISH)
        await house.tell(completed(), completed())
        async with house.working():
            await eventually(lambda: house.seen(made), lambda seen: seen.failures > 0, 20)
        async with house.database.transaction() as tx:
            await tx.execute("update lane set rest_until = now() + '6 h', wake_at = now() + '6 h'")
            await tx.execute("update delivery set status = 'parked', next_at = null")
        outside.decide = lambda _: Reply()
        commands = Deliveries(house.database, house.destinations, house.clock)
        assert await commands.resend_all(KIM, made) == 2
        async with house.working():
            await house.until(done(2))


@pytest.mark.parametrize("typed", [r"\u0000", r"C:\\u0000", "\\" * 4 + "u0000"])
async def test_what_only_looks_like_nul_is_told(house: House, typed: str) -> None:
    event = ExportDeclined(export_id=uuid4(), requested_by="kim", at=to_wire(AT), rows=9, declined_by="lee", problem=typed)
    headers = {"ce_id": "e", "ce_type": "export.declined", "ce_version": "1", "ce_time": to_wire(AT)}
    delivered = Delivered(EXPORTS, 0, 1, "c/x", ExportMessage(event=event, version=1).encode(), headers)
    await house.apply([decode(delivered)])
    assert (await house.room())[0]["text"].endswith(f"({typed})")
    for nul in ("\0", "\\\0", "\\\\\0", typed + "\0"):
        value = ExportMessage(event=structs.replace(event, problem=nul), version=1).encode()
        with pytest.raises(UnreadableMessage):
            decode(replace(delivered, value=value))
