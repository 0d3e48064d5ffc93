"""`make bench-contacts`: appending, taking visits in and relaying, each beside its baseline in the same run; and importing.

What was written is counted and checked each time; the times are told, not judged. `ROWS=20000` imports fewer rows.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import orjson
from aiokafka import AIOKafkaProducer

from common import outbox, process
from common.envelope import Message, encode_headers, message
from common.events.contacts import Change, Contact, ContactChanged, ContactCreated
from common.health import Health
from common.ids import new_id
from common.kafka import Producer, create_topics
from common.partition import SHARDS, partition_of
from common.postgres import Database
from common.relay import Relay, Sink
from common.topics import Topic
from contacts import journal, store
from contacts.channel import store as channel_store
from contacts.channel.handlers import NEW_CHANNEL
from contacts.contact import created, evolve
from contacts.publish import Step
from localstack.stack import Stack
from tests.bench import importing
from tests.bench.measure import Row, Run, compared, interleaved, percentile, table
from tests.bench.people import visit
from tests.bench.serving import require, serving, within
from tests.support.postgres import fresh_database
from tests.support.stack import free_port_base, stack_of_this_run

CALLERS = 16
CHANNEL = "bench"
NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)


# -- appending


async def _people(database: Database, number: int) -> list[Contact]:
    """New contacts, written already."""
    people = [created(new_id(), f"m-{uuid4().hex}", ContactCreated(), NOW) for _ in range(number)]
    async with database.transaction() as tx:
        await store.reserve_members(tx, CHANNEL, {p.member_id or "": p.id for p in people})
        await journal.append(tx, CHANNEL, [Step(ContactCreated(), p) for p in people], "bench", "bench")
        await tx.execute("delete from outbox")
    return people


def _renamed(contact: Contact) -> Step:
    event = ContactChanged(changes=[Change(key="name", from_=contact.name, to=f"홍길동 {contact.version}")])
    return Step(event, evolve(contact, event, NOW))


async def _append(database: Database, each: int, seconds: float = 5.0) -> float:
    """Events per second that CALLERS callers append durably, `each` contacts a transaction."""
    crowds = [await _people(database, each) for _ in range(CALLERS)]
    appended = 0
    until = time.perf_counter() + seconds

    async def caller(crowd: list[Contact]) -> None:
        nonlocal appended
        while time.perf_counter() < until:
            async with database.transaction() as tx:
                locked = await store.lock(tx, CHANNEL, [c.id for c in crowd])
                steps = [_renamed(state) for state, _ in locked.values() if state is not None]
                await journal.append(tx, CHANNEL, steps, "bench", "bench")
            appended += len(steps)

    began = time.perf_counter()
    await asyncio.gather(*(caller(crowd) for crowd in crowds))
    took = time.perf_counter() - began
    async with database.transaction() as tx:
        require(await tx.fetchval("select count(*) from outbox") == appended, "an outbox row per event")
        await tx.execute("truncate outbox")
    return appended / took


async def append(stack: Stack) -> list[Row]:
    """Many contacts a transaction beside one event a transaction."""
    async with fresh_database(stack.postgres_dsn(None), ("common", "contacts")) as made:
        dsn = await _dsn(made, stack)
        async with Database.open(dsn, size=CALLERS) as database, database.transaction() as tx:
            require(await tx.fetchval("show synchronous_commit") == "on", "synchronous_commit=on")
            await channel_store.make_channel(tx, CHANNEL, NEW_CHANNEL, NOW)
        async with Database.open(dsn, size=CALLERS) as database:
            candidates: dict[str, Run] = {
                "append, 100 contacts a transaction": lambda: _append(database, 100),
                "append, one event a transaction": lambda: _append(database, 1),
            }
            ours, plain = (await interleaved(candidates)).values()
    return [compared("durable append, 16 callers, 100 contacts a transaction", ours, plain, "one transaction per event", "8 ×")]


async def _dsn(database: Database, stack: Stack) -> str:
    async with database.connection() as connection:
        schema = await connection.fetchval("select current_schema()")
    return f"{stack.postgres_dsn(None)}?search_path={schema}"


# -- taking visits in


def _batches(count: int, size: int = 500, members: int = 5000) -> list[bytes]:
    """Bodies of visits spread over members and over days; every id new."""
    run = uuid4().hex
    bodies = []
    for batch in range(count):
        first = batch * size
        visits = [
            visit(f"{run}-{batch}-{n}", f"m-{(first + n * 7) % members}", NOW - timedelta(minutes=(first + n) * 11 % 100_000))
            for n in range(size)
        ]
        bodies.append(orjson.dumps({"visits": visits}))
    return bodies


async def _intake(stack: Stack, url: str, count: int = 24) -> float:
    """Visits per second until the answers, four requests at a time."""
    channel = f"bench-{uuid4().hex[:8]}"
    headers = {
        "Authorization": f"Bearer {stack.token(channel=channel, sub='bench')}",
        "Content-Type": "application/json",
    }
    bodies = _batches(count)
    waiting = iter(bodies)
    accepted = 0

    async def sender(client: httpx.AsyncClient) -> None:
        nonlocal accepted
        for body in waiting:
            answer = await client.post(f"{url}/v1/visits", content=body, headers=headers)
            require(answer.status_code == 202, f"202, not {answer.status_code}")
            accepted += answer.json()["accepted"]

    async with httpx.AsyncClient(timeout=120) as client:
        began = time.perf_counter()
        await asyncio.gather(*(sender(client) for _ in range(4)))
        took = time.perf_counter() - began
    require(accepted == count * 500, "every visit taken once")
    return accepted / took


async def intake(stack: Stack) -> list[Row]:
    """`POST /v1/visits` beside a plain FastAPI route, written row by row, and in front of the product's own command."""
    base = free_port_base()
    async with (
        serving(stack, base, "contacts", "api") as ours,
        serving(stack, base + 1, "tests.bench.plain_intake", "rows") as rows,
        serving(stack, base + 2, "tests.bench.plain_intake", "arrays") as arrays,
    ):
        rates = await interleaved({
            "visits": lambda: _intake(stack, ours),
            "visits, pydantic list body, row by row": lambda: _intake(stack, rows),
            "visits, pydantic list body, our command": lambda: _intake(stack, arrays),
        })  # fmt: skip
    found = list(rates.values())
    what = "`POST /v1/visits`, 500 a batch, one process"
    return [
        compared(what, found[0], found[1], "FastAPI, pydantic list body, one transaction per batch, row by row", "3 ×"),
        compared(what, found[0], found[2], "the same body in front of our own command", "–"),
    ]


