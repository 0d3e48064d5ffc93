"""What becomes of destinations when the segment is deleted that they are told of: they hear it, last, and of nothing after it."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from common.auth import Signer
from common.clock import FixedClock
from common.errors import Unprocessable
from common.events.segments import SegmentDeleted, SegmentMessage
from common.ids import new_id
from common.language import ENGLISH
from common.peers import Peer
from notify.consumer import Item
from notify.deliveries.delivery import Status
from notify.deliveries.keeper import Keeper
from notify.destinations.destination import Destination
from notify.destinations.handlers import Asked, Destinations, turned
from notify.destinations.neighbours import Segments
from notify.kinds.kind import Kind
from notify.sending.address import read_allowed
from notify.sending.connection import system_lookup
from tests.notify.house import AT, KIM, SEGMENT, House, completed, done, moves
from tests.support.api import eventually
from tests.support.chats import CHATS
from tests.support.outside import Outside, Reply

GONE = Item("c", "gone", SegmentMessage(event=SegmentDeleted(segment_id=SEGMENT)), AT)
MOVES = ("segment.entered", "segment.left")


async def watched(house: House, outside: Outside | None, kind: Kind = Kind.WEBHOOK, **more: Any) -> Destination:
    made = await house.destination(outside, kind, **{"events": MOVES, "segment_id": SEGMENT, **more})
    async with house.database.transaction() as tx:
        await house.destinations.watch(tx, "c", SEGMENT, "VIP")
    return (await house.seen(made)).destination


def told(outside: Outside) -> list[tuple[str, str]]:
    return [(taken.json["type"], taken.json["data"]["text"]) for taken in outside.taken]


async def test_the_last_counts_and_the_deletion_are_told_and_then_it_is_off_and_its_maker_is_told(house: House) -> None:
    async with Outside.open(CHATS["webhook"]) as outside:
        made = await watched(house, outside)
        await house.apply([*moves(5, 2), GONE])
        await house.apply([GONE])  # delivered again
        async with house.working():
            await house.until(done(2))
            off = (await house.eventually_off(made.id)).destination
        await house.apply([GONE])
    assert told(outside) == [
        ("segment.entered", "Segment “VIP”: 5 entered, 2 left."),
        ("segment.deleted", "Segment “VIP”: it was deleted. Its notices end here."),
    ]
    assert (off.problem, off.disabled_by) == ("The segment that it tells of was deleted.", None)
    assert [message["kind"] for message in await house.room()] == ["destination.disabled"]
    assert not await Keeper(house.database, house.clock, new_id).tell_once()


async def test_one_that_is_told_of_other_events_too_goes_on_without_it_and_its_maker_is_told(house: House) -> None:
    async with Outside.open(CHATS["webhook"]) as outside:
        made = await watched(house, outside, events=("export.ready", *MOVES))
        await house.apply([GONE])
        await house.tell(completed())
        async with house.working():
            await house.until(done(2))
    assert sorted(kind for kind, _ in told(outside)) == ["export.ready", "segment.deleted"]
    after = (await house.seen(made.id)).destination
    assert (after.active, after.events, after.segment_id, after.version) == (True, ("export.ready",), None, made.version + 1)
    [message] = await house.room()
    assert message["kind"] == "destination.changed"
    assert message["text"].startswith("The destination webhook (127.0.0.1) is told no more of the segment “VIP”")


async def test_one_that_does_not_answer_is_tried_for_a_day_and_off_after_it(house: House) -> None:
    async with Outside.open(lambda _: Reply(500)) as outside:
        made = await watched(house, outside)
        start = FixedClock(AT)
        house.clock = start
        await house.apply([GONE])
        async with house.working():
            await eventually(lambda: house.seen(made.id), lambda seen: seen.failures == 1)
            start.instant = AT + timedelta(hours=25)
            await house.until(lambda stand: stand[Status.PARKED] == 1)
            assert (await house.eventually_off(made.id)).destination.disabled_by is None
    assert {taken.json["type"] for taken in outside.taken} == {"segment.deleted"}


async def test_one_that_is_off_is_told_nothing_and_a_room_is_told_as_any_other(house: House) -> None:
    async with Outside.open() as outside:
        off = await watched(house, outside)
        async with house.database.transaction() as tx:
            await house.destinations.keep(tx, switched(off))
        room = await watched(house, None, Kind.ROOM)
        await house.apply([GONE])
        async with house.working():
            await house.eventually_off(room.id)
    assert outside.count == 0
    assert [message["kind"] for message in await house.room()] == ["destination.disabled", "segment.deleted"]


def switched(destination: Destination) -> Destination:
    return turned(destination, on=False, by="kim", now=AT)


async def test_a_segment_that_goes_while_a_destination_of_it_is_made_refuses_it(house: House, tmp_path: Path) -> None:
    async def read(_: Request) -> Response:
        await house.apply([GONE])  # right after it was seen to be there
        return JSONResponse({"items": [{"id": str(SEGMENT), "name": "VIP"}]})

    (tmp_path / "key.json").write_text(json.dumps(ECKey.generate_key("P-256", {"kid": "one"}).as_dict(private=True)))
    segments = Starlette(routes=[Route("/internal/segments/read", read, methods=["POST"])])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(segments)) as client:
        peer = Peer(client, Signer(tmp_path / "key.json", "dangol-local", "service:notify"), "http://segments", "contacts.read")
        commands = Destinations(
            house.database, house.destinations, Segments(peer), house.courier(), read_allowed(""), system_lookup(None),  # type: ignore[arg-type]
            house.clock, new_id,
        )  # fmt: skip
        with pytest.raises(Unprocessable) as refusal:
            await commands.make(KIM, Asked(Kind.ROOM, None, None, MOVES, SEGMENT, ENGLISH))
        assert (refusal.value.code, refusal.value.pointer) == ("unknownSegment", "/segmentId")
        off = await watched(house, None, Kind.ROOM)
        async with house.database.transaction() as tx:
            await house.destinations.keep(tx, switched(off))
        with pytest.raises(Unprocessable):
            await commands.change(KIM, off.id, lambda d, now: turned(d, on=True, by="kim", now=now), None)


async def test_a_deletion_waits_for_whoever_is_making_a_destination_of_the_segment_and_tells_it(house: House) -> None:
    async def waiting() -> int:
        async with house.database.connection() as connection:
            return int(await connection.fetchval("select count(*) from pg_locks where locktype = 'advisory' and not granted"))

    async with house.database.transaction() as tx:
        await house.destinations.alone(tx, "c", SEGMENT)
        assert not await house.destinations.is_gone(tx, "c", SEGMENT)
        going = asyncio.create_task(house.apply([GONE]))
        await eventually(waiting, bool)
        await house.destinations.keep(tx, house.new(None, Kind.ROOM, events=MOVES, segment_id=SEGMENT))
    await going
    assert [each.delivery.announcement.event for each in await house.deliveries()] == ["segment.deleted"]
