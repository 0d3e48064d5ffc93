"""The projector: one write a contact, never an older state over a newer, the dead do not come back, the unwritable put aside."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from common.consumer import Consumer
from common.envelope import Delivered, UnreadableMessage
from common.errors import Unavailable
from common.events.contacts import (
    CHANNEL_SUBJECT,
    Channel,
    ChannelChanged,
    ChannelMessage,
    Contact,
    ContactCreated,
    ContactMessage,
    FieldDefined,
    FieldDefinition,
    FieldMessage,
)
from common.health import Health
from common.postgres import Database
from common.topics import CONTACTS, FIELDS
from localstack.stack import Stack
from search.connection import OtherLayout
from search.consumer import Projector, until_writable
from search.index import Index
from search.layout import layout, mapping, settings
from search.neighbours import Neighbours
from search.projection import Item, Projection, decode
from search.store import Store
from tests.search.support import Away, Kept, contact, contact_id, delivered
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

    async def commit(self) -> None:
        self.committed += 1


@pytest.fixture
def channel() -> str:
    return f"told-{uuid4().hex[:12]}"


@pytest.fixture
def dead() -> Kept:
    return Kept()


@pytest.fixture
def projector(database: Database, index: Index, neighbours: Neighbours, dead: Kept) -> Projector:
    return projector_of(database, index, neighbours, dead)


def projector_of(database: Database, index: Index, neighbours: Neighbours, dead: Kept) -> Projector:
    store = Store(database)
    return Projector(store, index, Projection(store, neighbours), dead)


def state(channel: str, told: Contact) -> Item:
    body = ContactMessage(event=ContactCreated(), contact=told, version=told.version).encode()
    return decode(delivered(CONTACTS, channel, str(told.id), "contact.changed", told.version, body))


def erased(channel: str, called: object, version: int) -> Item:
    return decode(delivered(CONTACTS, channel, contact_id(channel, called), "contact.erased", version, None))


def defined(channel: str, key: str, kind: str, version: int = 1, **more: Any) -> Item:
    field = FieldDefinition.model_validate({"key": key, "type": kind, **more})
    body = FieldMessage(event=FieldDefined(), field=field, version=version).encode()
    return decode(delivered(FIELDS, channel, key, "field.defined", version, body))


async def found(index: Index, channel: str) -> dict[str, dict[str, Any]]:
    """What a search of the channel shows, by id."""
    await index.refresh()
    query = {"bool": {"filter": [{"term": {"channel": channel}}, {"term": {"deleted": False}}]}}
    hits = await index.search(query, [{"id": "asc"}], 1000)
    return {source["source"]["id"]: source["source"] for source in hits.sources}


async def written(servers: Stack, alias: str) -> int:
    """How many writes the index has ever taken."""
    async with httpx.AsyncClient(base_url=servers.opensearch) as client:
        stats = (await client.get(f"/{alias}/_stats/indexing")).raise_for_status().json()
    count: int = stats["_all"]["primaries"]["indexing"]["index_total"]
    return count


async def test_of_many_states_in_a_batch_the_last_one_is_written_once(
    projector: Projector, index: Index, channel: str, servers: Stack, alias: str
) -> None:
    before = await written(servers, alias)
    batch = [state(channel, contact(channel, n, version=v, name=f"v{v}")) for v in (1, 2, 3) for n in range(20)]
    await projector.apply(batch)
    assert {shown["name"] for shown in (await found(index, channel)).values()} == {"v3"}
    assert len(await found(index, channel)) == 20
    assert await written(servers, alias) - before == 20


async def test_an_older_state_is_left_out_whether_it_comes_with_the_newer_one_or_after_it(
    projector: Projector, index: Index, channel: str
) -> None:
    new, old = (state(channel, contact(channel, "one", version=v, name=f"v{v}")) for v in (3, 2))
    await projector.apply([new, old])
    assert [shown["name"] for shown in (await found(index, channel)).values()] == ["v3"]
    await projector.apply([old])
    await projector.apply([new, new])
    assert [shown["name"] for shown in (await found(index, channel)).values()] == ["v3"]


async def test_the_erased_and_the_merged_are_gone_and_no_replay_brings_them_back(
    projector: Projector, index: Index, channel: str, servers: Stack, alias: str
) -> None:
    here = [state(channel, contact(channel, called, name="a secret")) for called in ("erased", "merged", "stays")]
    await projector.apply(here)
    merged = contact(channel, "merged", version=2, name="a secret", mergedInto=contact_id(channel, "stays"))
    await projector.apply([erased(channel, "erased", 2), state(channel, merged)])
    assert set(await found(index, channel)) == {contact_id(channel, "stays")}
    await projector.apply(here)
    assert set(await found(index, channel)) == {contact_id(channel, "stays")}
    async with httpx.AsyncClient(base_url=servers.opensearch) as client:
        for called in ("erased", "merged"):
            name = contact_id(channel, called)
            kept = (await client.get(f"/{alias}/_doc/{channel}%2F{name}")).json()
            told = {"source": {"erased": True}} if called == "erased" else {}
            assert kept["_source"] == {"channel": channel, "id": name, "version": 2, "deleted": True} | told
            assert kept["_version"] == 2


async def test_a_tombstone_that_comes_before_the_contact_keeps_it_out(projector: Projector, index: Index, channel: str) -> None:
    await projector.apply([erased(channel, "late", 5)])
    await projector.apply([state(channel, contact(channel, "late", version=4, name="late"))])
    assert await found(index, channel) == {}


async def test_values_lie_in_the_slots_of_their_fields_and_an_archived_field_keeps_its_own(
    projector: Projector, index: Index, channel: str, database: Database
) -> None:
    await projector.apply([
        defined(channel, "profile.grade", "String"),
        defined(channel, "profile.size", "String"),
        defined(channel, "profile.count", "Number"),
        defined(channel, "profile.grade", "String", 2, archived=True),
        defined(channel, "profile.grade", "String", 1),
        state(channel, contact(channel, "one", profile={"grade": "VIP", "size": "L", "count": 7})),
    ])  # fmt: skip
    fields = await Store(database).fields(channel)
    assert {key: slot for key, (_, slot) in fields.slots.items()} == {"grade": 0, "size": 1, "count": 0}
    assert fields.context.fields["grade"].archived
    query = {"bool": {"filter": [{"term": {"channel": channel}}, {"term": {"string.1.term": "l"}}, {"term": {"number.0": 7}}]}}
    await index.refresh()
    assert await index.count(query) == 1


async def test_the_channels_country_and_zone_are_those_last_told(projector: Projector, channel: str, database: Database) -> None:
    def told(country: str, zone: str, version: int) -> Item:
        body = ChannelMessage(event=ChannelChanged(), channel=Channel(country=country, time_zone=zone), version=version).encode()
        return decode(delivered(FIELDS, channel, CHANNEL_SUBJECT, "channel.changed", version, body))

    store = Store(database)
    assert (await store.fields(channel)).context.country == "KR"
    await projector.apply([told("JP", "Asia/Tokyo", 2), told("US", "America/New_York", 1)])
    context = (await store.fields(channel)).context
    assert (context.country, context.zone) == ("JP", "Asia/Tokyo")


async def test_a_contact_whose_field_nobody_can_tell_yet_waits(
    database: Database, index: Index, neighbours: Neighbours, channel: str, dead: Kept
) -> None:
    projector = projector_of(database, index, neighbours, dead)
    early = state(channel, contact(channel, "early", profile={"grade": "VIP"}))
    with pytest.raises(Unavailable):
        await projector.apply([early])
    await projector.apply([defined(channel, "profile.grade", "String"), early])
    assert len(await found(index, channel)) == 1
    assert dead.letters == []


@pytest.fixture
async def narrow(servers: Stack) -> AsyncIterator[Index]:
    """An index of this layout by its word, but without a place for a contact's name."""
    name = f"narrow-{uuid4().hex[:12]}"
    shape: dict[str, Any] = mapping() | {"_meta": {"layout": layout()}}
    del shape["properties"]["builtin"]["properties"]["name"]
    async with httpx.AsyncClient(base_url=servers.opensearch, timeout=60) as client:
        body = {"settings": settings(), "mappings": shape, "aliases": {name: {"is_write_index": True}}}
        (await client.put(f"/{name}-000001", json=body)).raise_for_status()
        async with Index.open(servers.opensearch, name, bulk_seconds=1) as index:
            yield index
        (await client.delete(f"/{name}-000001")).raise_for_status()


