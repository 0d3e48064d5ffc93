"""The index's copies: as many as an operator says, from the first index to the next, and what a person must do is told."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from localstack.stack import Stack
from search.index import Index
from tests.search.support import contact, entries

TOO_FEW = "1 replicas of the index need 2 data nodes, and OpenSearch has 1: add nodes, or ask for fewer"


@pytest.fixture
async def client(servers: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=servers.opensearch, timeout=30) as made:
        yield made


@pytest.fixture
async def index(servers: Stack, client: httpx.AsyncClient) -> AsyncIterator[Index]:
    name = f"copied-{uuid4().hex[:12]}"
    async with Index.open(servers.opensearch, name) as made:
        yield made
    (await client.delete(f"/{name}-*", params={"expand_wildcards": "all"})).raise_for_status()


async def replicas(client: httpx.AsyncClient, index: Index) -> int:
    told = (await client.get(f"/{index.alias}/_settings", params={"flat_settings": "true"})).raise_for_status().json()
    (one,) = told.values()
    return int(one["settings"]["index.number_of_replicas"])


async def test_before_there_is_an_index_nothing_is_set_and_too_few_nodes_are_told(index: Index) -> None:
    assert await index.keep_replicas(0) == ([], [])
    assert await index.keep_replicas(1) == ([], [TOO_FEW])


async def test_an_index_is_made_with_as_many_as_are_asked_for_and_kept_so(index: Index, client: httpx.AsyncClient) -> None:
    first = f"{index.alias}-000001"
    await index.create(first, replicas=1)
    assert await replicas(client, index) == 1
    assert await index.keep_replicas(0) == ([f"{first}: 0 replicas"], [])
    assert await replicas(client, index) == 0
    assert await index.keep_replicas(0) == ([], [])


async def test_a_copy_that_no_node_has_room_for_is_told_and_stops_no_write(index: Index, client: httpx.AsyncClient) -> None:
    await index.create(f"{index.alias}-000001")
    assert await index.keep_replicas(1) == ([f"{index.alias}-000001: 1 replicas"], [TOO_FEW])
    assert await index.write(entries("copied", [contact("copied", 1)])) == []
    assert await index.keep_replicas(1) == ([], [TOO_FEW])
    assert await replicas(client, index) == 1


async def test_an_index_that_is_being_filled_has_as_many_as_the_one_that_serves(index: Index, client: httpx.AsyncClient) -> None:
    await index.create(f"{index.alias}-000001", replicas=1)
    following = await index.prepare_next()
    assert await replicas(client, following) == 1
    done, left = await index.keep_replicas(0)
    assert (done, left) == ([f"{index.alias}-00000{n}: 0 replicas" for n in (1, 2)], [])
    await index.replace(following)
    assert await replicas(client, index) == 0


async def test_what_opensearch_is_told_to_count_by_itself_is_left_to_it(index: Index, client: httpx.AsyncClient) -> None:
    await index.create(f"{index.alias}-000001")
    by_itself = {"index.auto_expand_replicas": "0-1"}
    (await client.put(f"/{index.alias}/_settings", json=by_itself)).raise_for_status()
    done, (words, _) = await index.keep_replicas(1)
    assert (done, await replicas(client, index)) == ([], 0)
    assert (
        words == f"{index.alias}-000001 has as many replicas as its auto_expand_replicas says: take one of the two settings away"
    )
