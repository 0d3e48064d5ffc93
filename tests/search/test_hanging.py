"""A node that gives no sign of life is given up within seconds; one that takes its time over a question is waited for."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from common.errors import Unavailable
from localstack.stack import Stack
from search.cluster import Cluster
from search.index import Index

SLOW_SECONDS = 6.0
ANSWER = b'{"count": 7, "_shards": {"failed": 0}}'


@asynccontextmanager
async def node(*, alive: bool, shown: list[bytes] | None = None) -> AsyncIterator[str]:
    """Takes connections; alive it answers whether it is there at once, and any question after a while.

    `shown` takes what stood in each request's `Authorization`.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            length = 0
            while (header := await reader.readline()) not in (b"\r\n", b""):
                name, _, value = header.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
                if shown is not None and name.lower() == b"authorization":
                    shown.append(line.split()[0] + value.rstrip())
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
    shown: list[bytes] = []
    async with node(alive=True, shown=shown) as address, Index.open(Cluster(address, api_key="an-id")) as index:
        assert await asyncio.gather(*(index.count({"match_all": {}}) for _ in range(20))) == [7] * 20
    assert set(shown) == {b"POST ApiKey an-id", b"HEAD ApiKey an-id"}


async def test_what_the_cluster_is_to_keep_is_the_operators_to_say(servers: Stack, alias: str) -> None:
    name = "search.max_open_scroll_context"
    kept = {name: ("500", "600")}
    async with (
        httpx.AsyncClient(base_url=servers.opensearch, timeout=30) as client,
        Index.open(servers.opensearch, alias) as index,
    ):

        async def set_to(value: str | None) -> None:
            (await client.put("/_cluster/settings", json={"persistent": {name: value}})).raise_for_status()

        async def is_set_to() -> str | None:
            told = (await client.get("/_cluster/settings", params={"flat_settings": "true"})).json()
            said: str | None = told["persistent"].get(name)
            return said

        assert await index.keep_settings() == [], "the local stack's own configuration says them"
        try:
            await set_to("700")
            assert await index.keep_settings(kept) == []
            assert await is_set_to() == "700"
            await set_to(None)
            for done in ([name], []):
                assert await index.keep_settings(kept) == done
                assert await is_set_to() == "600"
        finally:
            await set_to(None)
