"""A world of the segments service per test."""

from collections.abc import AsyncIterator

import pytest

from localstack.stack import Stack
from tests.segments.world import World
from tests.support.postgres import fresh_database


@pytest.fixture
async def world(servers: Stack) -> AsyncIterator[World]:
    async with fresh_database(servers.postgres_dsn(None), ["common", "segments"]) as database:
        yield World(database)
