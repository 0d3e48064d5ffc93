"""Streams through the gateway: none outlives the token it was opened with, and none keeps its process from stopping."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from localstack.processes import BY_NAME
from localstack.stack import Stack
from localstack.supervision import Supervisor
from tests.support.api import caller, eventually, replaced
from tests.support.exporting import asked, channel_with_contacts, ended
from tests.support.team import KIM, Team, new_team

SECONDS = 4
"""How long a token of these tests lasts; the services allow 5 more for clocks that differ, where a request begins."""


@pytest.fixture(scope="module")
def channel(stack: Stack) -> str:
    return channel_with_contacts(stack)


@pytest.fixture
def no_worker(stack: Stack) -> Iterator[None]:
    """Nobody works on exports meanwhile, so that they stay as they are."""
    Supervisor(stack.home).stop_process(BY_NAME["exports-worker"])
    yield
    stack.up()


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as made:
        yield made


async def ends(client: httpx.AsyncClient, path: str, token: str) -> tuple[float, str]:
    """Listen to the clean end of a stream: after how many seconds it came, and what was told until then."""
    began = time.monotonic()
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    async with asyncio.timeout(30), client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200
        told = [line async for line in answer.aiter_lines()]
    return time.monotonic() - began, "\n".join(told)


async def test_a_segments_log_ends_with_the_token_and_goes_on_with_a_new_one(client: httpx.AsyncClient, stack: Stack) -> None:
    async with new_team(stack) as team:
        await team.put("m-0", name="Kim")
        segment = await team.make(KIM)
        path = f"/v1/segments/{segment}/changes"
        await _ends_with_the_token(client, team, path, "event: entered")


async def _ends_with_the_token(client: httpx.AsyncClient, team: Team, path: str, event: str) -> None:
    for _ in range(2):
        token = team.stack.token(channel=team.channel, sub="kim", exp_seconds=SECONDS)
        seconds, told = await ends(client, path, token)
        assert event in told
        assert SECONDS - 2 < seconds < SECONDS + 4


@pytest.mark.usefixtures("no_worker")
async def test_an_exports_progress_ends_with_the_token_or_the_process(
    client: httpx.AsyncClient, stack: Stack, channel: str
) -> None:
    async with caller(stack, channel) as api:
        export_id = await asked(api, {"all": True})
        path = f"/v1/exports/{export_id}/progress"
        await _ends_with_the_token(client, Team(client, stack, channel), path, "event: progress")

        pid = stack.pid("exports-api")
        assert pid is not None
        listening = asyncio.create_task(ends(client, path, stack.token(channel=channel, sub="kim")))
        assert not (await asyncio.wait([listening], timeout=2))[0]
        os.kill(pid, signal.SIGTERM)
        began = time.monotonic()
        _, told = await listening
        assert "event: progress" in told
        await replaced(stack, "exports-api", pid)
        assert time.monotonic() - began < 8

        async def back() -> int:
            return (await api.ask("GET", f"/v1/exports/{export_id}")).status_code

        await eventually(back, lambda status: status == 200)
        await asyncio.to_thread(stack.up)
        assert (await ended(api, export_id))["status"] == "ready"