async def test_what_the_index_cannot_take_is_put_aside_with_the_reason_and_the_rest_is_written(
    database: Database, narrow: Index, neighbours: Neighbours, channel: str, dead: Kept
) -> None:
    projector = projector_of(database, narrow, neighbours, dead)
    await projector.apply([
        state(channel, contact(channel, "named", name="a secret")),
        state(channel, contact(channel, "unnamed", city="Seoul")),
    ])  # fmt: skip
    assert set(await found(narrow, channel)) == {contact_id(channel, "unnamed")}
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
    consumer = Consumer(source, decode, projector_of(database, narrow, neighbours, dead).apply, dead, health)
    running = asyncio.create_task(consumer.run(stop))
    await eventually(lambda: asyncio.sleep(0, source.committed), bool)
    stop.set()
    await running
    assert [key for key, _ in dead.letters] == [f"{channel}/{contact_id(channel, n)}" for n in range(3)]
    assert set(await found(narrow, channel)) == {contact_id(channel, "unnamed")}


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
async def older(servers: Stack) -> AsyncIterator[Index]:
    """An index of another version's layout: it has no place for a contact's name, and says nothing of layouts."""
    name = f"older-{uuid4().hex[:12]}"
    shape = mapping()
    del shape["properties"]["builtin"]["properties"]["name"]
    async with httpx.AsyncClient(base_url=servers.opensearch, timeout=60) as client:
        body = {"settings": settings(), "mappings": shape, "aliases": {name: {"is_write_index": True}}}
        (await client.put(f"/{name}-000001", json=body)).raise_for_status()
        async with Index.open(servers.opensearch, name, bulk_seconds=1) as index:
            yield index
        (await client.delete(f"/{name}-*")).raise_for_status()


