"""Streams of everyone: one instant, in order, and no more in memory for many than for few."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
import orjson
import pytest
import uvicorn

from common.auth import Caller
from common.clock import FixedClock
from common.health import Health
from common.http import application
from common.postgres import Database
from localstack.stack import Stack
from search import api
from search.bulk import Entry
from search.compile import Query
from search.index import Index
from search.neighbours import Neighbours
from search.queries import CaughtUp, Finder
from search.seal import Sealer
from search.store import Store
from search.term_sets.store import TermSetStore
from search.understanding import Wanted
from tests.search.support import contact, put
from tests.support.api import eventually

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
FEW, MANY = 20_000, 60_000


async def caught_up() -> CaughtUp:
    async def applied() -> bool:
        return True

    return applied


@pytest.fixture
def channel() -> str:
    return f"streams-{uuid4().hex[:12]}"


def finder_of(database: Database, index: Index, neighbours: Neighbours) -> Finder:
    sealer = Sealer(b"a key of the tests' own")
    return Finder(Store(database), TermSetStore(database), index, neighbours, sealer, FixedClock(NOW), caught_up)


@pytest.fixture
async def finder(database: Database, index: Index, neighbours: Neighbours) -> Finder:
    return finder_of(database, index, neighbours)


async def add(index: Index, channel: str, numbers: range) -> None:
    """Contacts of which nothing is known but their ids and versions."""
    for begin in range(numbers.start, numbers.stop, 5000):
        some = ((str(UUID(int=n)), n % 7 + 1) for n in range(begin, begin + 5000))
        told = [Entry(f"{channel}/{i}", v, {"channel": channel, "id": i, "version": v, "deleted": False}) for i, v in some]
        assert await index.write(told) == []
    await index.refresh()


async def peak_of_reading(finder: Finder, channel: str, expected: int) -> int:
    """The most memory in bytes that was held while all ids were read; each is looked at and let go."""
    tracemalloc.start()
    try:
        async with finder.scanner.scan(channel, Wanted(), None, whole=False) as scan:
            assert (scan.total, scan.at) == (expected, int(NOW.timestamp() * 1000))
            number = 0
            async for page in scan.pages:
                for row in page:
                    assert orjson.loads(row) == {"id": str(UUID(int=number)), "version": number % 7 + 1}
                    number += 1
        assert number == expected
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def test_three_times_as_many_ids_take_no_more_memory(finder: Finder, index: Index, channel: str) -> None:
    await add(index, channel, range(FEW))
    few = await peak_of_reading(finder, channel, FEW)
    await add(index, channel, range(FEW, MANY))
    many = await peak_of_reading(finder, channel, MANY)
    assert many < few * 1.2


async def test_a_stream_is_of_one_instant_whatever_is_written_meanwhile(finder: Finder, index: Index, channel: str) -> None:
    await put(index, channel, [contact(channel, n, name="before") for n in range(2500)])
    for whole in (True, False):
        async with finder.scanner.scan(channel, Wanted(), None, whole=whole) as scan:
            version = 2 if whole else 3
            changed = [contact(channel, n, name="after", version=version) for n in range(2500, 2510)]
            await put(index, channel, [*changed, *(contact(channel, n, name="after", version=version) for n in range(50))])
            found = [orjson.loads(memoryview(row)) async for page in scan.pages for row in page]
        assert len(found) == scan.total
        assert {row["version"] for row in found} == ({1} if whole else {1, 2})
        assert [row["id"] for row in found] == sorted(row["id"] for row in found)


class Held(Index):
    """An index that is asked and does not answer."""

    async def ids(self, query: Query, size: int, point: str, after: str | None) -> list[tuple[str, int]]:
        await asyncio.Event().wait()
        return await super().ids(query, size, point, after)


@asynccontextmanager
async def answered(finder: Finder) -> AsyncIterator[str]:
    """The routes over HTTP, where everybody is let in."""

    class Everybody:
        async def admit(self, headers: Mapping[str, str]) -> Caller:
            return Caller("service:tests", headers["x-channel"], frozenset({"contacts.read"}))

    app = application("search", "", Everybody(), Health({}), [api.routes], parts=[finder])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", http="httptools"))
    serving = asyncio.create_task(server.serve())
    await eventually(lambda: asyncio.sleep(0, server.started), bool)
    try:
        yield "http://{}:{}".format(*server.servers[0].sockets[0].getsockname())
    finally:
        server.should_exit = True
        await serving


async def test_whoever_breaks_a_stream_off_leaves_no_point_in_time_open(
    database: Database, servers: Stack, index: Index, neighbours: Neighbours, channel: str
) -> None:
    await put(index, channel, [contact(channel, 1)])
    behind = await index.behind()
    assert behind is not None
    before = await index.points_open(behind)
    async with (
        Held.open(servers.opensearch, index.alias) as held,
        answered(finder_of(database, held, neighbours)) as url,
        httpx.AsyncClient(base_url=url, headers={"x-channel": channel}) as client,
    ):
        async with client.stream("POST", "/v1/search/ids", json={}) as stream:
            assert stream.status_code == httpx.codes.OK
            assert await index.points_open(behind) == before + 1
        await eventually(lambda: index.points_open(behind), lambda count: count == before)
