"""PostgreSQL: the pool, transactions, JSON columns, and migrations written as plain SQL."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TypeAlias

import asyncpg
import orjson

from common.errors import Unavailable
from common.figures import Figure, Reading
from common.telemetry import log
from common.tls import untrusted

Work = Callable[[], Awaitable[None]]

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Tx: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
"""A connection with a transaction under way."""
Record = asyncpg.Record

# One key for all of Dangol: two services never migrate the same schema, and waiting a moment costs nothing.
_MIGRATION_LOCK = 4_907_241_126
_TRY_LOCK = "select pg_try_advisory_lock($1)"
_LOOK_AGAIN_SECONDS = 0.1
# Whoever waits for a table has all others wait behind it. So a migration that does not get its locks at once lets them pass, and
# comes again. What is built while others write waits for their transactions by itself, and holds nobody up.
_LOCK_SECONDS, _LOCK_TRIES, _LOCK_PAUSE_SECONDS = 2.0, 60, 1.0
_AT_THE_MOST, _AS_LONG_AS_IT_TAKES = "select set_config('lock_timeout', $1, false)", "set lock_timeout = 0"

_CREATE_TABLE = """
create table if not exists schema_migrations (version text primary key, applied_at timestamptz not null default now())
"""
_APPLIED = "select version from schema_migrations"
_RECORD = "insert into schema_migrations (version) values ($1)"


_ACQUIRE_SECONDS = 5.0
"""Whoever finds every connection in use is told so after this; a caller who waits for ever holds what others wait for."""

_LOST = (
    asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError, asyncpg.TransactionRollbackError,
    asyncpg.InsufficientResourcesError,  # too many connections; no memory, or no room on the disk, for now
    asyncpg.PostgresSystemError,  # a file that cannot be read or written
    asyncpg.ReadOnlySQLTransactionError,  # a standby that was asked just as it takes over, or has not yet
    asyncpg.InternalClientError,  # what the driver raises when it is thrown out just as it begins to ask
    TimeoutError,  # a statement that was given up
)  # fmt: skip


_CONNECTIONS = Figure("dangol_postgres_connections", "Connections of this process to its database.", ("state",))
_MOST_CONNECTIONS = Figure("dangol_postgres_connections_most", "So many connections may this process have.")
_WAITING = Figure("dangol_postgres_waiting", "Tasks that wait for a connection, as all are in use.")


def away_is_unavailable() -> AbstractContextManager[None]:
    """What it looks like when PostgreSQL can't be reached, or gave way to another: the same work may be tried again.

    Raises Unavailable for it. A value that does not fit its column is an InterfaceError to the driver as well; to us it is a bug.
    """
    return _unavailable((*_LOST, OSError))


@contextmanager
def _unavailable(kinds: tuple[type[Exception], ...]) -> Iterator[None]:
    try:
        yield
    except asyncpg.DataError:
        raise
    except asyncpg.InvalidAuthorizationSpecificationError:  # a password is wrong, or changed just now
        raise Unavailable(
            "The database does not take this role: not with this password, or not without TLS. Operators: look at the DSN."
        ) from None
    except kinds as error:
        if reason := untrusted(error):
            raise Unavailable(f"The database is not to be talked to, {reason}. Operators: look at the DSN.") from None
        raise Unavailable(f"The database does not answer ({type(error).__name__}). Try again in a moment.") from error


async def prepare(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Give a new connection its JSON codecs: json and jsonb columns are Python values. Bytes written to jsonb are JSON."""
    await connection.set_type_codec("json", schema="pg_catalog", format="binary", encoder=orjson.dumps, decoder=orjson.loads)
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="binary",
        encoder=lambda value: b"\x01" + (value if isinstance(value, bytes) else orjson.dumps(value)),
        decoder=lambda data: orjson.loads(data[1:]),
    )


_leaves_nothing: ContextVar[bool] = ContextVar("a session to which nothing was done", default=False)