async def test_nothing_is_written_into_an_index_of_another_layout_and_nothing_put_aside(
    database: Database, older: Index, neighbours: Neighbours, channel: str, dead: Kept
) -> None:
    with pytest.raises(OtherLayout, match="search rebuild"):
        await projector_of(database, older, neighbours, dead).apply([state(channel, contact(channel, "named", name="a"))])
    await older.refresh()
    assert (await found(older, channel), dead.letters) == ({}, [])


async def test_a_consumer_waits_for_the_rebuild_says_so_and_goes_on_by_itself(
    database: Database, older: Index, neighbours: Neighbours, channel: str, dead: Kept
) -> None:
    source, health, stop = Pipe([state(channel, contact(channel, "named", name="a")).origin]), Health({}), asyncio.Event()
    health.started = True
    consumer = Consumer(source, decode, projector_of(database, older, neighbours, dead).apply, dead, health)

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
        assert set(await found(older, channel)) == {contact_id(channel, "named")}
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
    consumer = Consumer(source, decode, projector_of(database, narrow, neighbours, dead).apply, dead, health)
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
    assert len(await found(narrow, channel)) == 50
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


@pytest.mark.parametrize(
    ("topic", "key", "headers", "value"),
    [
        (CONTACTS, "no-slash", {"ce_version": "1", "ce_type": "contact.changed"}, None),
        (CONTACTS, "channel/", {"ce_version": "1", "ce_type": "contact.changed"}, None),
        (CONTACTS, "channel/id", {"ce_type": "contact.changed"}, None),
        (CONTACTS, "channel/id", {"ce_version": "one", "ce_type": "contact.changed"}, None),
        (CONTACTS, "channel/id", {"ce_version": "1", "ce_type": "contact.changed"}, b"{"),
        (CONTACTS, "channel/id", {"ce_version": "1", "ce_type": "contact.changed"}, b"{}"),
        (FIELDS, "channel/profile.x", {"ce_version": "1", "ce_type": "field.defined"}, None),
        (FIELDS, "channel/profile.x", {"ce_version": "1", "ce_type": "field.defined"}, b"[]"),
    ],
)
def test_what_cannot_be_read_is_told_apart(topic: str, key: str, headers: dict[str, str], value: bytes | None) -> None:
    with pytest.raises(UnreadableMessage):
        decode(Delivered(topic, 0, 0, key, value, headers))


def test_a_contact_under_the_key_of_another_cannot_be_read() -> None:
    told = state("channel", contact("channel", "here")).origin
    with pytest.raises(UnreadableMessage, match="another contact"):
        decode(Delivered(told.topic, 0, 0, f"channel/{contact_id('channel', 'there')}", told.value, told.headers))
