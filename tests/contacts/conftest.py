"""Contacts on a schema of its own in the real PostgreSQL, with a clock that the test sets."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from common.auth import Caller
from common.clock import FixedClock
from common.events.contacts import Contact
from common.ids import new_id
from common.postgres import Database
from contacts.channel.handlers import Channels
from contacts.channel.queries import Queries as ChannelQueries
from contacts.fields.handlers import Fields
from contacts.fields.queries import Queries as FieldQueries
from contacts.handlers import Contacts
from contacts.imports.files import Files
from contacts.queries import Queries
from contacts.visits.handlers import Visits
from localstack.stack import Stack
from tests.support.postgres import fresh_database

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class World:
    """The commands and reads of one channel, which is there already."""

    database: Database
    clock: FixedClock
    contacts: Contacts
    visits: Visits
    fields: Fields
    queries: Queries
    files: Files
    channels: Channels
    channel_queries: ChannelQueries
    field_queries: FieldQueries
    channel: str = "shop"

    def caller(self, subject: str = "kim") -> Caller:
        """A manager of the channel."""
        return Caller(subject, self.channel, frozenset({"*"}))

    async def put(self, member_id: str, subject: str = "kim", **body: object) -> Contact:
        """Upsert a member; the contact after it."""
        return (await self.contacts.upsert(self.caller(subject), member_id, body, None)).contact

    async def count(self, statement: str, *values: object) -> int:
        """One number from the tables."""
        async with self.database.connection() as connection:
            return int(await connection.fetchval(statement, *values) or 0)

    async def written(self) -> list[int]:
        """The bytes of the messages that each transaction wrote, since this was asked last; the end of a job is left out."""
        async with self.database.transaction() as tx:
            rows = await tx.fetch(
                "select sum(octet_length(value)) from outbox where topic <> 'jobs.v1' group by xmin::text order by min(id)"
            )
            await tx.execute("delete from outbox")
        return [int(r["sum"]) for r in rows]


@pytest.fixture
async def world(servers: Stack, tmp_path: Path) -> AsyncIterator[World]:
    async with fresh_database(servers.postgres_dsn(None), ("common", "common.idempotency", "contacts")) as database:
        clock = FixedClock(NOW)
        made = World(
            database=database,
            clock=clock,
            contacts=Contacts(database, clock, new_id),
            visits=Visits(database, clock, new_id),
            fields=Fields(database, clock, new_id),
            queries=Queries(database),
            files=Files(tmp_path / "imports"),
            channels=Channels(database, clock),
            channel_queries=ChannelQueries(database),
            field_queries=FieldQueries(database),
        )
        await made.channels.ensure(made.channel)
        yield made
