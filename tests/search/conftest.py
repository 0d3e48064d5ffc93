"""An index of the tests' own in the real OpenSearch, and search's tables in the real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from common.auth import Signer
from common.peers import Peer
from common.postgres import Database
from localstack.stack import Stack
from search.index import Index
from search.neighbours import Neighbours
from tests.search.support import Kept
from tests.support.postgres import fresh_database


@pytest.fixture(scope="session")
def alias(servers: Stack) -> Iterator[str]:
    """The alias of an empty index of this run's."""
    name = f"test-{uuid4().hex[:12]}"

    async def create() -> None:
        async with Index.open(servers.opensearch, name) as index:
            await index.create(f"{name}-000001")

    asyncio.run(create())
    yield name
    httpx.delete(f"{servers.opensearch}/{name}-*", params={"expand_wildcards": "all"}, timeout=30).raise_for_status()


@pytest.fixture
async def index(servers: Stack, alias: str) -> AsyncIterator[Index]:
    """The index, to be written and searched."""
    async with Index.open(servers.opensearch, alias) as opened:
        yield opened


@pytest.fixture
async def database(servers: Stack) -> AsyncIterator[Database]:
    """Search's tables, empty."""
    async with fresh_database(servers.postgres_dsn(None), ["search"]) as made:
        yield made


@pytest.fixture
async def neighbours(servers: Stack) -> AsyncIterator[Neighbours]:
    """The other services where nobody answers: what is tested here must do without them."""
    env = servers.service_env("search-api")
    signer = Signer(Path(env["SEARCH_SIGNING_KEY"]), env["SEARCH_ISSUER"], "service:search")
    async with httpx.AsyncClient(timeout=5) as client:
        nobody = Peer(client, signer, "http://127.0.0.1:9", "contacts.read")
        yield Neighbours(nobody, nobody)


@pytest.fixture
def dead() -> Kept:
    """What is put aside."""
    return Kept()
