"""What the index does not take: put aside with the reason where it never will, waited for where it may, nothing lost."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest

from common.consumer import Consumer, Work
from common.envelope import Delivered, UnreadableMessage
from common.errors import Unavailable
from common.health import Health
from common.postgres import Database
from localstack.stack import Stack
from search.connection import OtherLayout
from search.consumer import until_writable
from search.index import Index
from search.layout import layout, mapping, settings
from search.neighbours import Neighbours
from search.projection import decode
from search.store import Store
from tests.search.support import Away, Kept, contact, contact_id, projector_of, shown, state
from tests.support.api import eventually


class Pipe:
    """A source that gives its one batch until it is committed, as Kafka would after a restart."""

    def __init__(self, batch: list[Delivered]) -> None:
        self.batch = batch
        self.committed = 0
        self.more = asyncio.Event()

    async def poll(self, *, most: int = 2000, wait_ms: int = 200) -> list[Delivered]:
        if not self.committed:
            return self.batch
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.more.wait(), wait_ms / 1000)
        return []

    def applied(self) -> Work:
        return self._record

    async def _record(self) -> None:
        self.committed += 1


@pytest.fixture
def channel() -> str:
    return f"refused-{uuid4().hex[:12]}"


@asynccontextmanager
async def nameless(servers: Stack, name: str, words: dict[str, Any]) -> AsyncIterator[Index]:
    """An index without a place for a contact's name, which says this of its layout."""
    shape = mapping() | words
    del shape["properties"]["builtin"]["properties"]["name"]
    async with httpx.AsyncClient(base_url=servers.opensearch, timeout=60) as client:
        body = {"settings": settings(), "mappings": shape, "aliases": {name: {"is_write_index": True}}}
        (await client.put(f"/{name}-000001", json=body)).raise_for_status()
        async with Index.open(servers.opensearch, name, bulk_seconds=1) as index:
            yield index
        (await client.delete(f"/{name}-*")).raise_for_status()


@pytest.fixture
async def narrow(servers: Stack, channel: str) -> AsyncIterator[Index]:
    """An index of this layout by its word."""
    async with nameless(servers, channel, {"_meta": {"layout": layout()}}) as index:
        yield index


async def test_what_the_index_cannot_take_is_put_aside_with_the_reason_and_the_rest_is_written(
    database: Database, narrow: Index, neighbours: Neighbours, channel: str, dead: Kept
) -> None:
    projector = projector_of(database, narrow, neighbours, dead)
    await projector.apply([
        state(channel, contact(channel, "named", name="a secret")),
        state(channel, contact(channel, "unnamed", city="Seoul")),
    ])  # fmt: skip
    assert set(await shown(narrow, channel)) == {contact_id(channel, "unnamed")}
    ((key, reason),) = dead.letters
    assert key == f"{channel}/{contact_id(channel, 'named')}"
    assert "strict_dynamic_mapping_exception" in reason
    assert "secret" not in reason


async def test_what_is_put_aside_is_once_though_kafka_went_away_in_between(
    database: Database, narrow: Index, neighbours: Neighbours, channel: str
) -> None:
    dead, health, stop = Away(1, 3), Health({}), asyncio.Event()
    named = [state(channel, contact(channel, n, name="a secret")).origin for n in range(3)]
    source = Pipe([*named, state(channel, contact(channel, "unnamed", city="Seoul")).origin])
    consumer = Consumer(source, decode, projector_of(database, narrow, neighbours, dead).prepare, dead, health)
    running = asyncio.create_task(consumer.run(stop))
    await eventually(lambda: asyncio.sleep(0, source.committed), bool)
    stop.set()
    await running
    assert [key for key, _ in dead.letters] == [f"{channel}/{contact_id(channel, n)}" for n in range(3)]
    assert set(await shown(narrow, channel)) == {contact_id(channel, "unnamed")}


async def test_what_comes_again_after_a_restart_is_put_aside_again(
    database: Database, narrow: Index, neighbours: Neighbours, channel: str, dead: Kept
) -> None:
    batch, projector = [state(channel, contact(channel, 1, name="a secret"))], projector_of(database, narrow, neighbours, dead)
    await projector.apply(batch)
    await projector.apply(batch)
    assert len(dead.letters) == 2


class Held(Kept):
    """Dead letters that are taken only when they may be, as while Kafka is away."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.may = asyncio.Event(), asyncio.Event()

    async def put(self, record: Delivered, reason: UnreadableMessage) -> None:
        self.asked.set()
        await self.may.wait()
        await super().put(record, reason)


async def test_while_kafka_takes_no_dead_letter_another_index_may_take_the_place(
    database: Database, narrow: Index, neighbours: Neighbours, channel: str
) -> None:
    dead = Held()
    batch = [state(channel, contact(channel, 1, name="a secret"))]
    applying = asyncio.create_task(projector_of(database, narrow, neighbours, dead).apply(batch))
    try:
        await asyncio.wait_for(dead.asked.wait(), 30)
        async with asyncio.timeout(10), Store(database).swapping():
            assert (applying.done(), dead.letters) == (False, [])
    finally:
        dead.may.set()
        await applying
    assert len(dead.letters) == 1


async def test_without_an_index_nobody_is_ready_and_nothing_is_asked(servers: Stack, channel: str) -> None:
    async with Index.open(servers.opensearch, channel) as missing:
        for ask in (missing.check(), missing.count({"match_all": {}}), missing.open_point(), missing.refresh()):
            with pytest.raises(Unavailable):
                await ask


@pytest.fixture
async def older(servers: Stack, channel: str) -> AsyncIterator[Index]:
    """An index of another version's layout, which says nothing of layouts."""
    async with nameless(servers, channel, {}) as index:
        yield index


