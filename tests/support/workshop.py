"""Exports with tables, files and a clock of a test's own, asking the running system's contacts and search."""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec

from common.auth import Caller, Signer
from common.clock import FixedClock, SystemClock
from common.health import Health
from common.ids import new_id
from common.peers import Peer
from common.postgres import Database
from exports.audit.queries import AuditLog
from exports.audit.store import Wanted
from exports.events import Event
from exports.export import Export
from exports.files import Files
from exports.handlers import Ask, Exports, Part
from exports.keeper import Keeper
from exports.neighbours import Neighbours
from exports.queries import Queries
from exports.sealing import Sealing
from exports.sending import pieces
from exports.signing import ManifestKeys
from exports.worker import LEASE, Worker
from localstack.demo import decrypt
from localstack.stack import Stack
from tests.support.api import eventually
from tests.support.postgres import fresh_schema
from tests.support.unrevoked import unrevoked

PASSWORD = "abc-123!"
KEY = b"k" * 32


class Between:
    """Stands between exports and search: passes on the first bytes of an answer, then breaks off, or holds until released."""

    def __init__(self, upstream: str, passed: int, *, hold: bool = False) -> None:
        self._upstream = httpx.URL(upstream)
        self._passed = passed
        self._hold = hold
        self.reached = asyncio.Event()
        self.released = asyncio.Event()
        self.url = ""

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Between"]:
        """Listening, until the end."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = "http://{}:{}".format(*server.sockets[0].getsockname()[:2])
        try:
            yield self
        finally:
            self.released.set()
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, there = await asyncio.open_connection(self._upstream.host, self._upstream.port)
        asking = asyncio.create_task(_copy(reader, there))
        left = self._passed
        with contextlib.suppress(ConnectionError), contextlib.closing(writer), contextlib.closing(there):
            while data := await back.read(65536):
                writer.write(data[:left])
                await writer.drain()
                if len(data) > left:
                    self.reached.set()
                    if not self._hold:
                        break
                    await self.released.wait()
                    writer.write(data[left:])
                    left = 1 << 62
                else:
                    left -= len(data)
        asking.cancel()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


@dataclass
class Workshop:
    """All that exports is made of; `kim` may do everything in the channel."""

    stack: Stack
    channel: str
    dsn: str
    database: Database
    files: Files
    folder: Path
    clock: FixedClock
    client: httpx.AsyncClient

    @property
    def kim(self) -> Caller:
        return Caller("kim", self.channel, frozenset({"*"}))

    def neighbours(self, search_url: str | None = None) -> Neighbours:
        env = self.stack.service_env("exports-worker")
        signer = Signer(Path(env["EXPORTS_SIGNING_KEY"]), env["EXPORTS_ISSUER"], "service:exports")
        urls = env["EXPORTS_CONTACTS_URL"], search_url or env["EXPORTS_SEARCH_URL"]
        contacts, search = (Peer(self.client, signer, url, "contacts.read") for url in urls)
        return Neighbours(contacts, search)

    @property
    def search_url(self) -> str:
        return self.stack.service_env("exports-worker")["EXPORTS_SEARCH_URL"]

    def commands(self) -> Exports:
        sealing = Sealing(KEY, os.urandom)
        return Exports(self.database, self.neighbours(), self.files, sealing, self.clock, new_id, os.urandom)

    def worker(
        self,
        name: str = "one",
        search_url: str | None = None,
        *,
        key: bytes = KEY,
        lease: timedelta = LEASE,
        health: Health | None = None,
    ) -> Worker:
        sealing = Sealing(key, os.urandom)
        neighbours = self.neighbours(search_url)
        keys = ManifestKeys.of(Path(self.stack.service_env("exports-worker")["EXPORTS_MANIFEST_KEY"]).read_bytes(), "tests")
        return Worker(
            name, self.database, neighbours, self.files, sealing, self.clock, new_id, health or Health({}), keys, lease=lease
        )  # fmt: skip

    def keeper(self) -> Keeper:
        return Keeper(self.database, self.files, self.clock, new_id, Health({}))

    async def ask(self, caller: Caller | None = None, *, columns: Sequence[str] = ("id", "mobileNumber"), **scope: Any) -> Export:
        """An accepted export of the ids and numbers (or of these columns) of everyone, or of the scope given."""
        ask = Ask("a greeting", PASSWORD, scope or {"all": True}, columns, False, "ko", None)
        return await self.commands().ask(caller or self.kim, ask, "127.0.0.1")

    async def work(self, worker: Worker) -> bool:
        """One round of a worker that nobody stops."""
        async with asyncio.timeout(60):
            return await worker.work_once(asyncio.Event())

    async def ready(self) -> Export:
        """An export whose file is there."""
        asked = await self.ask()
        assert await self.work(self.worker())
        return await self.state(asked.id)

    async def state(self, export_id: UUID) -> Export:
        return await Queries(self.database).export(self.kim, export_id)

    async def until(self, export_id: UUID, *statuses: str) -> Export:
        return await eventually(lambda: self.state(export_id), lambda export: export.status in statuses)

    async def rows(self, export_id: UUID) -> list[tuple[Any, ...]]:
        """The rows of the file, headings first, as its asker downloads it."""
        opened = await self.commands().download(self.kim, export_id, Part(None, None), None)
        try:
            return decrypt(b"".join([piece async for piece in pieces(opened.reading, opened.size, unrevoked)]), PASSWORD)
        finally:
            await opened.reading.close()

    async def audited(self) -> list[tuple[str, str, str, str | None]]:
        """The audit log, oldest first: who did what, how it ended, and the detail."""
        found = await AuditLog(self.database).entries(self.kim, Wanted(), 100, None)
        return [(i["by"], i["action"], i["outcome"], i["detail"]) for i in reversed(found.items)]

    async def events(self, export_id: UUID) -> list[Event]:
        """What the event store holds of an export."""
        async with self.database.connection() as connection:
            rows = await connection.fetch("select data from event where stream = $1 order by version", export_id)
        return [msgspec.convert(row["data"], Event) for row in rows]

    async def told(self, export_id: UUID) -> list[str]:
        """The messages that wait for the relay, by type."""
        async with self.database.connection() as connection:
            rows = await connection.fetch("select headers from outbox where key = $1 order by id", f"{self.channel}/{export_id}")
        return [row["headers"]["ce_type"] for row in rows]


@asynccontextmanager
async def workshop(stack: Stack, channel: str) -> AsyncIterator[Workshop]:
    """A fresh one; its tables and files are removed at the end."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            fresh_schema(stack.postgres_dsn(None), ["common", "common.idempotency", "exports"]) as dsn,
            Database.open(dsn) as database,
            httpx.AsyncClient(timeout=30) as client,
        ):
            place = Path(folder) / "files"
            yield Workshop(stack, channel, dsn, database, Files(place), place, FixedClock(SystemClock().now()), client)
