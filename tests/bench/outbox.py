"""`make bench-outbox`: what a look into the outbox costs while a dump holds its snapshot and its locks, and ever more is sent.

Three ways: ours, rows that are deleted once they are sent, and the log of PostgreSQL, read through a slot. Rows are counted; CPU
is that of the server's process behind the connection. `N=1000000` rows are sent while the snapshot is held.
"""

import asyncio
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

import asyncpg
import orjson

from common import outbox
from common.envelope import Message, message
from common.ids import new_id
from common.partition import SHARDS, partition_of
from common.postgres import Connection, prepare
from common.relay import rows
from common.relay.rows import Page
from common.relay.sent import NOTHING, Held, setting_out
from localstack import postgres
from localstack.processes import POSTGRES
from localstack.stack import Stack
from localstack.supervision import Supervisor
from tests.bench.serving import require, within
from tests.support.postgres import fresh_schema
from tests.support.stack import stack_of_this_run

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
ALL_SHARDS = tuple(range(SHARDS))
BATCH = 2000
LOOKS = 200
STEPS = (40_000, 100_000, 250_000, 1_000_000)

_DELETED_TABLE = """
create table plain_outbox (
    id bigint generated always as identity primary key, shard smallint not null, topic text not null, key text not null,
    value bytea, headers jsonb not null
);
create index on plain_outbox (shard, id);
create index on plain_outbox (key);
"""
_DELETED_PUT = """
insert into plain_outbox (shard, topic, key, value, headers)
select * from unnest($1::smallint[], $2::text[], $3::text[], $4::bytea[], $5::jsonb[])
"""
_DELETED_TAKE = """
with first as (select id from plain_outbox where shard = any($1::smallint[]) order by id limit $2)
delete from plain_outbox o using first where o.id = first.id returning o.id, o.shard, o.topic, o.key, o.value, o.headers
"""
_EMIT = """
select count(pg_logical_emit_message(true, 'outbox',
    convert_to(json_build_object('topic', topic, 'key', key, 'headers', headers)::text, 'UTF8') || coalesce(value, '')))
from unnest($1::text[], $2::text[], $3::bytea[], $4::json[]) as m (topic, key, value, headers)
"""
_SLOT = "select pg_create_logical_replication_slot($1, 'pgoutput')"
_PEEK = """
select lsn, data from pg_logical_slot_peek_binary_changes($1, null, $2, 'proto_version', '1', 'publication_names', 'nothing',
    'messages', 'true')
"""
_ADVANCE = "select pg_replication_slot_advance($1, $2::pg_lsn)"
_DROP_SLOTS = "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name like 'bench_%'"
_TABLES = "select relname from pg_class where relkind in ('r', 'p') and relnamespace = current_schema()::regnamespace"
_SOMETHING_ELSE = "select pg_current_xact_id()"
_PUBLICATION, _DROP_PUBLICATION = "create publication nothing", "drop publication if exists nothing"


class Way(Protocol):
    """A way to keep messages until they are sent."""

    name: str

    async def put(self, tx: Connection, messages: Sequence[Message]) -> None:
        """Keep messages, in the transaction."""
        ...

    async def send(self, connection: Connection) -> int:
        """Look, and count as sent what is there, up to a batch; answers how many rows it was."""
        ...


class Ours:
    """Trays that are emptied as a whole, read by snapshots, as the relay does it; each batch is noted."""

    name = "ours"

    def __init__(self, cluster: int) -> None:
        self._cluster = cluster
        self._held, self._floor, self._seen = Held(ALL_SHARDS, NOTHING), 0, 0

    @classmethod
    async def made(cls, connection: Connection) -> "Ours":
        """With the connection as the relay has it."""
        return cls(await rows.prepare(connection))

    async def put(self, tx: Connection, messages: Sequence[Message]) -> None:
        await outbox.put(tx, messages)

    async def send(self, connection: Connection) -> int:
        if self._held.sent.toward is None:
            mark = await rows.mark(connection, self._floor)
            self._seen = mark.ceiling
            if mark.snapshot == self._held.sent.until.snapshot:
                return 0
            self._held = Held(ALL_SHARDS, setting_out(self._held.sent, mark))
        page: Page = await rows.page(connection, self._held)
        self._held = page.then
        if page.messages:
            await rows.note(connection, self._cluster, self._held)
            self._floor = self._seen
        return len(page.messages)


class Deleted:
    """A table whose rows are deleted when they are sent."""

    name = "rows deleted"

    @classmethod
    async def made(cls, connection: Connection) -> "Deleted":
        await connection.execute(_DELETED_TABLE)
        return cls()

    async def put(self, tx: Connection, messages: Sequence[Message]) -> None:
        await tx.execute(
            _DELETED_PUT, [partition_of(m.key) for m in messages], [m.topic for m in messages], [m.key for m in messages],
            [m.value for m in messages], [m.headers for m in messages],
        )  # fmt: skip

    async def send(self, connection: Connection) -> int:
        return len(await connection.fetch(_DELETED_TAKE, ALL_SHARDS, BATCH))


class Log:
    """The write-ahead log, read through a slot by SQL."""

    name = "the log, through a slot"

    def __init__(self, slot: str) -> None:
        self._slot = slot

    @classmethod
    async def made(cls, connection: Connection) -> "Log":
        slot = f"bench_{new_id().hex}"
        await connection.execute(_PUBLICATION)
        await connection.execute(_SLOT, slot)
        return cls(slot)

    async def put(self, tx: Connection, messages: Sequence[Message]) -> None:
        await tx.execute(
            _EMIT,
            [m.topic for m in messages],
            [m.key for m in messages],
            [m.value for m in messages],
            [m.headers for m in messages],
        )

    async def send(self, connection: Connection) -> int:
        changes = await connection.fetch(_PEEK, self._slot, BATCH)
        if changes:
            await connection.execute(_ADVANCE, self._slot, changes[-1]["lsn"])
        return sum(change["data"][:1] == b"M" for change in changes)


