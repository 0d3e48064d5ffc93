"""A node that gives no sign of life is given up within seconds; one that takes its time over a question is waited for."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from common.errors import Unavailable
from localstack.stack import Stack
from search.index import Index

SLOW_SECONDS = 6.0
ANSWER = b'{"count": 7, "_shards": {"failed": 0}}'


@asynccontextmanager
async def node(*, alive: bool) -> AsyncIterator[str]:
    """Takes connections; alive it answers whether it is there at once, and any question after a while."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            length = 0
            while (header := await reader.readline()) not in (b"\r\n", b""):
                name, _, value = header.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            await reader.readexactly(length)
            if not alive:
                await asyncio.Event().wait()
            body = b"" if line.startswith(b"HEAD") else ANSWER
            if body:
                await asyncio.sleep(SLOW_SECONDS)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def test_a_node_that_answers_nothing_is_given_up_within_seconds_by_however_many_wait() -> None:
    async with node(alive=False) as address, Index.open(address) as index:
        began = time.monotonic()
        answers = await asyncio.gather(*(index.count({"match_all": {}}) for _ in range(30)), return_exceptions=True)
        assert all(isinstance(answer, Unavailable) for answer in answers)
        assert time.monotonic() - began < SLOW_SECONDS


async def test_a_node_that_is_alive_is_waited_for_by_however_many_wait() -> None:
    async with node(alive=True) as address, Index.open(address) as index:
        assert await asyncio.gather(*(index.count({"match_all": {}}) for _ in range(20))) == [7] * 20


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize(
    ("name", "theirs", "usual"),
    [("search.max_open_pit_context", "25000", "20000"), ("cluster.default.index.refresh_interval", "2s", "500ms")],
)
async def test_how_many_points_in_time_there_may_be_and_how_fresh_all_is_are_the_operators_to_say(
    servers: Stack, alias: str, name: str, theirs: str, usual: str
) -> None:
    async with (
        httpx.AsyncClient(base_url=servers.opensearch, timeout=30) as client,
        Index.open(servers.opensearch, alias) as index,
    ):

        async def set_to(value: str | None) -> None:
            body = {"persistent": {name: value}}
            (await client.put("/_cluster/settings", json=body)).raise_for_status()

        async def is_set_to() -> str | None:
            told = (await client.get("/_cluster/settings", params={"flat_settings": "true"})).json()
            said: str | None = told["persistent"].get(name)
            return said

        ours = await is_set_to()
        try:
            await set_to(theirs)
            assert await index.create() is False
            assert await is_set_to() == theirs
            await set_to(None)
            assert await index.create() is False
            assert await is_set_to() == usual
        finally:
            await set_to(ours)
