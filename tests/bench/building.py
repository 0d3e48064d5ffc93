"""A new definition over N contacts by a worker of its own, beside live events; and what memberships take on disk."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from uuid import UUID, uuid4

import orjson
import psutil

from common.auth import Caller
from common.clock import SystemClock, to_millis, to_wire
from common.envelope import Delivered
from common.ids import new_id
from common.postgres import Database
from common.topics import CONTACTS
from localstack.stack import Stack
from segments import definition_store as definitions
from segments.consumer import Judge
from segments.handlers import Segments
from segments.queries import Queries
from tests.bench.cost import definitions as shops
from tests.bench.measure import Row, percentile
from tests.bench.people import contact_message, people, person
from tests.bench.processes import serving
from tests.bench.serving import require, within
from tests.support.api import fresh_channel

_COPIED, _LIVE_AT_ONCE, _LIVE_EVERY, _LIVE_SECONDS = 10_000, 10, 0.05, 8.0
_LONGEST_SECONDS = 600
_PARTITION = 1_000_000  # that no topic has
_HALF = {"key": "sessionsCount", "operator": "gte", "values": [25]}
_TABLES = ("contact", "membership", "change", "tally", "segment", "due", "outbox")


@dataclass(frozen=True, slots=True)
class Used:
    """Processor seconds."""

    worker: float
    postgres: float


class NoTermSets:
    """No filter here names one."""

    async def term_set(self, channel: str, term_set: UUID) -> None:
        """None."""


class Live:
    """Contacts that were there before and come again, ten at a time, judged as the consumer does: seconds of each batch."""

    def __init__(self, database: Database, channel: str, others: int) -> None:
        self.judge = Judge(database, SystemClock(), new_id)
        self.waits: list[float] = []
        self._channel, self._others = channel, others
        self._offset, self._versions = count(), count(2)

    async def run(self, seconds: float | None = None) -> None:
        """Until it is cancelled, or for so long."""
        self.waits = []
        ends = None if seconds is None else time.perf_counter() + seconds
        await self.judge.positions([(CONTACTS, _PARTITION)])
        while ends is None or time.perf_counter() < ends:
            version = next(self._versions)
            batch = [self._seen(number, version) for number in range(version * 7 % self._others, self._others)[:_LIVE_AT_ONCE]]
            began = time.perf_counter()
            await self.judge.apply([self.judge.decode(record) for record in batch])
            self.waits.append(time.perf_counter() - began)
            await asyncio.sleep(max(0.0, _LIVE_EVERY - (time.perf_counter() - began)))

    def _seen(self, number: int, version: int) -> Delivered:
        now = SystemClock().now()
        told = contact_message(replace(person(number), seen=now, sessions=version % 50), version)
        headers = {"ce_type": "t", "ce_id": str(uuid4()), "ce_version": str(version), "ce_time": to_wire(now)}
        return Delivered(CONTACTS, _PARTITION, next(self._offset), f"{self._channel}/{person(number).id}", told.value, headers)


async def build(stack: Stack, contacts: int) -> list[Row]:
    """One definition that half of the contacts are in; live events of a minute's kind without it, and while it is built."""
    channel = fresh_channel()
    async with Database.open(stack.postgres_dsn("segments")) as database, serving(stack, "segments-worker") as running:
        await _filled(database, channel, contacts)
        live = Live(database, channel, contacts)
        await live.run(2.0)  # what a process does for the first time is slow
        await live.run(_LIVE_SECONDS)
        without = list(live.waits)
        before, began = _used(stack, running["segments-worker"][1]), time.perf_counter()
        events = asyncio.create_task(live.run())
        segment = await made(database, channel, _HALF)
        seconds = await until_live(database, channel, [segment]) - began
        events.cancel()
        after = _used(stack, running["segments-worker"][1])
        members = (await Queries(database).segment(channel, segment)).count
        require(members == await _plain_count(database, channel), f"{members} members are those by a plain count")
    each = 1e6 / contacts
    late, early = (percentile(waits, 0.99) for waits in (live.waits, without))
    return [
        Row(
            f"a new definition over {contacts:,} contacts, {members:,} of them in",
            f"{seconds:.1f} s; worker {(after.worker - before.worker) * each:.0f} µs a contact,"
            f" PostgreSQL {(after.postgres - before.postgres) * each:.0f}",
            "–", "–", f"{60 * contacts / 1_000_000:.1f} s",
        ),
        Row(
            "live events meanwhile, ten a batch, p99",
            f"{late * 1e3:.0f} ms (p50 {percentile(live.waits, 0.5) * 1e3:.0f})",
            f"{early * 1e3:.0f} ms without a build (p50 {percentile(without, 0.5) * 1e3:.0f})", f"{late / early:.1f} ×", "2 ×",
        ),
    ]  # fmt: skip


