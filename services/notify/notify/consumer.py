"""What the others tell, into the managers' rooms and to destinations: each event once, however often it is delivered."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from common.clock import Clock, from_wire
from common.envelope import Delivered, UnreadableMessage
from common.events.contacts import JobMessage, ManagedUsersMessage
from common.events.exports import ExportMessage
from common.events.segments import Entered, Left, SegmentDefined, SegmentDeleted, SegmentMessage
from common.events.wire import read
from common.ids import Ids
from common.postgres import Database, Tx
from common.topics import CHANNEL, JOBS, SEGMENTS
from notify.announcing import announce
from notify.deliveries import gathering
from notify.deliveries import store as deliveries
from notify.deliveries.delivery import Status
from notify.deliveries.ending import end_segment
from notify.deliveries.gathering import Change
from notify.deliveries.store import Addressed
from notify.destinations.store import Destinations, Subscribed, subscribed
from notify.reactions import Notice, react, react_to_decision, react_to_end
from notify.room import store as rooms
from notify.room.store import Told

GROUP = "notify"
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""As JSON writes it: a backslash that is escaped itself begins no such character."""

Heard: TypeAlias = ExportMessage | SegmentMessage | ManagedUsersMessage | JobMessage


@dataclass(frozen=True, slots=True)
class Item:
    """A decoded message, the id that every delivery of it carries, and when it happened."""

    channel: str
    event_id: str
    message: Heard
    at: datetime


def decode(delivered: Delivered) -> Item:
    """Read a message of one of the topics. Raises UnreadableMessage."""
    item = Item(delivered.channel, delivered.id, _message(delivered), delivered.time)
    if _NUL.search(delivered.value or b"") or "\0" in delivered.key + delivered.id:
        raise UnreadableMessage("a text holds NUL, which no table takes")
    return item


def _message(delivered: Delivered) -> Heard:
    match delivered.topic:
        case topic if topic == SEGMENTS:
            return read(SegmentMessage, delivered)
        case topic if topic == CHANNEL:
            return read(ManagedUsersMessage, delivered)
        case topic if topic == JOBS:
            return read(JobMessage, delivered)
        case _:
            return read(ExportMessage, delivered)


class Notifier:
    """Applies batches."""

    def __init__(self, database: Database, destinations: Destinations, public_url: str, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._destinations = destinations
        self._public_url = public_url
        self._clock = clock
        self._ids = ids

    async def apply(self, items: Sequence[Item]) -> None:
        """Put what managers are told into their rooms, and what destinations are told on its way, in one transaction."""
        now = self._clock.now()
        told = [
            Told(item.channel, item.event_id, self._ids(), now, notice)
            for item in items
            for notice in self._notices(item.message)
            if notice is not None
        ]
        async with self._database.transaction() as tx:
            # Locked in one order here and by whoever changes a destination: segments, destinations, lanes.
            for channel, segment in sorted({(i.channel, e.segment_id) for i in items if (e := _deletion(i)) is not None}):
                await self._destinations.alone(tx, channel, segment)
            known = await subscribed(tx, sorted({item.channel for item in items}))
            if known:
                await gathering.gather(tx, [c for item in items if (c := _change(item)) is not None], known, now)
            await self._follow_definitions(tx, items, now)
            if told:
                await rooms.put(tx, told)
            if known:
                await self._announce(tx, items, known, now)

    def _notices(self, message: Heard) -> Sequence[Notice | None]:
        """What goes into whose room; an event is told once to each manager."""
        match message:
            case ExportMessage(event=event):
                return react(event, self._public_url), react_to_decision(event)
            case JobMessage(event=event):
                return (react_to_end(event),)
            case _:
                return ()

    async def _announce(self, tx: Tx, items: Sequence[Item], known: Sequence[Subscribed], now: datetime) -> None:
        addressed = [
            Addressed(
                item.channel, each.id, self._ids(), item.event_id, item.at, announcement,
                Status.WAITING if each.active else Status.PARKED,
            )
            for item in items
            if not isinstance(item.message, SegmentMessage)
            and (announcement := announce(item.message.event, self._public_url)) is not None
            for each in known
            if each.channel == item.channel and announcement.event in each.events and each.since <= item.at
        ]  # fmt: skip
        if addressed:
            await deliveries.add(tx, addressed, now)

    async def _follow_definitions(self, tx: Tx, items: Sequence[Item], now: datetime) -> None:
        """A segment that has another name is told by it; one that is no more can be told of no more."""
        for item in items:
            if not isinstance(item.message, SegmentMessage):
                continue
            match item.message.event:
                case SegmentDefined(segment_id=segment, name=name):
                    await self._destinations.rename(tx, item.channel, segment, name)
                case SegmentDeleted(segment_id=segment):
                    await end_segment(tx, self._destinations, item.channel, segment, item.event_id, item.at, now, self._ids)
                case _:
                    pass


def _deletion(item: Item) -> SegmentDeleted | None:
    event = item.message.event if isinstance(item.message, SegmentMessage) else None
    return event if isinstance(event, SegmentDeleted) else None


def _change(item: Item) -> Change | None:
    if not isinstance(item.message, SegmentMessage):
        return None
    match item.message.event:
        case Entered() | Left() as event:
            entered = isinstance(event, Entered)
            return Change(item.channel, event.segment_id, event.position, entered, from_wire(event.at))
        case _:
            return None
