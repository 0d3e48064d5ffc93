"""What nobody searches is not made searchable over and over, and whoever searches then finds all of it."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from localstack.stack import Stack
from search.cluster_settings import FRESH
from search.index import Index
from tests.search.support import contact, entries
from tests.support.api import eventually

EVERYONE = {"term": {"deleted": False}}


@pytest.fixture
async def client(servers: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=servers.opensearch, timeout=30) as made:
        yield made


@pytest.fixture
async def own(servers: Stack, client: httpx.AsyncClient) -> AsyncIterator[Index]:
    name = f"idle-{uuid4().hex[:12]}"
    async with Index.open(servers.opensearch, name) as index:
        await index.create(f"{name}-000001")
        yield index
    (await client.delete(f"/{name}-*", params={"expand_wildcards": "all"})).raise_for_status()


async def interval(client: httpx.AsyncClient, name: str) -> tuple[str | None, str]:
    """How often the index says that it is refreshed, and how often the cluster says so of all that don't."""
    told = (await client.get(f"/{name}/_settings", params={"flat_settings": "true"})).raise_for_status().json()
    (index,) = told.values()
    asked = {"flat_settings": "true", "include_defaults": "true"}
    cluster = (await client.get("/_cluster/settings", params=asked)).raise_for_status().json()
    # `search provision` writes it into the cluster; the local stack's node has it in its own configuration.
    every = cluster["defaults"] | cluster["persistent"]
    return index["settings"].get("index.refresh_interval"), every["cluster.default.index.refresh_interval"]


@pytest.mark.parametrize("how", ["count", "search", "point"])
async def test_whoever_searches_after_a_pause_finds_what_was_written_in_it(
    own: Index, client: httpx.AsyncClient, how: str
) -> None:
    (await client.put(f"/{own.alias}/_settings", json={"index.search.idle.after": "0s"})).raise_for_status()
    await own.write(entries("idle", [contact("idle", 1), contact("idle", 2)]))

    async def awakened() -> int:
        told = (await client.get(f"/{own.alias}/_stats/search")).raise_for_status().json()
        times: int = told["_all"]["total"]["search"]["search_idle_reactivate_count_total"]
        return times

    async def asked() -> int:
        match how:
            case "count":
                return await own.count(EVERYONE)
            case "search":
                return (await own.search(EVERYONE, [{"id": "asc"}], 10)).total
            case _:
                point = await own.open_point()
                try:
                    return (await own.search(EVERYONE, [{"id": "asc"}], 10, point=point)).total
                finally:
                    await own.close_point(point)

    await eventually(asked, lambda found: found == 2)
    await eventually(awakened, bool)


async def test_an_index_is_as_fresh_as_the_cluster_says_after_a_rebuild_too(own: Index, client: httpx.AsyncClient) -> None:
    assert await interval(client, own.alias) == (None, FRESH)
    following = await own.prepare_next()
    assert await interval(client, following.alias) == ("-1", FRESH)
    await following.finish_filling()
    assert await interval(client, following.alias) == (None, FRESH)
    await own.replace(following)
