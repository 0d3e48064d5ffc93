"""Contacts sent all the while, one a request, through the gateway: which were acknowledged, and how it went."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from tests.support.api import eventually

PER_SECOND = 20.0
_ANSWER_SECONDS = 30.0


@dataclass
class Load:
    """What came of it so far: answers by status (0 is none at all), and when each was acknowledged."""

    client: httpx.AsyncClient
    answers: Counter[int] = field(default_factory=Counter[int])
    acknowledged: list[float] = field(default_factory=list[float])
    sent: int = 0

    async def one(self) -> None:
        """Send one more contact."""
        number = self.sent
        self.sent += 1
        body = {"contacts": [{"memberId": f"load-{number}", "name": "부하"}]}
        try:
            answer = await self.client.post("/v1/contacts/batch", json=body)
        except httpx.TransportError:
            self.answers[0] += 1
            return
        self.answers[answer.status_code] += 1
        if answer.is_success:
            self.acknowledged.append(time.monotonic())

    async def go_on(self) -> None:
        """Until it is cancelled; requests that are under way then are waited for."""
        began, count = time.monotonic(), 0
        async with asyncio.TaskGroup() as group:
            try:
                while True:
                    group.create_task(self.one())
                    count += 1
                    await asyncio.sleep(max(0.0, began + count / PER_SECOND - time.monotonic()))
            except asyncio.CancelledError:
                return

    async def until_acknowledged(self, since: float, patience: float) -> float:
        """Seconds from `since` until the first that was acknowledged after it. Raises AssertionError."""

        async def newest() -> float:
            return max(self.acknowledged, default=float("-inf"))

        await eventually(newest, lambda at: at > since, patience)
        return next(at for at in self.acknowledged if at > since) - since

    async def found(self) -> int:
        """How many contacts search finds; -1 while it does not answer."""
        try:
            answer = await self.client.post("/v1/search/count", json={})
        except httpx.TransportError:
            return -1
        total: int = answer.json()["total"] if answer.is_success else -1
        return total


@asynccontextmanager
async def load_on(url: str, token: str) -> AsyncIterator[Load]:
    """One that goes on until the end."""
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=_ANSWER_SECONDS) as client:
        load = Load(client)
        going_on = asyncio.create_task(load.go_on())
        try:
            yield load
        finally:
            going_on.cancel()
            await asyncio.gather(going_on, return_exceptions=True)
