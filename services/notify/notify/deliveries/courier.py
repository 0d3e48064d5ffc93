"""Brings one notice where its destination is: over HTTP, or into the room of whoever made it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common.clock import Clock
from common.ids import Ids
from common.postgres import Database
from common.telemetry import log
from notify.deliveries.delivery import Attempt, Delivery
from notify.destinations.destination import UNOPENED, Destination
from notify.kinds.kind import Kind, pace
from notify.kinds.message import Message
from notify.kinds.rendering import call, wait_asked
from notify.reactions import Notice
from notify.room import store as rooms
from notify.room.store import Told
from notify.sending.answer import Answer
from notify.sending.sender import Line, Outside

_OURS = "An error of the program, not of this destination: tell the operators."


class Courier:
    """What every attempt needs."""

    def __init__(self, database: Database, outside: Outside, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._outside = outside
        self._clock = clock
        self._ids = ids

    @asynccontextmanager
    async def to(self, destination: Destination) -> AsyncIterator["Route"]:
        """The way to one destination, as it is now; its connections are closed at the end."""
        if destination.url is None:
            yield Route(self, destination, None)
            return
        async with self._outside.line(destination.target, pace(destination.kind).at_once) as line:
            yield Route(self, destination, line)

    async def bring(self, destination: Destination, line: Line | None, delivery: Delivery) -> Attempt:
        """One attempt, and what came back."""
        if destination.kind is Kind.ROOM:
            await self._into_room(destination, delivery)
            return Attempt(delivery, Answer(200, body=b"told in the room"))
        if line is None:
            return Attempt(delivery, Answer(None, problem=UNOPENED))
        try:
            return await self._sent(destination, line, delivery)
        except Exception as error:  # noqa: BLE001 - counted as an attempt it is tried less and less often, and parked in the end
            log.error("a notice met an error of the program", delivery=str(delivery.id), exc_info=error)
            return Attempt(delivery, Answer(None, problem=_OURS))

    async def _sent(self, destination: Destination, line: Line, delivery: Delivery) -> Attempt:
        told = delivery.announcement
        message = Message(
            str(delivery.id), told.event, delivery.at, destination.language, told.text(destination.language), told.link, told.data
        )
        now = self._clock.now()
        answer = await line.send(call(destination.kind, destination.target, destination.secret, message, now))
        if destination.secret is not None:
            answer = answer.without(destination.secret)
        return Attempt(delivery, answer, wait_asked(destination.kind, answer, self._clock.now()))

    async def _into_room(self, destination: Destination, delivery: Delivery) -> None:
        told = delivery.announcement
        notice = Notice(destination.created_by, told.event, told.korean, told.english, told.link)
        async with self._database.transaction() as tx:
            await rooms.put(tx, [Told(destination.channel, delivery.event_id, self._ids(), self._clock.now(), notice)])


class Route:
    """The way to one destination."""

    def __init__(self, courier: Courier, destination: Destination, line: Line | None) -> None:
        self._courier = courier
        self._destination = destination
        self._line = line

    async def bring(self, delivery: Delivery) -> Attempt:
        """One attempt, and what came back."""
        return await self._courier.bring(self._destination, self._line, delivery)