async def _reset(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """What the pool does with a connection that comes back, unless nothing was done to its session: a round trip less."""
    if not _leaves_nothing.get():
        await connection.execute(connection.get_reset_query())


Beginning: TypeAlias = Callable[[], AbstractAsyncContextManager[Tx]]


@dataclass(slots=True)
class _Whole:
    begin: Beginning
    stack: AsyncExitStack
    connection: "asyncpg.Connection[asyncpg.Record] | None" = None
    afterwards: list[Work] = field(default_factory=list[Work])

    async def begun(self) -> Tx:
        if self.connection is None:
            self.connection = await self.stack.enter_async_context(self.begin())
        return self.connection


class Database:
    """A pool of connections to one service's schema."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", *, patience: float = _ACQUIRE_SECONDS) -> None:
        self._pool = pool
        self._patience = patience
        self._waiting = 0
        self._joined: ContextVar[_Whole | None] = ContextVar("joined transaction", default=None)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, dsn: str, *, size: int = 10, application: str = "dangol", patience: float = _ACQUIRE_SECONDS
    ) -> AsyncIterator["Database"]:
        """A pool of up to `size` connections, closed at the end; who finds all of them in use waits for `patience` seconds.

        None is made before it is needed, so that a process starts while PostgreSQL is away, and its health says so.
        """
        pool = await asyncpg.create_pool(
            dsn, min_size=0, max_size=size, init=prepare, reset=_reset, command_timeout=60,
            server_settings={"application_name": application, "timezone": "UTC"},
        )  # fmt: skip
        try:
            yield cls(pool, patience=patience)
        finally:
            await pool.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        """One transaction: committed at the end, rolled back by an exception. Raises Unavailable where PostgreSQL is away."""
        joined = self._joined.get()
        if joined is not None:
            connection = await joined.begun()
            async with connection.transaction():
                yield connection
            return
        async with self.apart() as connection:
            yield connection

    @asynccontextmanager
    async def apart(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        """A transaction of its own, whatever this task is in. Raises Unavailable."""
        async with self._acquired() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def whole(self, begin: Beginning | None = None) -> AsyncIterator[None]:
        """One transaction that all of this task's transactions belong to until it ends: all are kept, or none.

        It begins, as `begin` says, with the first of them: before that no connection is held, and reads are on their own;
        from then on they belong to it as well.
        """
        if self._joined.get() is not None:
            async with self.transaction():
                yield
            return
        async with AsyncExitStack() as stack:
            joined = _Whole(begin or self.apart, stack)
            token = self._joined.set(joined)
            try:
                yield
            finally:
                self._joined.reset(token)
        for work in joined.afterwards:
            await work()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        """A connection without a transaction, for reads of one statement and for session locks. Raises Unavailable."""
        joined = self._joined.get()
        if joined is not None and joined.connection is not None:
            yield joined.connection
            return
        async with self._acquired() as connection:
            yield connection

    async def row(self, statement: str, *arguments: object) -> asyncpg.Record | None:
        """The first row of a plain `select`, which takes no lock of the session and sets nothing there. Raises Unavailable."""
        token = _leaves_nothing.set(False)
        try:
            async with self.connection() as connection:
                found = await connection.fetchrow(statement, *arguments)
                _leaves_nothing.set(True)
            return found
        finally:
            _leaves_nothing.reset(token)

    @property
    def joined(self) -> bool:
        """Whether this task's transactions are parts of a `whole` one."""
        return self._joined.get() is not None

    async def afterwards(self, work: Work) -> None:
        """Do what cannot be taken back once all that was written is committed: now, or at the end of a `whole` transaction."""
        joined = self._joined.get()
        if joined is None:
            await work()
        else:
            joined.afterwards.append(work)

    @asynccontextmanager
    async def _acquired(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        with away_is_unavailable():
            self._waiting += 1
            try:
                connection = await self._pool.acquire(timeout=self._patience)
            except TimeoutError:
                raise Unavailable("Too much is under way here at once. Try again in a moment.") from None
            finally:
                self._waiting -= 1
        with _unavailable(_LOST):
            try:
                yield connection  # type: ignore[misc]  # the pool's proxy has all of a connection's methods
            finally:
                await self._pool.release(connection)

    async def check(self) -> None:
        """Raises where the server does not answer."""
        await self._pool.fetchval("select 1")

    async def figures(self) -> Sequence[Reading]:
        """How many connections there are, and how many wait for one; the database is not asked."""
        idle, all_ = self._pool.get_idle_size(), self._pool.get_size()
        return [
            _CONNECTIONS.at(all_ - idle, "used"),
            _CONNECTIONS.at(idle, "idle"),
            _MOST_CONNECTIONS.at(self._pool.get_max_size()),
            _WAITING.at(self._waiting),
        ]


class Unmigrated(Exception):
    """A migration file is not in the expected format."""


@dataclass(frozen=True, slots=True)
class _Migration:
    """A file's `up` part: in one transaction, or each statement by itself where PostgreSQL takes it in none."""

    name: str
    statements: Sequence[str]
    whole: bool


_UP = re.compile(r"\s*-- migrate:up(?P<apart> transaction:false)?\s*\n(?P<up>.*?)(?:\n-- migrate:down\b.*)?", re.DOTALL)


def _migrations(package: str) -> list[_Migration]:
    folder = files(package) / "migrations"
    found = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [_read(f"{package}/{f.name.removesuffix('.sql')}", f.read_text("utf-8")) for f in found]


def _read(name: str, text: str) -> _Migration:
    match = _UP.fullmatch(text)
    if match is None:
        raise Unmigrated(f"{name} must begin with `-- migrate:up`")
    if match["apart"] is None:
        return _Migration(name, [match["up"]], whole=True)
    return _Migration(name, [part for part in re.split(r"(?<=;)\n", match["up"]) if part.strip()], whole=False)


async def migrate(dsn: str, packages: Sequence[str], *, lock_seconds: float = _LOCK_SECONDS) -> list[str]:
    """Bring the DSN's schema up to date with the `migrations` folders of these packages, in that order.

    Runs under an advisory lock, each file in a transaction of its own (dbmate's format, only its `up` part). One that says
    `transaction:false`, as an index that is built while others write needs it, has one statement a line or paragraph, each of
    which may come a second time: broken off, the file begins anew. Answers the names of the files applied now.
    """
    connection = await asyncpg.connect(dsn)
    applied: list[str] = []
    try:
        # Asked for again and again: a statement that waited would have a snapshot, which the building of an index waits for.
        while not await connection.fetchval(_TRY_LOCK, _MIGRATION_LOCK):  # noqa: ASYNC110 - another process holds it
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        await connection.execute(_CREATE_TABLE)
        known = {row["version"] for row in await connection.fetch(_APPLIED)}
        for migration in (m for package in packages for m in _migrations(package) if m.name not in known):
            await _apply(connection, migration, lock_seconds)
            applied.append(migration.name)
    finally:
        await connection.close()
    return applied


async def missing_migrations(dsn: str, packages: Sequence[str]) -> list[str]:
    """The names of the files that `migrate` would apply, in their order. Raises asyncpg.UndefinedTableError before the first."""
    connection = await asyncpg.connect(dsn)
    try:
        known = {row["version"] for row in await connection.fetch(_APPLIED)}
    finally:
        await connection.close()
    return [m.name for package in packages for m in _migrations(package) if m.name not in known]


async def _apply(connection: "asyncpg.Connection[asyncpg.Record]", migration: _Migration, lock_seconds: float) -> None:
    if migration.whole:
        await connection.execute(_AT_THE_MOST, f"{round(lock_seconds * 1000)}ms")
        await _with_its_locks(connection, migration)
    else:
        await connection.execute(_AS_LONG_AS_IT_TAKES)
        for statement in migration.statements:
            await connection.execute(statement)
        await connection.execute(_RECORD, migration.name)


async def _with_its_locks(connection: "asyncpg.Connection[asyncpg.Record]", migration: _Migration) -> None:
    for left in reversed(range(_LOCK_TRIES)):
        try:
            async with connection.transaction():
                await connection.execute(migration.statements[0])
                await connection.execute(_RECORD, migration.name)
        except asyncpg.LockNotAvailableError:
            if not left:
                raise
            log.info("a migration waits for others to end what they do with its tables", migration=migration.name)
            await asyncio.sleep(_LOCK_PAUSE_SECONDS)
        else:
            return
