"""Names of databases and roles that are not there yet."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from localstack.stack import Stack


@pytest.fixture
async def name(servers: Stack) -> AsyncIterator[str]:
    """Of a database, a schema and its role that are not there yet; they and `<name>_owner` are gone at the end."""
    made = f"p-{uuid4().hex[:8]}"
    yield made
    admin = await asyncpg.connect(servers.postgres_dsn())
    await admin.execute(f'drop database if exists "{made}"')
    for role in (made, f"{made}_owner"):
        await admin.execute(f'drop role if exists "{role}"')
    await admin.close()


async def connected(servers: Stack, name: str, role: str, password: str) -> "asyncpg.Connection[asyncpg.Record]":
    at = urlsplit(servers.postgres_dsn())
    return await asyncpg.connect(host=at.hostname, port=at.port, user=role, password=password, database=name)