async def sizes(stack: Stack, contacts: int, segments: int = 100) -> list[Row]:
    """What so many contacts in so many segments take, scaled to a million."""
    channel = fresh_channel()
    async with Database.open(stack.postgres_dsn("segments")) as database, serving(stack, "segments-worker") as running:
        before = await _on_disk(database)
        await _filled(database, channel, contacts)
        all_made = [await made(database, channel, each["filter"]) for each in islice(shops.segments(segments), segments)]
        await until_live(database, channel, all_made)
        after = await _on_disk(database)
        members = sum([(await Queries(database).segment(channel, each)).count for each in all_made])
        memory = psutil.Process(running["segments-worker"][1]).memory_info().rss / 2**20
    scale = 1_000_000 / contacts
    told = ", ".join(f"{table} {(after[table] - before[table]) * scale / 2**30:.1f} GiB" for table in _TABLES)
    return [
        Row(
            f"1,000,000 contacts × {segments} segments, scaled from {contacts:,}: tables with their indexes", told,
            f"{members * scale:,.0f} memberships", "–", "–",
        ),
        Row("– the worker that built them", f"{memory:.0f} MiB", "–", "–", "–"),
    ]  # fmt: skip


def _contacts(channel: str, number: int) -> Iterator[tuple[object, ...]]:
    at = to_millis(SystemClock().now())
    for who in people(number):
        message = contact_message(who)
        assert message.value is not None
        yield channel, UUID(who.id), 1, at - 1000, orjson.dumps(orjson.loads(message.value)["contact"])


async def _filled(database: Database, channel: str, contacts: int) -> None:
    every = _contacts(channel, contacts)
    async with database.connection() as connection:
        await connection.execute("insert into channel (channel, revision) values ($1, 1)", channel)
        for key, kind in shops.FIELDS.items():
            await definitions.put_field(connection, channel, key, kind, archived=False, version=1)
        while some := list(islice(every, _COPIED)):
            columns = ("channel", "id", "version", "at_ms", "doc")
            await connection.copy_records_to_table("contact", records=some, columns=columns)
        await connection.execute("analyze contact", timeout=600)


async def made(database: Database, channel: str, raw: object) -> UUID:
    """A new segment, to be built."""
    commands = Segments(database, NoTermSets(), SystemClock(), new_id)
    return await commands.make(Caller("kim", channel, frozenset({"*"})), "s", raw)


async def until_live(database: Database, channel: str, segments: Sequence[UUID]) -> float:
    """Wait until all of them are; the instant at which that was seen."""
    queries = Queries(database)
    async with within(_LONGEST_SECONDS, "the segments are built"):
        for each in segments:
            while (await queries.segment(channel, each)).status != "live":
                await asyncio.sleep(0.05)
    return time.perf_counter()


async def _plain_count(database: Database, channel: str) -> int:
    statement = (
        "select count(*) from contact where channel = $1 and (convert_from(doc, 'UTF8')::jsonb->>'sessionsCount')::int >= 25"
    )
    async with database.connection() as connection:
        return int(await connection.fetchval(statement, channel, timeout=600))


async def _on_disk(database: Database) -> dict[str, int]:
    async with database.connection() as connection:
        return {table: int(await connection.fetchval("select pg_total_relation_size($1::regclass)", table)) for table in _TABLES}


def _used(stack: Stack, worker: int) -> Used:
    times, postgres = psutil.Process(worker).cpu_times(), psutil.Process(stack.pid("postgres"))
    ended = postgres.cpu_times()
    of_postgres = ended.user + ended.system + ended.children_user + ended.children_system
    return Used(times.user + times.system, of_postgres + sum(map(_processor, postgres.children())))


def _processor(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system
