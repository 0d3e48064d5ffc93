"""PostgreSQL for a service: the database, its role with its password, its schema; as often as one likes."""

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg

from common.postgres import Connection

_ITERATIONS = 4096
"""As PostgreSQL's own `scram_iterations`."""

_FORMAT = "select format($1, variadic $2::text[])"
_DATABASE_EXISTS = "select exists (select from pg_database where datname = $1)"
_ROLE_EXISTS = "select exists (select from pg_roles where rolname = $1)"
_IS_SUPERUSER = "select rolsuper from pg_roles where rolname = current_user"
_OWNS = "select exists (select from pg_namespace where nspname = $1 and nspowner = $2::text::regrole)"
# A process whose machine or network is gone says nothing any more, and its locks would be kept for two hours.
GONE_AFTER = {
    "tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3", "tcp_user_timeout": "25s",
}  # fmt: skip
"""What PostgreSQL does about the connections of a role: an end that is silent for 25 seconds is taken for gone."""
# Two that provide at once would both find nothing there.
_ALONE = "select pg_advisory_lock(hashtext('provision'))"


class CannotProvide(Exception):
    """What is asked for cannot be made; the text says why, and never repeats a password."""


@dataclass(frozen=True, slots=True)
class Login:
    """A role with its password."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Place:
    """A service's schema: the role that works in it, and the one that owns it, where that is another."""

    schema: str
    user: Login
    owner: Login | None = None


def login_of(dsn: str) -> Login:
    """Who connects by a DSN. Raises CannotProvide where it names nobody, or no password."""
    parts = urlsplit(dsn)
    if not parts.username or not parts.password:
        raise CannotProvide("The service's DSN must name its role and its password.")
    return Login(unquote(parts.username), unquote(parts.password))


def database_of(dsn: str) -> str:
    """The database that a DSN leads to. Raises CannotProvide where it names none."""
    name = unquote(urlsplit(dsn).path.removeprefix("/"))
    if not name:
        raise CannotProvide("The service's DSN must name its database.")
    return name


async def provide(admin_dsn: str, database: str, places: Sequence[Place]) -> None:
    """Make what is missing and set every password, by a role that may make databases and roles.

    `admin_dsn` leads to any database that is there. A password is sent as PostgreSQL keeps it, so that no log can hold it.
    Raises CannotProvide.
    """
    logins = [(place, login) for place in places for login in (place.user, place.owner) if login is not None]
    admin = await asyncpg.connect(admin_dsn)
    try:
        await admin.execute(_ALONE)
        if not await admin.fetchval(_DATABASE_EXISTS, database):
            await _do(admin, "create database %I", database)
        for place, login in logins:
            verb = "alter" if await admin.fetchval(_ROLE_EXISTS, login.name) else "create"
            await _do(admin, f"{verb} role %I login password %L", login.name, _verifier(login.password))
            await _do(admin, "alter role %I in database %I set search_path = %I", login.name, database, place.schema)
            for setting, value in GONE_AFTER.items():
                await _do(admin, f"alter role %I in database %I set {setting} = %L", login.name, database, value)
        await _schemas(urlunsplit(urlsplit(admin_dsn)._replace(path=f"/{database}")), places)
    finally:
        await admin.close()


async def _schemas(admin_dsn: str, places: Sequence[Place]) -> None:
    admin = await asyncpg.connect(admin_dsn)
    try:
        is_superuser = await admin.fetchval(_IS_SUPERUSER)
        for place in places:
            owner = place.owner or place.user
            if not is_superuser:  # who is none may give to a role what it is a member of alone
                await _do(admin, "grant %I to current_user", owner.name)
            await _do(admin, "create schema if not exists %I authorization %I", place.schema, owner.name)
            if place.owner is not None:
                await hand_over(admin, place.schema, place.user.name, place.owner.name)
    finally:
        await admin.close()


async def hand_over(admin: Connection, schema: str, service: str, owner: str) -> None:
    """Let the service use its owner's schema. What was the service's own, in an earlier version, is its owner's from now on."""
    async with admin.transaction():
        if await admin.fetchval(_OWNS, schema, service):
            await _do(admin, "reassign owned by %I to %I", service, owner)
            # Until `migrate` has run, which takes back what the service is not to have.
            await _do(admin, "grant all on all tables in schema %I to %I", schema, service)
            await _do(admin, "grant all on all sequences in schema %I to %I", schema, service)
        await _do(admin, "grant usage on schema %I to %I", schema, service)


async def _do(connection: Connection, statement: str, *names: str) -> None:
    await connection.execute(await connection.fetchval(_FORMAT, statement, names))


def _verifier(password: str) -> str:
    """The password as PostgreSQL keeps it (RFC 5803). Raises CannotProvide for one that would have to be normalised first."""
    if not password.isascii() or not password.isprintable():
        raise CannotProvide("A password may have printable ASCII characters alone.")
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    shown = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${_ITERATIONS}:{shown[0]}${shown[1]}:{shown[2]}"
