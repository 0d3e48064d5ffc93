"""`python -m tests.bench.clock`: N=100000 contacts whose window ends within one second, told by real workers (WORKERS=1).

How late each is told, what an exit costs the processors, and how long versions of other contacts in the same segment wait: before
the first exit, and meanwhile.
"""

import asyncio
import os
import subprocess
import sys
import time
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import orjson
import psutil

from common.clock import SystemClock, from_millis, from_wire, to_millis, to_wire
from common.envelope import Delivered, message
from common.events.contacts import Contact, ContactChanged, ContactMessage
from common.ids import new_id
from common.postgres import Database
from common.topics import CONTACTS, SEGMENTS
from localstack.ports import port_of
from localstack.processes import BY_NAME
from localstack.stack import Stack
from segments.consumer import Judge
from tests.bench.measure import machine, percentile
from tests.bench.people import contact_message, person
from tests.bench.serving import require
from tests.support.api import fresh_channel
from tests.support.stack import stack_of_this_run

_WINDOW = timedelta(days=7)
_SPREAD_MS = 1000
_LIVE, _RATE = 500, 100
"""So many contacts change all the while, so many of them a second."""
_BEFORE_SECONDS = 10.0
RECENT = {"key": "lastSeenAt", "operator": "withinLast", "values": [{"n": 7, "unit": "days"}]}
OTHERS = [{"and": [RECENT, {"key": "name", "operator": "eq", "values": [f"nobody {n}"]}]} for n in range(9)]


def shown(number: int, name: str, seen: datetime) -> bytes:
    """A contact as it is kept."""
    message = contact_message(person(number))
    assert message.value is not None
    return orjson.dumps({**orjson.loads(message.value)["contact"], "name": name, "lastSeenAt": to_wire(seen)})


async def fill(database: Database, channel: str, contacts: Sequence[UUID], first: int) -> UUID:
    """Everyone in a segment that they leave from `first` (milliseconds) on, spread over a second, and others that stay empty."""
    segment, came = new_id(), first - 60_000
    dues = [first + number * _SPREAD_MS // len(contacts) for number in range(len(contacts))]
    docs = [shown(n, f"guest {n}", from_millis(due) - _WINDOW) for n, due in enumerate(dues)]
    async with database.transaction() as tx:
        await tx.execute("insert into channel (channel, revision) values ($1, 1)", channel)
        for name, raw in ((segment, RECENT), *((new_id(), raw) for raw in OTHERS)):
            await tx.execute(
                "insert into segment (channel, id, name, filter, definition_version, status, build, since_ms, version, whole,"
                " created_at, created_by) values ($1, $2, 's', $3, 1, 'live', 1, $4, 1, true, now(), 'kim')",
                channel, name, raw, came,
            )  # fmt: skip
            await tx.execute("insert into tally (channel, segment_id, members) values ($1, $2, 0)", channel, name)
        await tx.execute("update tally set members = $2 where segment_id = $1", segment, len(contacts))
        await tx.copy_records_to_table(
            "contact", columns=["channel", "id", "version", "at_ms", "doc", "due_ms"],
            records=((channel, one, 1, came, doc, due) for one, doc, due in zip(contacts, docs, dues, strict=True)),
        )  # fmt: skip
        await tx.copy_records_to_table(
            "membership", columns=["channel", "segment_id", "contact_id", "member", "since_ms", "settled_ms", "build"],
            records=((channel, segment, one, True, came, came, 1) for one in contacts),
        )  # fmt: skip
        if await tx.fetchval("select to_regclass('due') is not null"):
            await tx.copy_records_to_table("due", records=((channel, one, due) for one, due in zip(contacts, dues, strict=True)))
    async with database.connection() as connection:
        await connection.execute("analyze")
    return segment


@asynccontextmanager
async def workers(stack: Stack, count: int) -> AsyncIterator[list[psutil.Process]]:
    """So many real workers."""
    known = BY_NAME["segments-worker"]
    async with AsyncExitStack() as running:
        found = []
        for number in range(count):
            port = port_of(known, stack.facts) + 70 + number
            settings = {"SEGMENTS_PORT": str(port), "SEGMENTS_LOG_LEVEL": "error"}
            environment = os.environ | stack.service_env("segments-worker") | settings
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "segments", "worker", env=environment, stdout=DEVNULL
            )
            running.push_async_callback(process.wait)
            running.callback(process.terminate)
            found.append(psutil.Process(process.pid))
        yield found


