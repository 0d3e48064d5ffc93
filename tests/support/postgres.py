"""A schema of a test's own in the real PostgreSQL, migrated as the services' are."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from common.postgres import Database, migrate
from tests.support.proxy import Proxy


@asynccontextmanager
async def fresh_schema(admin_dsn: str, packages: Sequence[str] = ("common",)) -> AsyncIterator[str]:
    """The DSN of a new schema with these packages' migrations; the schema is dropped at the end."""
    schema = f"test_{uuid4().hex[:12]}"
    admin = await asyncpg.connect(admin_dsn)
    try:
        await admin.execute(f"create schema {schema}")
        dsn = f"{admin_dsn}{'&' if '?' in admin_dsn else '?'}search_path={schema}"
        await migrate(dsn, packages)
        yield dsn
        await admin.execute(f"drop schema {schema} cascade")
    finally:
        await admin.close()


@asynccontextmanager
async def fresh_database(admin_dsn: str, packages: Sequence[str] = ("common",)) -> AsyncIterator[Database]:
    """A pool on a fresh schema."""
    async with fresh_schema(admin_dsn, packages) as dsn, Database.open(dsn) as database:
        yield database


@asynccontextmanager
async def over_a_line(dsn: str, *, size: int = 10) -> AsyncIterator[tuple[Proxy, Database]]:
    """A pool whose connections a test can cut, all at once, while those of others stay whole."""
    address = urlsplit(dsn)
    assert address.hostname is not None
    assert address.port is not None
    async with (
        Proxy.before(address.hostname, address.port) as proxy,
        Database.open(dsn.replace(f":{address.port}/", f":{proxy.port}/"), size=size) as database,
    ):
        yield proxy, database