# -- the relay


class OneByOne:
    """Hands messages over by the client's `send()`, a future each: what the relay's own producer is measured beside."""

    def __init__(self, client: AIOKafkaProducer) -> None:
        self._client = client

    async def send(self, messages: Iterable[Message]) -> None:
        """Send all and wait for every acknowledgement."""
        futures = [
            await self._client.send(
                m.topic, value=m.value, key=m.key.encode(), partition=partition_of(m.key, SHARDS),
                headers=encode_headers(m.headers),
            )
            for m in messages
        ]  # fmt: skip
        await asyncio.gather(*futures)


class Timed:
    """A producer that notes when each message was acknowledged."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self.at: dict[str, float] = {}

    async def send(self, messages: Iterable[Message]) -> None:
        """Send all and note the time."""
        kept = list(messages)
        await self._producer.send(kept)
        now = time.perf_counter()
        self.at.update((m.headers["ce_id"], now) for m in kept)


def _messages(topic: str, number: int) -> list[Message]:
    value = orjson.dumps({"event": {"type": "bench"}, "text": "x" * 500})
    return [
        message(topic, channel=CHANNEL, subject=str(subject), source="bench", type="bench", id=new_id(), version=1, at=NOW,
                value=value, trace={})
        for subject in (UUID(int=n % 5000) for n in range(number))
    ]  # fmt: skip


class Counted:
    """A producer that says when so many messages are acknowledged."""

    def __init__(self, producer: Sink, number: int) -> None:
        self._producer = producer
        self._left = number
        self.done = asyncio.Event()

    async def send(self, messages: Iterable[Message]) -> None:
        """Send all and count them."""
        kept = list(messages)
        await self._producer.send(kept)
        self._left -= len(kept)
        if self._left <= 0:
            self.done.set()


async def _relay(database: Database, producer: Sink, topic: str, number: int = 40_000) -> float:
    """Outbox rows per second from a full outbox to Kafka's acknowledgements."""
    messages = _messages(topic, number)
    async with database.transaction() as tx:
        for begin in range(0, number, 5000):
            await outbox.put(tx, messages[begin : begin + 5000])
    del messages  # a relay's process holds no such heap
    counted, stop = Counted(producer, number), asyncio.Event()
    began = time.perf_counter()
    running = asyncio.create_task(Relay(database, counted, Health({})).run(stop))
    await counted.done.wait()
    took = time.perf_counter() - began
    stop.set()
    await running
    return number / took


