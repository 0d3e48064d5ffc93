"""A channel's manager at the gateway, for tests of segments."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from localstack.stack import Stack
from tests.support.api import eventually, fresh_channel

KIM = {"key": "name", "operator": "eq", "values": ["Kim"]}
POSITION = "Dangol-Position"
NOBODY = "019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c11"


def seen_within(n: int, unit: str = "minutes") -> dict[str, Any]:
    return {"key": "lastSeenAt", "operator": "withinLast", "values": [{"n": n, "unit": unit}]}


class Team:
    """A channel's manager, or another of its members, with a token of its own."""

    def __init__(self, client: httpx.AsyncClient, stack: Stack, channel: str, *permissions: str) -> None:
        self.client = client
        self.stack = stack
        self.channel = channel
        token = stack.token(channel=channel, sub="kim", permissions=list(permissions) or ["*"])
        self.headers = {"Authorization": f"Bearer {token}"}

    def with_only(self, *permissions: str) -> "Team":
        """Somebody of the same channel who may do no more than this."""
        return Team(self.client, self.stack, self.channel, *permissions)

    async def ask(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """The answer, whatever it is."""
        return await self.client.request(method, path, json=body, headers=self.headers | headers)

    async def get(self, path: str, position: str | None = None) -> Any:
        """The body of a good answer."""
        answer = await self.ask("GET", path, **({POSITION: position} if position else {}))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def make(self, raw: object, name: str = "s") -> str:
        """A segment that is built."""
        answer = await self.ask("POST", "/v1/segments", {"name": name, "filter": raw})
        assert answer.status_code == 201, answer.text
        await self.built(answer.json()["id"])
        return str(answer.json()["id"])

    async def built(self, segment: str) -> dict[str, Any]:
        """The segment once it is live."""
        shown: dict[str, Any] = await eventually(
            lambda: self.get(f"/v1/segments/{segment}"), lambda found: found["status"] == "live"
        )
        return shown

    async def put(self, member: str, **fields: object) -> tuple[str, str]:
        """An upsert: the contact's id and the position of the write."""
        answer = await self.ask("PUT", f"/v1/contacts/@{member}", fields)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()["id"], answer.headers[POSITION]


@asynccontextmanager
async def connected(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as client:
        yield client


@asynccontextmanager
async def new_team(stack: Stack) -> AsyncIterator[Team]:
    """The manager of a channel of a test's own, who may do everything."""
    async with connected(stack) as client:
        yield Team(client, stack, fresh_channel())
