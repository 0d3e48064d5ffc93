"""A request that is refused is answered before its body has come, and what still comes passes by, up to a time and a size."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping

import pytest
import uvicorn

from common.auth import Caller
from common.body import MIB
from common.errors import Unauthorized
from common.health import Health
from common.http import Wire, application, router
from tests.support.sockets import Stopwatch, connected

routes = router("/v1")
_AT_ONCE_SECONDS = 2.0  # far below the 5 that it lingers at the most, and more than a busy machine needs


class Thing(Wire):
    size: int


@routes.post("/things")
async def make(body: Thing) -> dict[str, int]:
    return {"size": body.size}


class Door:
    """Lets in who says so."""

    async def admit(self, headers: Mapping[str, str]) -> Caller:
        if headers.get("authorization") != "Bearer kim":
            raise Unauthorized("Send a token.")
        return Caller("kim", "demo", frozenset({"*"}))


@pytest.fixture
async def port() -> AsyncIterator[int]:
    app = application("test", "For the tests.", Door(), Health({}), [routes])
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, http="httptools", lifespan="off"))
    listening = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve([listening]))
    yield listening.getsockname()[1]
    server.should_exit = True
    await serving


KIM = "Authorization: Bearer kim"
LATER = "Content-Length: 500000"


@pytest.mark.parametrize(
    ("head", "lines", "status", "code"),
    [
        ("POST /v1/things", [LATER], 401, b"unauthorized"),
        ("POST /v1/things", ["Transfer-Encoding: chunked"], 401, b"unauthorized"),
        ("POST /v1/things", [KIM, "Content-Length: 2000000"], 413, b"tooLarge"),
        ("POST /v1/nothing", [KIM, LATER], 404, b"notFound"),
        ("POST /v1/things/", [KIM, LATER], 404, b"notFound"),
        ("PUT /v1/things", [KIM, LATER], 405, b"methodNotAllowed"),
        ("POST /v1/things", [LATER, "Expect: 100-continue"], 401, b"unauthorized"),
    ],
)
async def test_who_sends_a_head_alone_is_answered_at_once(
    port: int, head: str, lines: list[str], status: int, code: bytes
) -> None:
    watch = Stopwatch()
    async with connected(port) as line:
        await line.send(head, "Content-Type: application/json", *lines)
        assert await line.status() == status
        await line.until(b'"' + code + b'"')
        await line.until(b"0\r\n\r\n")
    assert watch.seconds < _AT_ONCE_SECONDS


@pytest.mark.parametrize(("lines", "size", "status"), [([KIM], 20 * MIB, 413), ([], MIB // 2, 401)])
async def test_who_sends_the_whole_body_first_can_read_the_answer_all_the_same(
    port: int, lines: list[str], size: int, status: int
) -> None:
    async with connected(port) as line:
        await line.send("POST /v1/things", *lines, f"Content-Length: {size}")
        assert await line.pour(size) == size
        assert await line.status() == status
        await line.until(b"0\r\n\r\n")


async def test_of_what_a_stranger_sends_no_more_than_a_little_is_read(port: int) -> None:
    watch = Stopwatch()
    async with connected(port) as line:
        await line.send("POST /v1/things", f"Content-Length: {512 * MIB}")
        assert await line.pour(512 * MIB) < 24 * MIB  # most of it lies in the kernel's buffers
    assert watch.seconds < 20


async def test_who_sends_slowly_and_for_ever_is_not_listened_to_for_ever(port: int) -> None:
    watch = Stopwatch()
    async with connected(port) as line:
        await line.send("POST /v1/things", KIM, "Content-Length: 2000000")
        assert await line.status() == 413

        async def drip() -> None:
            while await line.pour(10):
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        await line.until(b"0\r\n\r\n")
        dripping.cancel()
    assert 4 < watch.seconds < 20


async def test_a_connection_whose_request_was_read_is_kept(port: int) -> None:
    async with connected(port) as line:
        for _ in range(2):
            await line.send("POST /v1/things", KIM, "Content-Length: 13", body=b'{"size": "1"}')
            assert await line.status() == 422
            await line.until(b"}")
