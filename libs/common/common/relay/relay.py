"""Sends the outbox to Kafka and notes what is acknowledged; several relays share the shards."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Coroutine, Iterable, Sequence
from functools import partial
from typing import Any, Protocol

from common import outbox
from common.envelope import Message, MessageTooLarge
from common.errors import Unavailable
from common.figures import Figure, Reading
from common.health import Health
from common.loop import Outage, moving, reached
from common.partition import SHARDS
from common.postgres import Connection, Database
from common.relay import rows, shares
from common.relay.rows import AT_ONCE, Page, Wait
from common.relay.sent import Held, gone_on, may_wait, setting_out, together
from common.relay.trays import Trays
from common.telemetry import ASIDE, RELAYED, joined, log

# Looks often while rows keep coming, and ever less often, up to a limit that a person does not notice, once they have stopped.
# PostgreSQL sleeps whole milliseconds, and one more where it is told just that many and wakes a little early.
_BUSY_SECONDS, _CALM_SECONDS, _STOPPED_SECONDS, _IDLE_SECONDS, _SLOWER = 0.0009, 0.0019, 0.05, 0.05, 1.5
# Where so few rows come at once, a look each millisecond would cost more than they do.
_FEW = 5
# So long it looks without coming back to what else it has to do.
_LOOKING_SECONDS, _LOOKING_IDLE_SECONDS = 0.02, 0.2
_SHARE_SECONDS, _AWAY_SECONDS, _TEND_SECONDS = 1.0, 1.0, 0.5
# A connection is asked so often while Kafka has something for long, and has so long to answer: together well below the 25 seconds
# after which PostgreSQL gives the locks of one that is cut off to others.
_ASK_SECONDS = 5.0
# What is sent after the last note is sent again by whoever comes after a kill.
_NOTE_SECONDS, _NOTE_IDLE_SECONDS = 0.03, 1.0


_BEHIND = Figure(
    "dangol_outbox_behind_seconds", "All that was committed so long ago is with Kafka, of the shards that this relay has."
)
_SHARDS = Figure("dangol_outbox_shards", "Shards of the outbox that this relay has.")
_ROWS = Figure("dangol_outbox_waiting_rows", "Rows that wait to be sent, whoever has their shards; up to 100,000 are counted.")
_MOST_COUNTED = 100_000


class Sink(Protocol):
    """Where messages go: `common.kafka.Producer`, or what a benchmark puts beside it."""

    def send(self, messages: Iterable[Message]) -> Coroutine[Any, Any, None]:
        """Send all, in their order per key; done when every one is acknowledged. Raises MessageTooLarge, Unavailable."""
        ...


def _looking(pause: float) -> Wait:
    return Wait(pause, _LOOKING_IDLE_SECONDS if pause == _IDLE_SECONDS else max(pause, _LOOKING_SECONDS))


class Relay:
    """One relay. It holds shards by advisory lock on one connection, so that a shard's rows are sent by one relay, in order.
    Several share them: one that comes is given its part by the others, and where one ends the others take what it had.

    It sends what has become visible since the snapshot up to which all is sent, in the order of the ids: whoever writes of a key
    holds a lock until its commit, so that within what is visible a key's ids are in order, whenever it became so. Nothing is
    deleted for it: how far it is sent is noted from time to time, after Kafka's acknowledgement. So a kill sends again what came
    after the last note, and readers are idempotent by version.
    A row that Kafka finds too large is put aside, until its key's tombstone: one row must not hold up all the others.
    """

    def __init__(
        self,
        database: Database,
        producer: Sink,
        health: Health,
        *,
        shards: Sequence[int] = range(SHARDS),
        trays: Trays | None = None,
        ask_seconds: float = _ASK_SECONDS,
    ) -> None:
        self._database = database
        self._producer = producer
        self._health = health
        self._wanted = list(shards)
        self._held: list[Held] = []
        self._trays = trays or Trays()
        self._ask_seconds = ask_seconds
        self._ahead: asyncio.Task[Page] | None = None
        self._cluster: int | None = None
        self._floor = self._seen = self._noted = 0
        self._owes = False
        self._toward = self._sent_until = time.monotonic()
        self._note_at = self._note_idle_at = 0.0
        self._outage = Outage("relay")
        health.beat("relay")

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until told to stop. While Kafka is away the rows stay and it waits, as it does for the database at the start.

        Losing the database's connection loses the locks and ends the process, which starts anew. It ends at once, in the middle
        of what it sends: another relay may have the shards by now, and what is sent late would come after what that one sends.
        So does a connection of which nothing is heard while Kafka has what is sent: nobody would say that it is lost.
        """
        if not await reached(lambda: self._database.row("select 1"), stop, name="relay", health=self._health):
            return
        async with self._database.connection() as connection:
            lost = asyncio.Event()
            connection.add_termination_listener(lambda _: lost.set())
            working = [asyncio.ensure_future(self._to_the_end(connection, stop)), asyncio.ensure_future(lost.wait())]
            try:
                await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
                if not working[0].done():
                    raise Unavailable("The connection to the database is lost, and the locks with it.")
                await working[0]
            finally:
                for each in working:
                    each.cancel()
                await asyncio.gather(*working, return_exceptions=True)

    async def _to_the_end(self, connection: Connection, stop: asyncio.Event) -> None:
        try:
            await self._run(connection, stop)
            await self._note_if_due(connection, math.inf)
        finally:
            await self._look_not_ahead()

    async def _run(self, connection: Connection, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        share_at, tend_at, pause, sent_at = 0.0, loop.time() + _TEND_SECONDS, _BUSY_SECONDS, loop.time()
        while not stop.is_set():
            self._health.beat("relay")
            if loop.time() >= share_at:
                await self.claim(connection)
                share_at = loop.time() + _SHARE_SECONDS
            began = loop.time()
            if count := await self._send_if_kafka_answers(connection, _looking(pause)):
                pause, sent_at = _BUSY_SECONDS if count > _FEW else _CALM_SECONDS, loop.time()
            else:
                # Others' transactions end a look as well, and may do so each time.
                await asyncio.sleep(max(0.0, began + pause - loop.time()))
                if loop.time() - sent_at > _STOPPED_SECONDS:
                    pause = min(pause * _SLOWER, _IDLE_SECONDS)
            await self._note_if_due(connection, loop.time())
            if loop.time() >= tend_at:
                await self._looked_ahead()
                await self._trays.tend(connection)
                tend_at = loop.time() + _TEND_SECONDS

    def _shards(self) -> list[int]:
        return [shard for held in self._held for shard in held.shards]

    async def _send_if_kafka_answers(self, connection: Connection, wait: Wait) -> int:
        try:
            sent = await self.send_once(connection, wait)
        except Unavailable as error:
            self._outage.met(error.detail)
            self._health.wait("relay", error.detail)
            await asyncio.sleep(_AWAY_SECONDS)
            return 0
        self._outage.over()
        return sent

    async def claim(self, connection: Connection) -> None:
        """Take of the shards that nobody holds what is missing of this relay's share, and give back what is above it."""
        await self._looked_ahead()
        if self._cluster is None:
            self._cluster = await rows.prepare(connection)
            await shares.sit(connection, self._wanted)
        held = self._shards()
        due = await shares.own_share(connection, self._wanted)
        if len(held) > due:
            await self._give_back(connection, held[due:])
        elif taken := await shares.take(connection, [s for s in self._wanted if s not in held], due - len(held)):
            self._held += await rows.load(connection, taken)
            self._floor = max(self._floor, *(each.sent.until.floor for each in self._held))
        if len(held) != len(self._shards()):
            log.info("shards held", count=len(self._shards()), before=len(held))

    async def _give_back(self, connection: Connection, shards: Sequence[int]) -> None:
        """Nothing of them is on its way to Kafka here; who takes them goes on after the note."""
        await self._look_not_ahead()  # what is read ahead has rows of theirs
        await self.note(connection)
        kept = [Held(tuple(s for s in held.shards if s not in shards), held.sent) for held in self._held]
        self._held = [held for held in kept if held.shards]
        await shares.give_back(connection, shards)

    async def send_once(self, connection: Connection, wait: Wait = AT_ONCE) -> int:
        """Send one batch of the held shards, once there is one; answers how many rows it was, 0 where none came meanwhile."""
        count = await self._go_on(connection)
        if not count and await self._set_out(connection, wait):
            count = await self._go_on(connection)
        return count

    async def _set_out(self, connection: Connection, wait: Wait) -> bool:
        """Towards this moment, or towards one at which something has come; there is no need where nothing has been committed."""
        if not self._held:
            return False
        self._held = together(self._held)
        if len(self._held) == 1:
            mark = await rows.mark(connection, self._floor, self._held[0].sent.until, wait)
        else:  # of some more is sent than of others: all come to the same first
            mark = await rows.mark(connection, self._floor)
        self._seen = mark.ceiling
        self._toward = time.monotonic()
        if all(held.sent.until.snapshot == mark.snapshot for held in self._held):
            self._sent_until = self._toward
            return False
        self._held = [Held(held.shards, setting_out(held.sent, mark)) for held in self._held]
        return True

    async def _go_on(self, connection: Connection) -> int:
        """Send the next page of whoever is on the way; answers how many rows it was, 0 where all are where they wanted to be."""
        for number in range(len(self._held)):
            while (held := self._held[number]).sent.toward is not None:
                if not may_wait(held.sent):
                    self._held[number] = Held(held.shards, gone_on(held.sent, None))
                elif count := await self._send_page(connection, number):
                    return count
        self._sent_until = self._toward
        return 0

    async def _send_page(self, connection: Connection, number: int) -> int:
        """Send the next page on the way of these shards. Meanwhile the one after it is read."""
        page = await (self._ahead or rows.page(connection, self._held[number]))
        self._ahead = None
        if page.messages:
            if page.more:
                self._ahead = asyncio.create_task(rows.page(connection, page.then))
            try:
                await self._send(connection, page)
            except BaseException:
                await self._look_not_ahead()  # read anew: an erasure may have taken rows of it by then
                raise
            self._owes = True
        self._held[number] = page.then
        return len(page.messages)

    async def _send(self, connection: Connection, page: Page) -> None:
        began = time.time_ns()
        try:
            await self._hand_over(connection, page.messages)
        except MessageTooLarge:
            await self._looked_ahead()
            for row, message in zip(page.ids, page.messages, strict=True):
                await self._send_or_put_aside(connection, row, message)
        # Who erases does not see what is put aside here meanwhile; but its tombstone comes after it, the last of its key.
        if ended := [m.key for m in page.messages if m.value is None]:
            await self._looked_ahead()
            await rows.forget_aside(connection, ended)
        for topic, count in Counter(m.topic for m in page.messages).items():
            RELAYED.labels(topic).inc(count)
        joined("relay", (m.headers for m in page.messages), began)

    async def _hand_over(self, connection: Connection, messages: Sequence[Message]) -> None:
        await moving(
            self._producer.send(messages), self._health, "relay", "Kafka does not answer",
            every=self._ask_seconds, meanwhile=partial(self._end_if_cut_off, connection),
        )  # fmt: skip

    async def _end_if_cut_off(self, connection: Connection) -> None:
        """End the connection where nothing is heard of it: its locks are soon another's, who sends what is being sent here."""
        try:
            async with asyncio.timeout(self._ask_seconds):
                await self._looked_ahead()
                await connection.execute("select")
        except TimeoutError:
            connection.terminate()

    async def _send_or_put_aside(self, connection: Connection, row: int, message: Message) -> None:
        try:
            await self._hand_over(connection, [message])
        except MessageTooLarge as error:
            size = len(message.value or b"")
            await rows.put_aside(connection, row, message, f"{type(error).__name__}: {size} bytes")
            ASIDE.labels(message.topic).inc()
            log.error("a message that Kafka finds too large is put aside", topic=message.topic, row=row, bytes=size)

    async def _note_if_due(self, connection: Connection, now: float) -> None:
        # Rows of shards that others hold are noted as well, seldom: a tray is emptied when every shard is past it.
        if (self._owes and now >= self._note_at) or (self._seen != self._noted and now >= self._note_idle_at):
            await self.note(connection)
            self._note_at, self._note_idle_at = now + _NOTE_SECONDS, now + _NOTE_IDLE_SECONDS

    async def note(self, connection: Connection) -> None:
        """Note what is sent. By the note's own transaction every later one takes ids above those that were seen before it."""
        await self._looked_ahead()
        assert self._cluster is not None, "shards are held"
        for held in self._held:
            await rows.note(connection, self._cluster, held)
        self._floor = self._noted = self._seen
        self._owes = False

    async def figures(self) -> Sequence[Reading]:
        """How far behind this relay is, and how many rows wait in all. Raises Unavailable where the database does not answer."""
        async with self._database.connection() as connection:
            waiting = await outbox.waiting(connection, _MOST_COUNTED)
        shards = self._shards()
        behind = [_BEHIND.at(time.monotonic() - self._sent_until)] if shards else []
        return [_ROWS.at(waiting), _SHARDS.at(len(shards)), *behind]

    async def _looked_ahead(self) -> None:
        """The connection is free when this returns: what is read ahead, is read."""
        if self._ahead is not None:
            await asyncio.wait([self._ahead])

    async def _look_not_ahead(self) -> None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            await asyncio.gather(ahead, return_exceptions=True)