async def _hand_over(producer: Sink, topic: str, number: int = 40_000) -> float:
    """Messages per second to Kafka alone, 2,000 at a time."""
    messages = _messages(topic, number)
    began = time.perf_counter()
    for begin in range(0, number, 2000):
        await producer.send(messages[begin : begin + 2000])
    return number / (time.perf_counter() - began)


async def _latencies(database: Database, producer: Producer, topic: str, seconds: float = 10.0) -> list[float]:
    """Seconds from a commit to Kafka's acknowledgement, at 2,000 events a second in transactions of 20."""
    timed = Timed(producer)
    stop = asyncio.Event()
    running = asyncio.create_task(Relay(database, timed, Health({})).run(stop))
    committed: dict[str, float] = {}
    async with database.transaction() as tx:
        await outbox.put(tx, _messages(topic, 1))
    async with within(60, "a relay that has just started holds its shards and knows Kafka"):
        while not timed.at:
            await asyncio.sleep(0.01)
    began = time.perf_counter()
    for number in range(int(seconds * 100)):
        await asyncio.sleep(max(0.0, began + number / 100 - time.perf_counter()))
        messages = _messages(topic, 20)
        async with database.transaction() as tx:
            await outbox.put(tx, messages)
        now = time.perf_counter()
        committed.update((m.headers["ce_id"], now) for m in messages)
    async with within(60, "everything is sent"):
        while len(timed.at) < len(committed) + 1:
            await asyncio.sleep(0.01)
    stop.set()
    await running
    return [max(0.0, timed.at[name] - at) for name, at in committed.items()]


async def relay(stack: Stack) -> list[Row]:
    """The relay by whole batches beside the relay by `send()`; and how long an event waits."""
    topic = f"bench.{uuid4().hex[:8]}"
    await create_topics(stack.kafka, [Topic(topic)])
    plain_client = AIOKafkaProducer(
        bootstrap_servers=stack.kafka, acks="all", enable_idempotence=True, linger_ms=0, max_batch_size=256 * 1024
    )
    await plain_client.start()
    try:
        async with (
            fresh_database(stack.postgres_dsn(None)) as database,
            Producer.open(stack.kafka, client_id="bench") as producer,
        ):
            plain = OneByOne(plain_client)
            rates = list((await interleaved({
                "relay": lambda: _relay(database, producer, topic),
                "relay by send()": lambda: _relay(database, plain, topic),
                "to Kafka alone": lambda: _hand_over(producer, topic),
                "to Kafka alone by send()": lambda: _hand_over(plain, topic),
            })).values())  # fmt: skip
            waits = await _latencies(database, producer, topic)
    finally:
        await plain_client.stop()
    middle, late = (percentile(waits, share) * 1000 for share in (0.5, 0.99))
    return [
        compared("relay, outbox to acknowledgement", rates[0], rates[1], "the same relay by aiokafka `send()`", "2.5 ×"),
        compared("of which handing over to Kafka", rates[2], rates[3], "aiokafka `send()`", "–"),
        Row("commit → acknowledgement at 2,000 events/s", f"p50 {middle:.1f} ms, p99 {late:.1f} ms", "–", "–", "3 ms, 15 ms"),
    ]


PARTS = {"append": append, "intake": intake, "relay": relay, "import": importing.imports}


def main(wanted: Sequence[str]) -> None:
    """The parts that are named, or all."""
    with stack_of_this_run() as stack:
        stack.servers_up()
        rows: list[Row] = []

        async def measure() -> None:
            for part in wanted or list(PARTS):
                print(part, file=sys.stderr, flush=True)
                rows.extend(await PARTS[part](stack))

        migrate = [sys.executable, "-m", "contacts", "migrate"]
        subprocess.run(migrate, env=os.environ | stack.service_env("contacts-api"), check=True, stdout=subprocess.DEVNULL)
        process.collect_seldom()
        process.run(measure())  # on the loop of every process
        print(table("make bench-contacts", rows))


if __name__ == "__main__":
    main(sys.argv[1:])
