"""A process as the platform sees it: what it says, what it ends with, and that it works only where it can be reached."""

import asyncio
import contextlib
import gc
import json
import signal
import socket
import sys
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from common.process import collect_seldom
from tests.support.sockets import free_port

PROGRAM = """
import asyncio, sys
from common import health, process, telemetry

async def main():
    telemetry.configure("test", "api")
    state = health.Health({})

    async def loop(stop):
        telemetry.log.info("the loop has begun")
        await stop.wait()

    await process.serve(health.application(state), sys.argv[1], int(sys.argv[2]), state, [loop])

process.run(main())
"""


@asynccontextmanager
async def running(host: str, port: int, program: str = PROGRAM, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, host, str(port), *arguments, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def line(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None
    told: dict[str, Any] = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
    return told


async def test_it_says_that_it_has_started_once_it_can_be_reached() -> None:
    port = free_port()
    async with running("127.0.0.1", port) as process:
        told = await line(process)
        assert (told["event"], told["host"], told["port"]) == ("started", "127.0.0.1", port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /startupz HTTP/1.0\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
        process.send_signal(signal.SIGTERM)
        assert [(await line(process))["event"] for _ in range(2)] == ["the loop has begun", "stopped"]
        assert await process.wait() == 0


TELLING = """
import sys
from common import health, process, telemetry

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["client"][0].encode()})

telemetry.configure("test", "api")
process.run(process.serve(app, sys.argv[1], int(sys.argv[2]), health.Health({}), trusted_proxies=sys.argv[3]))
"""


@pytest.mark.parametrize(
    ("trusted", "seen"),
    [
        ("", "127.0.0.1"),
        ("10.0.0.0/8", "127.0.0.1"),
        ("127.0.0.1", "10.1.1.1"),
        ("127.0.0.0/8, 10.0.0.0/8", "203.0.113.5"),
        ("127.0.0.0/8,10.0.0.0/8,203.0.113.0/24", "198.51.100.6"),
    ],
)
async def test_who_asks_is_told_by_those_alone_that_are_trusted(trusted: str, seen: str) -> None:
    port = free_port()
    async with running("127.0.0.1", port, TELLING, trusted) as process:
        assert (await line(process))["event"] == "started"
        claimed = {"X-Forwarded-For": "198.51.100.6, 203.0.113.5, 10.1.1.1"}
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://127.0.0.1:{port}/", headers=claimed)).text == seen


class _Garbage:
    def __init__(self) -> None:
        self.itself = self


def test_what_is_there_at_the_start_is_not_searched_again_and_garbage_that_comes_later_is_found() -> None:
    before, usual = gc.get_threshold(), (700, 10, 10)
    gc.set_threshold(*usual)
    try:
        collect_seldom()
        assert gc.get_freeze_count() > 10_000
        assert gc.get_threshold()[0] > usual[0]
        garbage = weakref.ref(_Garbage())
        assert garbage() is not None
        gc.collect()
        assert garbage() is None
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


async def test_an_address_in_use_ends_it_with_a_line_that_names_it_and_no_loop_begins() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        async with running("127.0.0.1", port) as process:
            told = await line(process)
            assert (told["event"], told["level"], told["host"], told["port"]) == ("cannot listen", "error", "127.0.0.1", port)
            assert "in use" in told["reason"]
            assert process.stdout is not None
            assert await process.stdout.read() == b""
            assert await process.wait() == 1


async def test_a_host_that_is_not_this_machine_is_named_too() -> None:
    async with running("192.0.2.1", free_port()) as process:
        told = await line(process)
        assert (told["event"], told["host"]) == ("cannot listen", "192.0.2.1")
        assert told["reason"]
        assert await process.wait() == 1
