"""An outbox in the real PostgreSQL, and relays that send as they are told to."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from common import outbox
from common.envelope import Message, message
from common.health import Health
from common.postgres import Connection, Database
from common.relay import Relay, rows
from common.relay.rows import BATCH
from localstack.stack import Stack
from tests.support.postgres import fresh_database

AT = datetime(2026, 11, 24, 3, tzinfo=UTC)
WAITING = "select count(*) from outbox_waiting"
KEPT = "select count(*) from outbox"


@pytest.fixture
async def database(servers: Stack) -> AsyncIterator[Database]:
    async with fresh_database(servers.postgres_dsn(None)) as made:
        yield made


def told(subject: str, version: int, value: bytes | None = b'{"n":1}', topic: str = "t") -> Message:
    return message(
        topic,
        channel="c",
        subject=subject,
        source="test",
        type="test.told",
        id=uuid4(),
        version=version,
        at=AT,
        value=value,
        trace={},
    )


class Kafka:
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    async def send(self, messages: Iterable[Message]) -> None:
        self.sent += messages

    def of(self, subject: str) -> list[int]:
        """The versions of a key, in the order they were sent."""
        return [int(m.headers["ce_version"]) for m in self.sent if m.key == f"c/{subject}"]


def ids(messages: Iterable[Message]) -> set[str]:
    return {m.headers["ce_id"] for m in messages}


class Sending:
    """A relay with the connection that it has its locks on."""

    def __init__(self, database: Database, connection: Connection, kafka: Kafka, shards: Sequence[int] = range(16)) -> None:
        self.connection = connection
        self.relay = Relay(database, kafka, Health({}), shards=shards)

    async def all(self) -> list[int]:
        """Send until nothing waits: the sizes of the batches."""
        sizes: list[int] = []
        while count := await self.relay.send_once(self.connection):
            sizes.append(count)
        return sizes

    async def note(self) -> None:
        await self.relay.note(self.connection)


@asynccontextmanager
async def sending(database: Database, kafka: Kafka, shards: Sequence[int] = range(16)) -> AsyncIterator[Sending]:
    """It ends as by a kill: its locks are gone, and what it did not note."""
    async with database.connection() as connection:
        one = Sending(database, connection, kafka, shards)
        await one.relay.claim(connection)
        yield one


async def put(database: Database, *messages: Message) -> None:
    async with database.transaction() as tx:
        await outbox.put(tx, messages)


async def number(database: Database, statement: str) -> int:
    async with database.connection() as connection:
        return int(await connection.fetchval(statement))


@asynccontextmanager
async def a_dump(database: Database) -> AsyncIterator[int]:
    """A snapshot, and a lock on every table, as `pg_dump` holds them to its end; its process's number."""
    async with database.connection() as connection, connection.transaction(isolation="repeatable_read"):
        for table in await connection.fetch(
            "select relname from pg_class where relkind in ('r', 'p') and relnamespace = current_schema()::regnamespace"
        ):
            await connection.execute(f"lock table {table['relname']} in access share mode")
        yield connection.get_server_pid()


async def turned(relay: Sending) -> None:
    """The next tray is filled from now on."""
    await relay.connection.execute("select setval('outbox_tray', (last_value + 1) % 3) from outbox_tray")


async def buffers(connection: Connection, statement: str, *values: object) -> int:
    """How many pages PostgreSQL reads for it: the same each time, whatever else the machine does."""
    plan = (await connection.fetchval(f"explain (analyze, buffers, format json) {statement}", *values))[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


async def buffers_of_a_look(relay: Sending) -> int:
    """Of a look that finds nothing, though ids were given since the last, and a transaction came late."""
    await relay.note()
    somebody = await relay.connection.fetchval("select pg_current_xact_id()")
    assert await relay.all() == []
    [held] = relay.relay._held
    until = held.sent.until
    return await buffers(
        relay.connection, rows._PAGE_WITH_LATE,
        0, held.shards, BATCH, until.floor, until.ceiling + 1, until.snapshot.end, until.snapshot, rows.BYTES, [somebody],
    )  # fmt: skip