class Live:
    """Versions of some contacts, judged as the consumer takes them: each enters or leaves the segment, in turns."""

    def __init__(self, database: Database, channel: str) -> None:
        self._judge = Judge(database, SystemClock(), new_id)
        self._channel = channel
        self.waits: list[tuple[float, float]] = []
        """When each came, and how long it waited, in seconds."""

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until told to stop."""
        began, done = time.time(), 0
        offset = (await self._judge.positions([(CONTACTS, 0)]))[CONTACTS, 0]
        while not stop.is_set():
            came = int((time.time() - began) * _RATE)
            if came == done:
                await asyncio.sleep(0.002)
                continue
            records = [self._record(offset + number, number) for number in range(done, came)]
            await self._judge.apply([self._judge.decode(record) for record in records])
            self.waits += [(began + number / _RATE, time.time() - began - number / _RATE) for number in range(done, came)]
            done = came

    def _record(self, offset: int, number: int) -> Delivered:
        who, version, now = person(10_000_000 + number % _LIVE), number // _LIVE + 1, datetime.now(UTC)
        seen = now if version % 2 else now - _WINDOW * 2
        value = ContactMessage(
            event=ContactChanged(changes=[]), contact=Contact.of(orjson.loads(shown(who.number, "live", seen))), version=version
        )
        told = message(
            CONTACTS, channel=self._channel, subject=who.id, source="contacts", type="contact.changed", id=new_id(),
            version=version, at=now, value=value.encode(), trace={},
        )  # fmt: skip
        return Delivered(told.topic, 0, offset, told.key, told.value, told.headers)


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds, and microseconds of processors for an exit."""

    lateness: Sequence[float]
    took: float
    of_workers: float
    of_postgres: float
    live_before: Sequence[float]
    live_meanwhile: Sequence[float]

    def lines(self) -> str:
        """As they go into docs/benchmarks.md."""
        late = self.lateness
        told = f"p50 {percentile(late, 0.5):.2f} s, p99 {percentile(late, 0.99):.2f} s, most {max(late):.2f} s"
        waits = (
            f"p50 {percentile(w, 0.5) * 1e3:.0f} ms, p99 {percentile(w, 0.99) * 1e3:.0f} ms, most {max(w) * 1e3:.0f} ms"
            for w in (self.live_before, self.live_meanwhile)
        )
        return (
            f"{len(self.lateness):,} exits due within a second: {len(self.lateness) / self.took:,.0f} exits/s; late {told};"
            f" an exit takes {self.of_workers:.0f} µs of the workers and {self.of_postgres:.0f} µs of PostgreSQL.\n"
            "{} live versions a second: {} before, {} meanwhile.".format(_RATE, *waits)
        )


def used(processes: Sequence[psutil.Process]) -> float:
    """Seconds of processors, with those of their children."""
    found = [each for process in processes for each in (process, *process.children(recursive=True))]
    return sum(times.user + times.system for times in (each.cpu_times() for each in found))


async def measured(stack: Stack, count: int, exits: int) -> Figures:
    """Fill, wait, and see."""
    channel = fresh_channel()
    pid = stack.pid("postgres")
    assert pid is not None
    async with Database.open(stack.postgres_dsn("segments")) as database, workers(stack, count) as running:
        first = to_millis(datetime.now(UTC)) + int(1000 * (_BEFORE_SECONDS + exits / 4000))
        segment = await fill(database, channel, [new_id() for _ in range(exits)], first)
        require(first - to_millis(datetime.now(UTC)) > 1000 * _BEFORE_SECONDS / 2, "there was time enough before the first exit")
        live, stop = Live(database, channel), asyncio.Event()
        changing = asyncio.create_task(live.run(stop))
        await asyncio.sleep(first / 1000 - time.time() - 0.2)
        before = used(running), used([psutil.Process(pid)])
        async with database.connection() as connection:
            while await connection.fetchval(
                "select exists (select from due where channel = $1 and at_ms < $2)", channel, first + _SPREAD_MS
            ):
                await asyncio.sleep(0.05)
        after = used(running), used([psutil.Process(pid)])
        stop.set()
        await changing
        told = await exits_told(database, channel, segment)
    require(len(told) == exits, f"{len(told)} of {exits} are told")
    lateness = [(written - due) / 1000 for due, written in told]
    require(min(lateness) >= 0, "nobody is early")
    end = max(written for _, written in told) / 1000
    waits = (
        [wait for came, wait in live.waits if lowest <= came < highest]
        for lowest, highest in ((0, first / 1000), (first / 1000, end))
    )
    workers_used, postgres_used = ((now - then) / exits * 1e6 for then, now in zip(before, after, strict=True))
    return Figures(lateness, end - first / 1000, workers_used, postgres_used, *waits)


async def exits_told(database: Database, channel: str, segment: UUID) -> list[tuple[int, int]]:
    """When each exit by the clock was due, and when it was written down: a message's id tells when it was made."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "select value, headers from outbox where topic = $1 and key like $2", SEGMENTS, f"{channel}/%"
        )
    events = [(orjson.loads(row["value"])["event"], UUID(row["headers"]["ce_id"])) for row in rows]
    return [
        (to_millis(from_wire(event["at"])), made.int >> 80)
        for event, made in events
        if event["segmentId"] == str(segment) and event["cause"] == "clock"
    ]


def main(count: int, exits: int) -> None:
    """The figures, printed."""
    with stack_of_this_run() as stack:
        stack.servers_up()
        migrate, environment = [sys.executable, "-m", "segments", "migrate"], os.environ | stack.service_env("segments-api")
        subprocess.run(migrate, env=environment, check=True, stdout=subprocess.DEVNULL)
        print(f"{machine(())} {count} worker(s): {asyncio.run(measured(stack, count, exits)).lines()}")


if __name__ == "__main__":
    main(int(os.environ.get("WORKERS") or 1), int(os.environ.get("N") or 100_000))
