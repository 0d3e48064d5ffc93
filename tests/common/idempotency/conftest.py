"""A service that remembers what its POSTs were answered, in two processes, with a clock and a gate that the test sets."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID

import httpx
import pytest
from fastapi import Depends, Response
from joserfc import jwt
from joserfc.jwk import ECKey

from common import idempotency
from common.auth import Caller, Verifier
from common.clock import SystemClock
from common.errors import Unavailable, Unprocessable
from common.health import Health
from common.http import Wire, application, part, permit, router, where_written
from common.idempotency import Idempotency
from common.postgres import Database
from localstack.stack import Stack
from tests.support.postgres import fresh_database

SECRET = b"s" * 32
BOB = UUID("019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c11")


class Thing(Wire):
    name: str


routes = router("/v1")
Editor = Annotated[Caller, Depends(permit("contacts.edit"))]


@dataclass(frozen=True)
class Halt:
    """Where a slow request says that it has come, and waits."""

    entered: asyncio.Event
    gate: asyncio.Event
    asking: list[str]


Stored = Annotated[Database, Depends(part(Database))]
Halting = Annotated[Halt, Depends(part(Halt))]


@routes.post("/things", status_code=201)
async def make(caller: Editor, body: Thing, database: Stored, halt: Halting, x: int = 0) -> Response:
    async with database.transaction() as tx:
        await tx.execute("insert into thing (channel, name) values ($1, $2)", caller.channel, body.name)
    async with database.connection() as connection:
        count = await connection.fetchval("select count(*) from thing where channel = $1", caller.channel)
    match body.name:
        case "refused":
            raise Unprocessable("Not this one.", code="notThisOne")
        case "away":
            raise Unavailable("Not now.")
        case "broken":
            raise RuntimeError("broken in the middle")
        case "slow":
            halt.entered.set()
            await halt.gate.wait()
        case _:
            idempotency.concerns(BOB)
    return Response(json.dumps({"count": count}), 201, headers={"ETag": f'"{count}"', "X-Other": "y"} | where_written())


@routes.post("/asked-things", status_code=201)
async def ask_and_make(caller: Editor, body: Thing, database: Stored, halt: Halting) -> Response:
    """As a command that asks another service before it writes."""
    async with database.connection() as connection:
        await connection.fetchval("select count(*) from thing")
    halt.entered.set()
    halt.asking.append(body.name)
    await halt.gate.wait()
    for name in (body.name, "its shadow"):
        async with database.transaction() as tx:
            await tx.execute("insert into thing (channel, name) values ($1, $2)", caller.channel, name)
    async with database.connection() as connection:
        count = await connection.fetchval("select count(*) from thing where channel = $1", caller.channel)
    if body.name == "refused":
        raise Unprocessable("Not this one.", code="notThisOne")
    return Response(json.dumps({"count": count}), 201)


@routes.post("/things/{thing}/archive")
async def archive(caller: Editor, thing: str, database: Stored) -> dict[str, object]:
    async with database.transaction() as tx:
        await tx.execute("insert into thing (channel, name) values ($1, $2)", caller.channel, thing)
    return {"archived": thing}


@routes.post("/search")
@idempotency.repeatable
async def search(caller: Editor, body: Thing, database: Stored) -> dict[str, object]:
    async with database.connection() as connection:
        return {"total": await connection.fetchval("select count(*) from thing where name = $1", body.name)}


class Later:
    """A clock so far ahead as it is told."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self):  # type: ignore[no-untyped-def]
        return SystemClock().now() + self.ahead


@dataclass
class System:
    """The service and what the test may turn."""

    client: httpx.AsyncClient
    database: Database
    memory: Idempotency
    clock: Later
    entered: asyncio.Event
    gate: asyncio.Event
    bearer: Callable[..., dict[str, str]]
    elsewhere: httpx.AsyncClient
    """Another process of the service."""
    asked: list[str]

    async def asking(self) -> int:
        """How many requests have asked the other service."""
        return len(self.asked)

    async def post(self, path: str, body: object, key: str | None, **headers: str) -> httpx.Response:
        with_key = headers if key is None else {"Idempotency-Key": key, **headers}
        return await self.client.post(path, json=body, headers=with_key)

    async def things(self) -> int:
        async with self.database.connection() as connection:
            count: int = await connection.fetchval("select count(*) from thing")
            return count


@pytest.fixture
async def system(servers: Stack, tmp_path: Path) -> AsyncIterator[System]:
    key = ECKey.generate_key("P-256", {"kid": "one"})
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [key.as_dict(private=False)]}))

    def bearer(sub: str = "kim", channel: str = "demo", permissions: tuple[str, ...] = ("*",)) -> dict[str, str]:
        claims = {"iss": "dangol-local", "aud": "dangol", "exp": int(time.time()) + 60}
        claims |= {"sub": sub, "channel": channel, "permissions": list(permissions)}
        return {"Authorization": "Bearer " + jwt.encode({"alg": "ES256", "kid": "one"}, claims, key)}

    async with fresh_database(servers.postgres_dsn(), ["common.idempotency"]) as database:
        async with database.connection() as connection:
            await connection.execute("create table thing (channel text, name text)")
        clock, entered, gate = Later(), asyncio.Event(), asyncio.Event()
        asked: list[str] = []
        memory = Idempotency(database, SECRET, clock)

        def process(memory: Idempotency) -> httpx.AsyncClient:
            app = application(
                "test", "For the tests.", Verifier(str(tmp_path / "jwks.json"), "dangol-local"), Health({}), [routes],
                parts=[database, Halt(entered, gate, asked)], memory=memory,
            )  # fmt: skip
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            return httpx.AsyncClient(transport=transport, base_url="http://test", headers=bearer())

        async with process(memory) as client, process(Idempotency(database, SECRET, clock)) as elsewhere:
            yield System(client, database, memory, clock, entered, gate, bearer, elsewhere, asked)
