"""OpenSearch away: the consumer waits and loses nothing, health says so, searches answer 503, and afterwards all is there."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import psutil
import pytest

from localstack.processes import OPENSEARCH
from localstack.stack import Stack
from localstack.supervision import Supervisor
from tests.support.api import caller, eventually, fresh_channel

CONTACTS = 300


@asynccontextmanager
async def opensearch_away(stack: Stack, how: str) -> AsyncIterator[None]:
    """Stopped, and started again at the end; or hanging: it takes connections and answers nothing."""
    if how == "hangs":
        pid = stack.pid(OPENSEARCH.name)
        assert pid is not None
        process = psutil.Process(pid)
        process.suspend()
        try:
            yield
        finally:
            process.resume()
        return
    supervisor = Supervisor(stack.home)
    await asyncio.to_thread(supervisor.stop_process, OPENSEARCH)
    try:
        yield
    finally:
        await asyncio.to_thread(supervisor.start_processes, [OPENSEARCH])


async def problems(stack: Stack, process: str) -> dict[str, str]:
    """What a process says stands between it and work."""
    async with httpx.AsyncClient(timeout=10) as client:
        told: dict[str, str] = (await client.get(f"{stack.health(process)}/readyz")).json().get("problems", {})
    return told


async def lives(stack: Stack, process: str) -> bool:
    async with httpx.AsyncClient(timeout=10) as client:
        return (await client.get(f"{stack.health(process)}/livez")).status_code == httpx.codes.OK


WAYS: dict[str, dict[str, object]] = {
    "/v1/search": {"query": "길동"},
    "/v1/search/count": {},
    "/v1/search/ids": {},
    "/v1/term-sets": {"key": "memberId", "values": ["m-1"]},
}


async def refusals(client: httpx.AsyncClient, how: str) -> None:
    """Every way to find is refused as one that may be tried again; where it hangs, after a few seconds."""
    for path in WAYS:
        began = time.monotonic()
        await refusal(client, path)
        assert how != "hangs" or time.monotonic() - began < 10


async def refusal(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(path, json=WAYS[path])
    assert answer.status_code == 503, (path, answer.text)
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.json()["code"] == "unavailable"


async def refused_in_time(client: httpx.AsyncClient) -> None:
    """Whoever waits for a write of his own waits five seconds, whatever the index does."""
    written = await client.put("/v1/contacts/@waited-for", json={})
    began = time.monotonic()
    answer = await client.post("/v1/search", json={}, headers={"Dangol-Position": written.headers["Dangol-Position"]})
    assert (answer.status_code, answer.json()["code"] in {"notCaughtUp", "unavailable"}) == (503, True)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("how", "seconds"),
    [("stopped", 5), pytest.param("stopped", 70, marks=pytest.mark.deep), pytest.param("hangs", 70, marks=pytest.mark.deep)],
)
async def test_while_opensearch_is_away_nothing_is_lost_and_everybody_is_told(stack: Stack, how: str, seconds: float) -> None:
    channel = fresh_channel()
    headers = {"Authorization": f"Bearer {stack.token(channel=channel, sub='kim')}"}
    async with (
        caller(stack, channel) as api,
        httpx.AsyncClient(base_url=stack.url, timeout=60, headers=headers) as client,
    ):

        async def write(names: str) -> None:
            rows = [{"memberId": f"{names}-{n}", "name": "길동"} for n in range(CONTACTS)]
            answer = await api.json("POST", "/v1/contacts/batch", body={"contacts": rows})
            assert [r.get("problem") for r in answer["results"]] == [None] * CONTACTS

        async def total() -> int:
            count: int = (await api.json("POST", "/v1/search/count", body={}))["total"]
            return count

        await write("before")
        await eventually(total, lambda count: count == CONTACTS)
        cursor = (await api.json("POST", "/v1/search", body={"limit": 10}))["next"]
        consumer = stack.pid("search-consumer")
        async with opensearch_away(stack, how):
            gone = time.monotonic()
            await write("meanwhile")
            await refused_in_time(client)
            await refusals(client, how)

            async def consumers() -> dict[str, str]:
                return await problems(stack, "search-consumer")

            await eventually(consumers, lambda told: {"consumer", "opensearch"} <= told.keys())
            assert "opensearch" in await problems(stack, "search-api")

            async def waited() -> float:
                assert await lives(stack, "search-consumer")
                assert await lives(stack, "search-api")
                return time.monotonic() - gone

            await eventually(waited, lambda passed: passed > seconds, seconds + 30)
            await refusals(client, how)
            assert "consumer" in await consumers()

        await eventually(total, lambda count: count == 2 * CONTACTS + 1, 90)
        assert stack.pid("search-consumer") == consumer
        for process in ("search-consumer", "search-api"):

            async def ready(process: str = process) -> dict[str, str]:
                return await problems(stack, process)

            await eventually(ready, lambda told: told == {})
        if how == "hangs":
            return
        expired: dict[str, Any] = (await client.post("/v1/search", json={"limit": 10, "cursor": cursor})).json()
        assert (expired["status"], expired["code"]) == (410, "cursorExpired")