async def test_nothing_is_written_into_an_index_of_another_layout_and_nothing_put_aside(
    database: Database, older: Index, neighbours: Neighbours, channel: str, dead: Kept
) -> None:
    with pytest.raises(OtherLayout, match="search rebuild"):
        await projector_of(database, older, neighbours, dead).apply([state(channel, contact(channel, "named", name="a"))])
    await older.refresh()
    assert (await shown(older, channel), dead.letters) == ({}, [])


async def test_a_consumer_waits_for_the_rebuild_says_so_and_goes_on_by_itself(
    database: Database, older: Index, neighbours: Neighbours, channel: str, dead: Kept
) -> None:
    source, health, stop = Pipe([state(channel, contact(channel, "named", name="a")).origin]), Health({}), asyncio.Event()
    health.started = True
    consumer = Consumer(source, decode, projector_of(database, older, neighbours, dead).prepare, dead, health)

    async def project() -> None:
        await until_writable(older, health, stop)
        await consumer.run(stop)

    running = asyncio.create_task(project())
    try:
        told = await eventually(health.problems, bool)
        assert "search rebuild" in told["consumer"]
        following = await older.prepare_next()
        await following.finish_filling()
        await older.replace(following)
        await eventually(health.problems, lambda problems: not problems)
        await eventually(lambda: asyncio.sleep(0, source.committed), bool)
        await older.refresh()
        assert set(await shown(older, channel)) == {contact_id(channel, "named")}
        assert dead.letters == []
    finally:
        stop.set()
        await asyncio.wait_for(running, 10)


async def test_a_consumer_that_waits_for_the_rebuild_can_be_stopped(older: Index) -> None:
    stop = asyncio.Event()
    waiting = asyncio.create_task(until_writable(older, Health({}), stop))
    stop.set()
    await asyncio.wait_for(waiting, 5)


Step = tuple[str, dict[str, object]]


def blocked(name: str) -> tuple[list[Step], list[Step]]:
    return [("_settings", {name: True})], [("_settings", {name: None})]


# How it refuses, by each document: the requests that bring that about, and those that end it.
REFUSES: dict[str, tuple[list[Step], list[Step]]] = {
    "429": blocked("index.blocks.read_only_allow_delete"),
    "403": blocked("index.blocks.write"),
    # More copies of the shard are wanted than one node has.
    "503": (
        [("_settings", {"index.number_of_replicas": 1}), ("_settings", {"index.write.wait_for_active_shards": "2"})],
        [("_settings", {"index.write.wait_for_active_shards": None}), ("_settings", {"index.number_of_replicas": 0})],
    ),
    "closed": ([("_close", {})], [("_open", {})]),
}


@pytest.mark.parametrize("how", REFUSES)
async def test_an_index_that_takes_no_writes_for_a_while_is_waited_for_and_nothing_is_lost(
    database: Database, narrow: Index, neighbours: Neighbours, channel: str, dead: Kept, servers: Stack, how: str
) -> None:
    batch = [state(channel, contact(channel, n, city="Seoul")).origin for n in range(50)]
    source, health, stop = Pipe(batch), Health({}), asyncio.Event()
    health.started = True
    consumer = Consumer(source, decode, projector_of(database, narrow, neighbours, dead).prepare, dead, health)
    async with httpx.AsyncClient(base_url=servers.opensearch, timeout=30) as client:

        async def bring_about(steps: list[Step]) -> None:
            for path, body in steps:
                method = "PUT" if path == "_settings" else "POST"
                (await client.request(method, f"/{narrow.alias}/{path}", json=body or None)).raise_for_status()

        refused, ended = REFUSES[how]
        await bring_about(refused)
        running = asyncio.create_task(consumer.run(stop))
        await eventually(health.problems, lambda problems: "consumer" in problems)
        assert source.committed == 0
        await bring_about(ended)

        async def committed() -> int:
            return source.committed

        await eventually(committed, lambda count: count == 1)
        await eventually(health.problems, lambda problems: problems == {})
        stop.set()
        await running
    assert len(await shown(narrow, channel)) == 50
    assert dead.letters == []


async def test_an_index_that_does_not_answer_is_unavailable_for_writers_and_readers(
    database: Database, neighbours: Neighbours, channel: str, dead: Kept
) -> None:
    async with Index.open("http://127.0.0.1:9") as away:
        with pytest.raises(Unavailable):
            await projector_of(database, away, neighbours, dead).apply([state(channel, contact(channel, 1))])
        with pytest.raises(Unavailable):
            await away.count({"match_all": {}})
        with pytest.raises(Unavailable):
            await away.check()
    assert dead.letters == []
