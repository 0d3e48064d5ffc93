"""A world of the segments service per test, and its routes over it."""

import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from common.auth import Verifier
from common.health import Health
from common.http import application
from common.topics import CONTACTS, FIELDS
from localstack.stack import Stack
from segments.api import internal
from segments.main import parts, routers
from segments.waiting import Waiting
from tests.segments.support import NOON
from tests.segments.world import CHANNEL, World
from tests.support.postgres import fresh_database

As = Callable[..., httpx.AsyncClient]
"""The routes as somebody of the channel with these permissions sees them (all, if none is named)."""


@pytest.fixture
async def world(servers: Stack) -> AsyncIterator[World]:
    async with fresh_database(servers.postgres_dsn(None), ["common", "segments"]) as database:
        yield World(database)


@pytest.fixture
def asked_as(world: World, tmp_path: Path) -> As:
    key = ECKey.generate_key("P-256", {"kid": "one"})
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    health = Health({})

    async def sent(_: str) -> None:
        """Nothing waits to be sent."""

    async def ends() -> dict[tuple[str, int], int]:
        return {}

    async def told_of(_: str, segments: Sequence[UUID]) -> Mapping[UUID, Sequence[Mapping[str, Any]]] | None:
        return None if world.told_of is None else {each: world.told_of.get(each, []) for each in segments}

    waiting = Waiting(world.database, sent, ends)
    routes = application(
        "segments", "", Verifier(str(tmp_path / "jwks.json"), "dangol-local"), health, [*routers(), internal],
        parts=parts(world.database, world.term_sets, world.past, waiting, told_of, world.clock, health), clock=world.clock,
    )  # fmt: skip
    transport = httpx.ASGITransport(routes)

    def client(*permissions: str, subject: str = "kim") -> httpx.AsyncClient:
        claims = {"iss": "dangol-local", "aud": "dangol", "sub": subject, "channel": CHANNEL, "exp": int(time.time()) + 60}
        token = jwt.encode({"alg": "ES256", "kid": "one"}, {**claims, "permissions": list(permissions) or ["*"]}, key)
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.AsyncClient(transport=transport, base_url="http://segments", headers=headers)

    return client


@pytest.fixture
async def people(world: World) -> list[UUID]:
    """Five contacts named Kim, seen just before noon."""
    await world.judge.positions([(CONTACTS, 0), (FIELDS, 0)])
    made = sorted(uuid4() for _ in range(5))
    await world.tell(*(world.contact(c, 1, NOON - 9, name="Kim", seen=NOON - 9) for c in made))
    return made


async def answer(client: httpx.AsyncClient, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
    """What a route of segments answers."""
    return await client.request(method, f"/v1/segments{path}", json=body, headers=headers)