def messages(number: int) -> list[Message]:
    """Of the size of a small contact."""
    value = orjson.dumps({"event": {"type": "bench"}, "text": "x" * 500})
    return [
        message("bench", channel="bench", subject=str(UUID(int=n % 5000)), source="bench", type="bench", id=new_id(), version=1,
                at=NOW, value=value, trace={"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
        for n in range(number)
    ]  # fmt: skip


async def cpu(connection: Connection) -> float:
    """Seconds of processor of the connection's process."""
    pid = connection.get_server_pid()
    return int((await asyncio.to_thread(Path(f"/proc/{pid}/schedstat").read_text)).split()[0]) / 1e9


async def nothing() -> None:
    """Nothing first."""


async def spent(
    connection: Connection, work: Callable[[], Awaitable[object]], times: int, first: Callable[[], Awaitable[object]] = nothing
) -> tuple[float, float]:
    """The median milliseconds and the mean microseconds of processor of doing it so often; what is done first is not counted."""
    waits: list[float] = []
    before = await cpu(connection)
    for _ in range(times):
        await first()
        began = time.perf_counter()
        await work()
        waits.append(time.perf_counter() - began)
    return statistics.median(waits) * 1000, (await cpu(connection) - before) / times * 1e6


@asynccontextmanager
async def a_dump(dsn: str) -> AsyncIterator[None]:
    """What `pg_dump` holds to its end: a snapshot, and a lock on every table."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction(isolation="repeatable_read"):
            for table in await connection.fetch(_TABLES):
                await connection.execute(f"lock table {table['relname']} in access share mode")
            yield
    finally:
        await connection.close()


async def measure(dsn: str, make: Callable[[Connection], Awaitable[Way]], number: int) -> None:
    """Print what writing costs, and an empty look and a batch: at first, and after more and more rows under a held snapshot."""
    writer, relay = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    try:
        await prepare(writer)
        await prepare(relay)
        way = await make(relay)
        batch = messages(BATCH)

        async def put(count: int) -> None:
            async with writer.transaction():
                await way.put(writer, batch[:count])

        async def drain() -> int:
            found = 0
            while count := await way.send(relay):
                found += count
            return found

        async def told(sent: int) -> None:
            await drain()
            # Somebody else has written something: else ours would see by its snapshot that there is nothing to look for.
            wait, look = await spent(relay, lambda: way.send(relay), LOOKS, lambda: writer.execute(_SOMETHING_ELSE))
            batches: list[tuple[float, float]] = []
            for _ in range(3):
                await put(BATCH)
                batches.append(await spent(relay, lambda: way.send(relay), 1))
                require(await drain() == 0, "a batch is one batch")
            took, spent_ = min(batches)
            print(f"  {way.name}: {sent:>9,} rows sent: empty look {wait:.2f} ms, {look:.0f} µs CPU; 2,000 rows {took:.1f} ms, "
                  f"{spent_ / BATCH:.1f} µs CPU a row", file=sys.stderr, flush=True)  # fmt: skip

        for size in (20, 500):
            _, each = await spent(writer, lambda: put(size), 4000 // size)  # noqa: B023
            print(f"  {way.name}: writing {each / size:.1f} µs CPU a row, {size} a transaction", file=sys.stderr, flush=True)
        async with a_dump(dsn):
            await told(0)
            sent = 0
            while sent < number:
                for _ in range(5):
                    await put(BATCH)
                require(await drain() == 5 * BATCH, "every row is sent once")
                sent += 5 * BATCH
                if sent in STEPS:
                    await told(sent)
    finally:
        await writer.close()
        await relay.close()


WAYS: dict[str, Callable[[Connection], Awaitable[Way]]] = {"ours": Ours.made, "deleted": Deleted.made, "log": Log.made}


async def bench(stack: Stack, wanted: Sequence[str], number: int) -> None:
    """Each way in a schema of its own."""
    for name in wanted:
        async with (
            with_a_log_for_others(stack) if name == "log" else nullcontext(),
            fresh_schema(stack.postgres_dsn(None)) as dsn,
        ):
            await measure(dsn, WAYS[name], number)


@asynccontextmanager
async def with_a_log_for_others(stack: Stack) -> AsyncIterator[None]:
    """PostgreSQL started anew, so that its log can be read through slots; and as before at the end."""
    await _restarted(stack, "alter system set wal_level = logical")
    try:
        yield
    finally:
        # It would not start with a slot that it cannot serve.
        await _restarted(stack, _DROP_SLOTS, _DROP_PUBLICATION, "alter system reset wal_level")


async def _restarted(stack: Stack, *statements: str) -> None:
    admin = await asyncpg.connect(stack.postgres_dsn(None))
    for statement in statements:
        await admin.execute(statement)
    await admin.close()
    supervisor = Supervisor(stack.home)
    await asyncio.to_thread(supervisor.stop_process, POSTGRES)
    await asyncio.to_thread(supervisor.start_processes, [POSTGRES])
    async with within(60, "PostgreSQL answers again"):
        while not await postgres.is_ready(stack.facts):
            await asyncio.sleep(0.1)


def main(wanted: Sequence[str]) -> None:
    """The ways that are named, or all."""
    with stack_of_this_run() as stack:
        stack.servers_up()
        asyncio.run(bench(stack, wanted or list(WAYS), int(os.environ.get("N") or 1_000_000)))


if __name__ == "__main__":
    main(sys.argv[1:])
