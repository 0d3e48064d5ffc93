"""What a process says of itself: whether its loops move, from the moment they are made; and how it ends."""

import asyncio
import os
import signal

import httpx
import pytest

from common.health import Health, application
from common.process import serve
from tests.support.sockets import free_port


class Ticks:
    """A clock set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def asked(health: Health, path: str) -> int:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application(health)), base_url="http://test") as client:
        return (await client.get(path)).status_code


async def test_work_that_waits_is_told_for_a_while_and_keeps_no_loop_from_moving() -> None:
    ticks = Ticks()
    health = Health({}, patience=20, monotonic=ticks)
    health.started = True
    health.trouble("exports", "waits: away", 60)
    health.trouble("jobs", "waits: a disk", 90)
    health.beat("worker")
    assert await health.problems() == {"exports": "waits: away", "jobs": "waits: a disk"}
    assert (await asked(health, "/livez"), await asked(health, "/readyz")) == (200, 503)
    health.well("jobs")
    health.well("nothing")
    ticks.now += 59
    health.beat("worker")
    assert await health.problems() == {"exports": "waits: away"}
    ticks.now += 1
    assert await health.problems() == {}


async def test_a_loop_that_never_came_round_is_not_alive() -> None:
    ticks = Ticks()
    health = Health({}, patience=20, monotonic=ticks)
    health.started = True
    health.beat("relay")  # as it is made
    ticks.now += 20
    assert (health.silent(), await asked(health, "/livez")) == ([], 200)
    ticks.now += 1
    assert (health.silent(), await asked(health, "/livez"), await asked(health, "/readyz")) == (["relay"], 503, 503)
    health.wait("relay", "Kafka does not answer")
    assert (await asked(health, "/livez"), await asked(health, "/readyz")) == (200, 503)
    health.beat("relay")
    assert (await asked(health, "/livez"), await asked(health, "/readyz")) == (200, 200)


async def test_a_check_that_fails_or_hangs_is_told_by_name_and_not_by_its_words() -> None:
    async def fails() -> None:
        raise ConnectionError("user=hong")

    health = Health({"postgres": fails})
    health.started = True
    assert await health.problems() == {"postgres": "does not answer (ConnectionError)"}


async def test_a_check_that_cannot_even_be_broken_off_holds_nobody_up() -> None:
    ended = asyncio.Event()

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await ended.wait()

    async def fine() -> None:
        return None

    health = Health({"postgres": stubborn, "kafka": fine})
    health.started = True
    async with asyncio.timeout(10):
        assert await health.problems() == {"postgres": "does not answer (TimeoutError)"}
    ended.set()


async def test_a_process_that_is_told_to_stop_lets_its_loops_finish() -> None:
    health, port, finished = Health({}), free_port(), asyncio.Event()

    async def loop(stop: asyncio.Event) -> None:
        await stop.wait()
        finished.set()

    serving = asyncio.create_task(serve(application(health), "127.0.0.1", port, health, [loop]))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client, asyncio.timeout(10):
        while not health.started or await _status(client) != 200:
            await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGTERM)
        await serving
    assert finished.is_set()


async def _status(client: httpx.AsyncClient) -> int:
    try:
        return (await client.get("/startupz")).status_code
    except httpx.TransportError:
        return 0


async def test_a_loop_that_fails_ends_the_process() -> None:
    health = Health({})
    others: list[str] = []

    async def fails(_: asyncio.Event) -> None:
        raise RuntimeError

    async def drains(stop: asyncio.Event) -> None:
        await stop.wait()
        others.append("drained")

    with pytest.raises(SystemExit):
        await serve(application(health), "127.0.0.1", free_port(), health, [fails, drains])
    assert others == ["drained"]
