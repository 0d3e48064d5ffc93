"""Rows that workers hold by lease, on the real PostgreSQL: one worker each, the longest waiting first."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from common.leased import LeasedRows
from common.postgres import Database
from localstack.stack import Stack
from tests.support.postgres import fresh_database

AT = datetime(2026, 11, 24, 3, tzinfo=UTC)
LEASE = timedelta(seconds=8)
ROWS = LeasedRows("work", work="('waiting', 'running')", taken="what", also="kind = any($2::text[])")
TABLE = """
create table work (channel text, id uuid, status text, requested_at timestamptz, lease_by text, lease_until timestamptz,
    kind text, what text, primary key (channel, id))
"""
ADD = "insert into work (channel, id, status, requested_at, kind, what) values ('c', $1, $2, $3, $4, $5)"


@pytest.fixture
async def database(servers: Stack) -> AsyncIterator[Database]:
    async with fresh_database(servers.postgres_dsn(None), []) as made:
        async with made.transaction() as tx:
            await tx.execute(TABLE)
            rows = [
                ("waiting", 3, "a", "late"),
                ("running", 1, "a", "early"),
                ("done", 0, "a", "done"),
                ("waiting", 2, "b", "other"),
            ]
            for n, (status, minutes, kind, what) in enumerate(rows):
                await tx.execute(ADD, UUID(int=n), status, AT + timedelta(minutes=minutes), kind, what)
        yield made


async def claimed(database: Database, worker: str, now: datetime = AT, *, kinds: str = "a") -> str | None:
    async with database.transaction() as tx:
        row = await ROWS.claim(tx, worker, now, now + LEASE, list(kinds))
    return None if row is None else row["what"]


async def renewed(database: Database, row: int, worker: str, until: datetime) -> bool:
    async with database.transaction() as tx:
        return await ROWS.renew(tx, "c", UUID(int=row), worker, until)


async def test_each_row_has_one_worker_and_the_longest_waiting_goes_first(database: Database) -> None:
    assert await claimed(database, "one") == "early"
    assert await claimed(database, "two") == "late"
    assert await claimed(database, "three") is None
    assert await claimed(database, "three", kinds="ab") == "other"


async def test_many_at_once_never_have_the_same(database: Database) -> None:
    found = await asyncio.gather(*(claimed(database, f"w{n}", kinds="ab") for n in range(8)))
    assert sorted(what for what in found if what is not None) == ["early", "late", "other"]


async def test_a_row_is_anothers_at_the_end_of_its_lease_unless_that_was_renewed(database: Database) -> None:
    assert await claimed(database, "one") == "early"
    assert await renewed(database, 1, "one", AT + 2 * LEASE)
    assert not await renewed(database, 1, "two", AT + 9 * LEASE)
    assert await claimed(database, "two", AT + LEASE) == "late"
    assert await claimed(database, "two", AT + 2 * LEASE - timedelta(milliseconds=1)) is None
    assert await claimed(database, "two", AT + 2 * LEASE) == "early"
    assert not await renewed(database, 1, "one", AT + 9 * LEASE)


async def test_a_row_that_was_put_off_rests_and_its_lease_is_over(database: Database) -> None:
    assert await claimed(database, "one") == "early"
    async with database.transaction() as tx:
        await ROWS.rest(tx, "c", UUID(int=1), AT + timedelta(minutes=1))
    assert not await renewed(database, 1, "one", AT + LEASE)
    assert await claimed(database, "one") == "late"
    assert await claimed(database, "two", AT + timedelta(minutes=1) - timedelta(milliseconds=1), kinds="b") == "other"
    assert await claimed(database, "two", AT + timedelta(minutes=1)) in {"early", "late"}
