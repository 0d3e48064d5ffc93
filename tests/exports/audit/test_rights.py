"""The audit log is only ever added to: the database itself refuses the service's role anything else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import pytest

from common.ids import new_id
from common.postgres import Database, migrate
from exports.audit import rights, store
from exports.audit.entry import Action, Entry
from localstack.stack import Stack

AT = datetime(2026, 11, 30, 3, tzinfo=UTC)
FORBIDDEN = [
    "update audit set detail = 'another'",
    "delete from audit",
    "truncate audit",
    "drop table audit",
    "alter table audit disable trigger all",
    "alter table audit add column more text",
    "create trigger mine before insert on audit for each row execute function audit_followed()",
    "create rule mine as on insert to audit do instead nothing",
    "select * from audit for update",
    "update audit_head set number = 0",
    "insert into audit_head values ('other', 9, 'x')",
    "delete from audit_head",
    "drop function audit_followed cascade",
    "create table audit_2 (x int)",
    "update schema_migrations set version = 'x'",
    "set session_replication_role = replica",
]


@asynccontextmanager
async def owned(stack: Stack) -> AsyncIterator[tuple[str, str]]:
    """The DSNs of an owner, with a schema of its own and exports' tables in it, and of a service's role."""
    schema = f"test_{uuid4().hex[:12]}"
    owner, role = f"{schema}_owner", f"{schema}_role"
    admin = await asyncpg.connect(stack.postgres_dsn(None))
    address = stack.postgres_dsn(None).rpartition("@")[2]
    try:
        for name in (owner, role):
            await admin.execute(f"create role {name} login password 'secret'")
        await admin.execute(f"create schema {schema} authorization {owner}")
        dsns = [f"postgresql://{name}:secret@{address}?search_path={schema}" for name in (owner, role)]
        for _ in range(2):  # as often as one likes
            await migrate(dsns[0], ["common", "common.idempotency", "exports"])
            async with Database.open(dsns[0], size=1) as database:
                await rights.grant(database, role)
        yield dsns[0], dsns[1]
        await admin.execute(f"drop schema {schema} cascade")
        for name in (owner, role):
            await admin.execute(f"drop owned by {name}; drop role {name}")
    finally:
        await admin.close()


@pytest.fixture
async def dsns(servers: Stack) -> AsyncIterator[tuple[str, str]]:
    async with owned(servers) as made:
        yield made


async def add(database: Database, channel: str = "c") -> None:
    async with database.transaction() as tx:
        await store.add(tx, channel, Entry(new_id(), AT, "kim", Action.READ, None, "refused"))


async def test_the_services_role_adds_lines_and_can_do_nothing_else_to_them(dsns: tuple[str, str]) -> None:
    async with Database.open(dsns[1]) as database:
        await add(database)
        await add(database)
        async with database.connection() as connection:
            assert not await store.may_change(connection)
            before = await connection.fetch("select * from audit")
            for statement in FORBIDDEN:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement)
            assert await connection.fetch("select * from audit") == before
            assert await connection.fetchval("select number from audit_head") == len(before) == 2
    async with Database.open(dsns[0]) as database, database.connection() as connection:
        assert await store.may_change(connection)


async def test_the_rest_of_its_tables_the_services_role_uses_as_before(dsns: tuple[str, str]) -> None:
    async with Database.open(dsns[1]) as database, database.transaction() as tx:
        rows = await tx.fetch("select tablename from pg_tables where schemaname = current_schema()")
        names = {row["tablename"] for row in rows} - {"audit", "audit_head", "schema_migrations"}
        assert {"export", "holding", "event", "outbox", "outbox_tray_0", "idempotent_request"} <= names
        for name in names:
            await tx.execute(f"lock table {name} in access exclusive mode")
            await tx.execute(f"delete from {name}")
            await tx.execute(f"truncate {name}")
        await tx.fetchval("select setval('outbox_tray', nextval('outbox_tray'))")


@pytest.mark.parametrize("number", [1, 2, 4])
async def test_a_line_that_does_not_follow_the_last_one_is_refused(dsns: tuple[str, str], number: int) -> None:
    insert = """
    insert into audit (channel, number, id, at, by, action, target, outcome, address, detail, hash)
    values ('c', $1, gen_random_uuid(), now(), 'kim', 'export.asked', null, 'done', null, null, 'x')
    """
    async with Database.open(dsns[1]) as database:
        await add(database)
        await add(database)
        async with database.connection() as connection:
            # A table of the same name that only this connection sees is not the one that is meant.
            await connection.execute("create temp table audit_head (channel text primary key, number bigint, hash text)")
            await connection.execute("insert into audit_head values ('c', $1, 'x')".replace("$1", str(number - 1)))
            with pytest.raises(asyncpg.IntegrityConstraintViolationError):
                await connection.execute(insert, number)
