"""A PostgreSQL that lacks something for now: whoever asked it may ask again."""

from collections.abc import AsyncIterator

import pytest

from common.errors import Unavailable
from common.postgres import Database
from localstack.stack import Stack
from tests.support.postgres import fresh_schema


@pytest.fixture
async def database(servers: Stack) -> AsyncIterator[Database]:
    async with fresh_schema(servers.postgres_dsn(None), ()) as dsn, Database.open(dsn, size=1) as opened:
        yield opened


_RAISED = "do $$ begin raise exception 'x' using errcode = '{}'; end $$"


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("53100", id="no room on the disk"), pytest.param("53200", id="no memory"),
        pytest.param("53300", id="too many connections"), pytest.param("58030", id="a disk that fails"),
    ],
)  # fmt: skip
async def test_a_server_that_lacks_something_for_now_may_be_asked_again(database: Database, code: str) -> None:
    with pytest.raises(Unavailable):
        async with database.transaction() as tx:
            await tx.execute(_RAISED.format(code))
    async with database.connection() as connection:
        assert await connection.fetchval("select 1") == 1


async def test_a_server_that_takes_no_writes_for_now_may_be_asked_again(database: Database) -> None:
    with pytest.raises(Unavailable):
        async with database.transaction() as tx:
            await tx.execute("set transaction read only")
            await tx.execute("create table thing (id integer)")
