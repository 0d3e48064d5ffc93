"""Events into rooms, on the real PostgreSQL and Kafka: who is told what, once, however often it is delivered."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec import structs

from common.auth import Caller
from common.clock import FixedClock, to_wire
from common.consumer import Consumer
from common.envelope import Message, message
from common.errors import Unprocessable
from common.events.exports import (
    ExportApprovalAsked,
    ExportApproved,
    ExportCancelled,
    ExportCompleted,
    ExportDeclined,
    ExportDownloaded,
    ExportEvent,
    ExportExpired,
    ExportFailed,
    ExportMessage,
    ExportProgressed,
    ExportRequested,
    ExportRevoked,
    ExportWithdrawn,
)
from common.health import Health
from common.ids import new_id
from common.kafka import DeadLetters, Producer, Source, create_topics
from common.postgres import Database
from common.sealing import Seal
from common.topics import Topic, dead_letter_topic
from localstack.stack import Stack
from notify.consumer import Item, Notifier, decode
from notify.destinations.store import Destinations
from notify.reactions import react, react_to_decision
from notify.room.queries import Queries
from notify.room.store import Store
from tests.support.api import eventually

AT = datetime(2026, 11, 24, 3, tzinfo=UTC)
URL = "https://dangol.example"
DESTINATIONS = Destinations(Seal(bytes(32), os.urandom))
KIM = Caller("kim", "c", frozenset())
ID = UUID("019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c11")
COMMON: dict[str, Any] = {"export_id": ID, "requested_by": "kim", "at": to_wire(AT)}
COMPLETED = ExportCompleted(**COMMON, rows=1234, expires_at=to_wire(AT + timedelta(days=7)))
FAILED = ExportFailed(**COMMON, problem="The file cannot be written.")
SILENT: list[ExportEvent] = [
    ExportRequested(**COMMON), ExportProgressed(**COMMON, rows_done=1, rows_total=2), ExportCancelled(**COMMON),
    ExportDownloaded(**COMMON), ExportExpired(**COMMON), ExportRevoked(**COMMON), ExportRevoked(**COMMON, revoked_by="kim"),
]  # fmt: skip


def test_a_finished_export_is_told_with_the_link_to_its_page_and_how_many_rows() -> None:
    notice = react(COMPLETED, URL)
    assert notice is not None
    assert (notice.manager, notice.kind, notice.link) == ("kim", "export.ready", f"{URL}/exports/{ID}")
    assert [text.count("1,234") for text in (notice.korean, notice.english)] == [1, 1]


def test_a_failed_export_is_told_with_its_reason_and_without_a_link() -> None:
    notice = react(FAILED, URL)
    assert notice is not None
    assert (notice.manager, notice.kind, notice.link) == ("kim", "export.failed", None)
    assert all("The file cannot be written." in text for text in (notice.korean, notice.english))


def test_a_withdrawn_file_is_told_with_the_reason_in_both_languages_and_as_no_expiry() -> None:
    notice = react(ExportWithdrawn(**COMMON), URL)
    assert notice is not None
    assert (notice.manager, notice.kind, notice.link) == ("kim", "export.withdrawn", None)
    assert "고객이 삭제되었기 때문입니다" in notice.korean
    assert "a contact in it was erased" in notice.english
    assert "seven days" not in notice.english


def test_a_file_that_another_revoked_is_told_with_who_did() -> None:
    notice = react(ExportRevoked(**COMMON, revoked_by="eye"), URL)
    assert notice is not None
    assert (notice.manager, notice.kind, notice.link) == ("kim", "export.revoked", None)
    assert [text.count("eye") for text in (notice.korean, notice.english)] == [1, 1]


def test_what_a_second_person_decided_is_told_to_the_asker_and_to_that_person() -> None:
    waits = react(ExportApprovalAsked(**COMMON, rows=1234), URL)
    assert waits is not None
    assert (waits.manager, waits.kind) == ("kim", "export.approvalAsked")
    for event in (ExportApproved(**COMMON, rows=1234, approved_by="lee"), ExportDeclined(**COMMON, rows=1234, declined_by="lee")):
        asker, decider = react(event, URL), react_to_decision(event)
        assert asker is not None
        assert decider is not None
        assert [(n.manager, n.kind) for n in (asker, decider)] == [("kim", event.type), ("lee", event.type)]
        for notice, other in ((asker, "lee"), (decider, "kim")):
            assert all("1,234" in text and other in text for text in (notice.korean, notice.english))
    declined = react(ExportDeclined(**COMMON, rows=1, declined_by="lee", problem="Ask for fewer."), URL)
    assert declined is not None
    assert all("(Ask for fewer.)" in text for text in (declined.korean, declined.english))


@pytest.mark.parametrize("event", SILENT, ids=lambda event: event.type)
def test_nothing_else_is_told(event: ExportEvent) -> None:
    assert react(event, URL) is None
    assert react_to_decision(event) is None


def notifier(database: Database) -> Notifier:
    return Notifier(database, DESTINATIONS, URL, FixedClock(AT), new_id)


def item(event: ExportEvent = COMPLETED, *, channel: str = "c", event_id: str | None = None) -> Item:
    return Item(channel, event_id or str(uuid4()), ExportMessage(event=event, version=1), AT)


async def room(database: Database, subject: str = "kim", channel: str = "c", limit: int = 100) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = await Queries(Store(database)).own_room(Caller(subject, channel, frozenset()), limit, cursor)
        assert len(page.items) <= limit
        items, cursor = items + page.items, page.next
        if cursor is None:
            return items


async def test_an_event_is_told_once_however_often_it_is_delivered(database: Database) -> None:
    one = item(event_id="e1")
    await notifier(database).apply([one, one])
    await notifier(database).apply([item(SILENT[0]), one])
    await asyncio.gather(*(notifier(database).apply([one, item(event_id="e2")]) for _ in range(4)))
    found = await room(database)
    assert len(found) == 2
    assert {m["link"] for m in found} == {f"{URL}/exports/{ID}"}
    assert {(m["from"], m["kind"], m["at"]) for m in found} == {("notice-bot", "export.ready", "2026-11-24T03:00:00.000Z")}


async def test_a_room_is_its_managers_and_its_channels_own(database: Database) -> None:
    await notifier(database).apply([item(event_id="e1"), item(channel="other", event_id="e1")])
    assert len(await room(database)) == len(await room(database, channel="other")) == 1
    assert await room(database, "lee") == []
    assert await room(database, "lee", "other") == []


async def test_a_room_is_read_newest_first_by_pages_while_messages_arrive(database: Database) -> None:
    told = [structs.replace(COMPLETED, export_id=uuid4()) for _ in range(7)]
    await notifier(database).apply([item(event) for event in told])
    page = await Queries(Store(database)).own_room(KIM, 3, None)
    await notifier(database).apply([item()])
    rest = await Queries(Store(database)).own_room(KIM, 100, page.next)
    assert [m["link"] for m in page.items + rest.items] == [f"{URL}/exports/{event.export_id}" for event in reversed(told)]
    assert rest.next is None
    assert len(await room(database, limit=1)) == 8


@pytest.mark.parametrize("cursor", ["x", "", "019a1f0e", str(ID), "1; drop table message"])
async def test_a_cursor_that_is_none_is_refused(database: Database, cursor: str) -> None:
    with pytest.raises(Unprocessable):
        await Queries(Store(database)).own_room(KIM, 100, cursor)


@dataclass
class Line:
    """A topic of a test's own, and a group that reads it."""

    kafka: str
    topic: str
    group: str
    database: Database
    producer: Producer

    def told(self, value: bytes | None, event_id: str = "e1", **headers: str) -> Message:
        made = message(
            self.topic, channel="c", subject=str(ID), source="exports", type="export.completed", id=event_id, version=1, at=AT,
            value=value, trace={},
        )  # fmt: skip
        return Message(made.topic, made.key, made.value, made.headers | headers)

    async def read(
        self, apply: Callable[[Sequence[Item]], Awaitable[None]], until: Callable[[], Awaitable[bool]], group: str = ""
    ) -> None:
        """Consume as the process does, until the condition holds."""
        stop = asyncio.Event()
        async with Source.open(self.kafka, group or self.group, [self.topic]) as source:
            health = Health({})
            letters = DeadLetters(self.producer, self.group, health)
            consumer = asyncio.create_task(Consumer(source, decode, apply, letters, health).run(stop))
            try:
                waiting = asyncio.create_task(eventually(until, bool, 60))
                await asyncio.wait({consumer, waiting}, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
            finally:
                stop.set()
                await consumer

    async def letters(self, count: int) -> dict[str, dict[str, str]]:
        """The dead letters' headers, by the event's id."""
        found: dict[str, dict[str, str]] = {}
        async with asyncio.timeout(60), Source.open(self.kafka, f"g-{uuid4().hex}", [dead_letter_topic(self.group)]) as source:
            while len(found) < count:
                found |= {m.headers.get("ce_id", "none"): m.headers for m in await source.poll()}
        return found


@pytest.fixture
async def line(servers: Stack, database: Database) -> AsyncIterator[Line]:
    name = f"test.{uuid4().hex[:12]}"
    await create_topics(servers.kafka, [Topic(name), Topic(dead_letter_topic(name), partitions=1)])
    async with Producer.open(servers.kafka, client_id=name) as producer:
        yield Line(servers.kafka, name, name, database, producer)


async def test_a_consumer_that_dies_before_it_commits_tells_no_message_twice(line: Line, database: Database) -> None:
    await line.producer.send([line.told(ExportMessage(event=COMPLETED, version=5).encode())])
    died = asyncio.Event()

    async def dies(items: Sequence[Item]) -> None:
        await notifier(database).apply(items)
        died.set()
        raise RuntimeError("killed before the commit")

    async def is_dead() -> bool:
        return died.is_set()

    with pytest.raises(RuntimeError):
        await line.read(dies, is_dead)
    assert len(await room(database)) == 1
    again: list[Item] = []

    async def applies(items: Sequence[Item]) -> None:
        again.extend(items)
        await notifier(database).apply(items)

    async def delivered() -> bool:
        return bool(again)

    await line.read(applies, delivered)
    assert len(await room(database)) == 1
    await line.producer.send([line.told(ExportMessage(event=COMPLETED, version=5).encode())])
    again.clear()
    await line.read(applies, delivered, group=f"{line.group}-anew")
    assert len(await room(database)) == 1


async def test_what_cannot_be_read_goes_aside_and_the_next_is_told(line: Line, database: Database) -> None:
    good = ExportMessage(event=COMPLETED, version=5).encode()
    nul = ExportMessage(event=structs.replace(FAILED, problem="a\0b"), version=5).encode()
    bad: dict[str, tuple[bytes | None, dict[str, str]]] = {
        "no-json": (b"{", {}),
        "no-value": (None, {}),
        "unknown-type": (good.replace(b"export.completed", b"export.sold"), {}),
        "no-rows": (good.replace(b'"rows"', b'"lines"'), {}),
        "nul": (nul, {}),
        "nul-\0": (good, {}),
    }
    await line.producer.send([line.told(value, name, **headers) for name, (value, headers) in bad.items()])
    await line.producer.send([line.told(good, "good")])

    async def told() -> bool:
        return len(await room(database)) == 1

    await line.read(notifier(database).apply, told)
    letters = await line.letters(len(bad))
    assert set(letters) == set(bad)
    assert {headers["dlq_topic"] for headers in letters.values()} == {line.topic}
    assert letters["no-rows"]["dlq_reason"] == "ExportMessage: event/rows: missing"
    assert all("kim" not in headers["dlq_reason"] for headers in letters.values())
