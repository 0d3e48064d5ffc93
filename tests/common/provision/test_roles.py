"""Databases, roles and passwords, made and kept on the real PostgreSQL."""

from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from common.provision.roles import GONE_AFTER, CannotProvide, Login, Place, database_of, login_of, provide
from localstack.stack import Stack
from tests.common.provision.conftest import connected

ODD = 'it\'s "odd" %41 /?'


async def test_a_service_has_its_schema_whatever_its_names_and_password_and_a_changed_password_counts(
    servers: Stack, name: str
) -> None:
    for password in ("first", ODD):
        for _ in range(2):
            await provide(servers.postgres_dsn(), name, [Place(name, Login(name, password))])
        own = await connected(servers, name, name, password)
        await own.execute("create table if not exists thing (id integer)")
        assert await own.fetchval("select schemaname from pg_tables where tablename = 'thing'") == name
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await own.execute("create schema mine")
        await own.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await connected(servers, name, name, "first")


async def test_a_process_whose_machine_is_gone_keeps_no_lock_for_longer_than_25_seconds(servers: Stack, name: str) -> None:
    place = Place(name, Login(name, "one"), Login(f"{name}_owner", "two"))
    await provide(servers.postgres_dsn(), name, [place])
    for role, password in ((name, "one"), (f"{name}_owner", "two")):
        own = await connected(servers, name, role, password)
        # What a pool sets back when a connection is given back to it.
        await own.reset()
        told = [await own.fetchval(f"show {setting}") for setting in GONE_AFTER]
        assert told == ["10", "5", "3", "25000"]
        await own.close()


async def test_an_owner_has_the_tables_and_the_service_uses_its_schema_alone(servers: Stack, name: str) -> None:
    place = Place(name, Login(name, "one"), Login(f"{name}_owner", "two"))
    for _ in range(2):
        await provide(servers.postgres_dsn(), name, [place])
    owner = await connected(servers, name, f"{name}_owner", "two")
    await owner.execute(f'create table thing (id integer); grant select on thing to "{name}"')
    service = await connected(servers, name, name, "one")
    assert await service.fetch("select * from thing") == []
    for forbidden in ("drop table thing", "create table mine (id integer)"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await service.execute(forbidden)
    await owner.close()
    await service.close()


async def test_who_may_make_roles_and_databases_need_not_be_a_superuser(servers: Stack, name: str) -> None:
    admin = await asyncpg.connect(servers.postgres_dsn())
    at, role = urlsplit(servers.postgres_dsn()), f"{name}_owner"
    await admin.execute(f"create role \"{role}\" login createdb createrole password 'admin'")
    await provide(
        urlunsplit(at._replace(netloc=f"{role}:admin@{at.hostname}:{at.port}")), name, [Place(name, Login(name, "secret"))]
    )
    await (await connected(servers, name, name, "secret")).close()
    await admin.close()


async def test_no_password_is_shown_or_sent_as_it_is(servers: Stack, name: str) -> None:
    assert ODD not in repr(Login(name, ODD))
    with pytest.raises(CannotProvide) as refusal:
        await provide(servers.postgres_dsn(), name, [Place(name, Login(name, "비밀"))])
    assert "비밀" not in str(refusal.value)
    for lacking in ("postgresql://host/dangol", "postgresql://role@host/dangol"):
        with pytest.raises(CannotProvide):
            login_of(lacking)
    with pytest.raises(CannotProvide):
        database_of("postgresql://a:b@host")
    assert login_of("postgresql://a%40b:c%2Fd@host/x") == Login("a@b", "c/d")
