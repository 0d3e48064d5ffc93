"""A database of notify's own for each test."""

from collections.abc import AsyncIterator

import pytest

from common.postgres import Database
from localstack.stack import Stack
from tests.notify.house import House
from tests.support.postgres import fresh_database


@pytest.fixture
async def database(servers: Stack) -> AsyncIterator[Database]:
    async with fresh_database(servers.postgres_dsn(None), ["notify"]) as made:
        yield made


@pytest.fixture
async def house(database: Database) -> House:
    return House(database)
