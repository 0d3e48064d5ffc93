"""The new index: what Kafka has forgotten stays gone, the unreadable stays out, who reads in the old one reads to the end."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest

from common.envelope import Delivered
from common.errors import Gone, Unavailable
from common.events.contacts import FieldDefinition
from common.kafka import Places
from common.postgres import Database
from common.topics import CONTACTS
from localstack.stack import Stack
from search.bulk import Entry
from search.document import SLOTS, document, tombstone
from search.index import Index
from search.layout import mapping
from search.neighbours import Neighbours
from search.projection import Projection, decode
from search.rebuild import CannotRebuild, Rebuilder
from search.store import Store
from tests.search.support import Away, Kept, changed, contact, contact_id, delivered, put, slots_of
from tests.support.api import eventually

EVERYONE = {"term": {"deleted": False}}


class Listed:
    """A topic of one partition."""

    def __init__(self, records: Sequence[Delivered]) -> None:
        self._records = records
        self._next = 0

    @property
    def begins(self) -> Places:
        return {("t", 0): 0}

    async def ends(self) -> Places:
        return {("t", 0): len(self._records)}

    async def poll(self, *, most: int = 2000, wait_ms: int = 200) -> list[Delivered]:
        found = list(self._records[self._next : self._next + most])
        self._next += len(found)
        return found

    async def behind(self, ends: Places) -> int:
        return max(0, ends["t", 0] - self._next)


@pytest.fixture
def channel() -> str:
    return f"again-{uuid4().hex[:12]}"


@pytest.fixture
async def own(servers: Stack) -> AsyncIterator[Index]:
    """An index of the test's own, to be replaced."""
    name = f"again-{uuid4().hex[:12]}"
    async with Index.open(servers.opensearch, name) as index:
        await index.create(f"{name}-000001")
        yield index
    async with httpx.AsyncClient(base_url=servers.opensearch, timeout=60) as client:
        (await client.delete(f"/{name}-*")).raise_for_status()


def state(channel: str, called: object, version: int = 1, **members: Any) -> Delivered:
    return changed(channel, contact(channel, called, version=version, **members))


def rebuilder(
    database: Database,
    index: Index,
    neighbours: Neighbours,
    contacts: Sequence[Delivered],
    reading: asyncio.Event | None = None,
    dead: Kept | None = None,
) -> Rebuilder:
    """One over these messages; `reading` is set when it begins to read them, `dead` gets what is put aside."""
    store = Store(database)

    def topic(name: str) -> AbstractAsyncContextManager[Listed]:
        @asynccontextmanager
        async def opened() -> AsyncIterator[Listed]:
            if name == CONTACTS and reading is not None:
                reading.set()
            yield Listed(contacts if name == CONTACTS else [])

        return opened()

    return Rebuilder(store, index, Projection(store, neighbours), dead or Kept(), topic)


async def names(index: Index) -> list[str]:
    """Everyone's name, and how many documents there are for them."""
    hits = await index.search(EVERYONE, [{"id": "asc"}], 1000)
    return sorted(source["source"]["name"] for source in hits.sources)


async def test_the_new_index_holds_the_newest_states_and_whatever_only_the_old_one_knew_is_gone(
    database: Database, own: Index, neighbours: Neighbours, channel: str
) -> None:
    await put(own, channel, [contact(channel, "stray", name="stray")])
    told = [state(channel, n, version, name=f"{n} v{version}") for version in (2, 1, 3) for n in range(1500)]
    told.append(delivered(CONTACTS, channel, contact_id(channel, 7), "contact.erased", 4, None))
    told.append(state(channel, 7, 3, name="back from the dead"))
    told.append(Delivered(CONTACTS, 0, 0, "no-slash", b"{", {}))
    done = await rebuilder(database, own, neighbours, told).run(60)
    assert done.documents == 1499
    assert await own.behind() == done.index == f"{own.alias}-000002"
    assert await own.strays() == []
    assert await own.count(EVERYONE) == 1499
    assert set(await names(own)) <= {f"{n} v3" for n in range(1500)} - {"7 v3"}


async def test_the_new_index_holds_documents_as_the_consumer_writes_them(
    database: Database, own: Index, neighbours: Neighbours, channel: str
) -> None:
    fields = {"grade": "string", "count": "number", "agreed": "boolean", "bought": "date", "sizes": "list"}
    words = {"string": "String", "number": "Number", "boolean": "Boolean", "date": "Date", "list": "List"}
    for key, word in fields.items():
        definition = FieldDefinition.of({"key": f"profile.{key}", "type": words[word]})
        await Store(database).save_fields(channel, [(definition, 1)])
    seen = "2026-11-23T03:00:00.000Z"
    profile = {"grade": "Straße", "count": 7, "agreed": False, "bought": seen, "sizes": ["L", "XL"]}
    rich = {
        "memberId": "m-1", "member": True, "name": "홍길동", "email": "Kim@Example.com", "mobileNumber": "+821012345678",
        "tags": ["VIP/서울"], "lastSeenAt": seen, "sessionsCount": 3, "profile": profile,
    }  # fmt: skip
    await rebuilder(database, own, neighbours, [state(channel, "rich", 2, **rich), state(channel, "poor", 1)]).run(60)
    await own.refresh()
    hits = await own.search(EVERYONE, [{"id": "asc"}], 10, source=("*",))
    people = [contact(channel, "rich", version=2, **rich), contact(channel, "poor")]
    expected = [orjson.loads(document(channel, each, slots_of(fields))) for each in sorted(people, key=lambda c: str(c.id))]
    assert hits.sources == expected


async def test_an_erasure_that_kafka_has_forgotten_still_keeps_the_contact_out(
    database: Database, own: Index, neighbours: Neighbours, channel: str
) -> None:
    name = contact_id(channel, "erased")
    assert await own.write([Entry(f"{channel}/{name}", 9, tombstone(channel, name, 9, erased=True))]) == []
    await own.refresh()
    await rebuilder(database, own, neighbours, [state(channel, "erased", 8, name="a secret")]).run(60)
    await own.refresh()
    assert await own.count(EVERYONE) == 0
    assert await own.versions([f"{channel}/{name}"]) == {f"{channel}/{name}": 9}
    assert await own.erased([f"{channel}/{name}"]) == {f"{channel}/{name}"}


async def test_who_reads_in_the_old_index_reads_to_the_end_before_it_goes(
    database: Database, own: Index, neighbours: Neighbours, channel: str
) -> None:
    people = [contact(channel, n, name=f"{n:03}") for n in range(100)]
    await put(own, channel, people)
    point = await own.open_point()
    old = await own.behind()
    told = [state(channel, n, 2, name="changed") for n in range(100)]
    running = asyncio.create_task(rebuilder(database, own, neighbours, told).run(60))
    await eventually(own.behind, lambda name: name not in {None, old})
    assert set(await names(own)) == {"changed"}
    first = await own.search(EVERYONE, [{"id": "asc"}], 60, point=point)
    rest = await own.search(EVERYONE, [{"id": "asc"}], 60, point=point, after=first.last)
    assert sorted(s["source"]["name"] for s in (*first.sources, *rest.sources)) == [f"{n:03}" for n in range(100)]
    assert await own.strays() == [old]
    await own.close_point(point)
    await running
    assert await own.strays() == []


async def test_who_comes_back_to_a_list_whose_index_is_gone_is_told_that_it_has_expired(
    database: Database, own: Index, neighbours: Neighbours, channel: str
) -> None:
    await put(own, channel, [contact(channel, 1, name="here")])
    point = await own.open_point()
    await rebuilder(database, own, neighbours, [state(channel, 1, 2, name="here")]).run(0)
    for read in (own.search(EVERYONE, [{"id": "asc"}], 10, point=point), own.ids(EVERYONE, 10, point, None)):
        with pytest.raises(Gone) as expired:
            await read
        assert expired.value.code == "cursorExpired"
    await own.close_point(point)


async def test_a_rebuild_that_cannot_finish_changes_nothing_and_leaves_nothing_behind(
    database: Database, own: Index, neighbours: Neighbours, channel: str
) -> None:
    await put(own, channel, [contact(channel, 1, name="here")])
    serving = await own.behind()
    # Nobody can tell of its field, and it would be waited for.
    reading = asyncio.Event()
    told = [state(channel, 1, 2, profile={"unknown": 1})]
    running = asyncio.create_task(rebuilder(database, own, neighbours, told, reading).run(60))
    await asyncio.wait_for(reading.wait(), 30)
    assert len(await own.strays()) == 1
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await own.behind() == serving
    assert await own.strays() == []
    assert await names(own) == ["here"]


async def a_field_without_a_place(database: Database, own: Index, servers: Stack, channel: str) -> str:
    """A field that the index which serves takes and the next one does not: it has one slot more than there are."""
    definitions = [FieldDefinition.of({"key": f"profile.f{n:03d}", "type": "String"}) for n in range(SLOTS + 1)]
    await Store(database).save_fields(channel, [(each, 1) for each in definitions])
    async with httpx.AsyncClient(base_url=servers.opensearch, timeout=60) as client:
        wider = {"properties": {"string": {"properties": {str(SLOTS): mapping()["properties"]["string"]["properties"]["0"]}}}}
        (await client.put(f"/{await own.behind()}/_mapping", json=wider)).raise_for_status()
    return definitions[-1].key.removeprefix("profile.")


async def test_what_the_new_index_does_not_take_is_put_aside_once_and_the_rest_is_in_it(
    database: Database, own: Index, neighbours: Neighbours, servers: Stack, channel: str
) -> None:
    field = await a_field_without_a_place(database, own, servers, channel)
    told = [
        state(channel, "here", name="plain"),
        state(channel, "odd", name="odd", profile={field: "a secret"}),
        # The index that serves has not this state of it: the consumer, which comes to it later, is who tells of it.
        state(channel, "later", 2, name="later", profile={field: "a secret"}),
    ]
    dead, projection = Kept(), Projection(Store(database), neighbours)
    before = [told[0], told[1], state(channel, "later", 1, name="later")]
    assert await own.write(await projection.entries([decode(each) for each in before])) == []
    await own.refresh()
    done = await rebuilder(database, own, neighbours, told, dead=dead).run(60)
    assert (done.documents, await names(own)) == (1, ["plain"])
    ((key, reason),) = dead.letters
    assert key == f"{channel}/{contact_id(channel, 'odd')}"
    assert "strict_dynamic_mapping_exception" in reason
    assert "secret" not in reason


async def test_what_is_put_aside_is_once_though_the_swap_is_tried_again(
    database: Database, own: Index, neighbours: Neighbours, servers: Stack, channel: str
) -> None:
    field = await a_field_without_a_place(database, own, servers, channel)
    told = [state(channel, n, profile={field: "x"}) for n in range(3)]
    assert await own.write(await Projection(Store(database), neighbours).entries(list(map(decode, told)))) == []
    dead = Away(1, 3)
    await rebuilder(database, own, neighbours, told, dead=dead).run(60)
    assert [key for key, _ in dead.letters] == [f"{channel}/{contact_id(channel, n)}" for n in range(3)]


async def test_an_index_that_would_refuse_very_many_never_comes_to_serve(
    database: Database, own: Index, neighbours: Neighbours, servers: Stack, channel: str
) -> None:
    field = await a_field_without_a_place(database, own, servers, channel)
    await put(own, channel, [contact(channel, 1, name="here")])
    serving, dead = await own.behind(), Kept()
    told = [state(channel, n, 2, profile={field: "x"}) for n in range(101)]
    with pytest.raises(CannotRebuild, match="100 contacts"):
        await rebuilder(database, own, neighbours, told, dead=dead).run(60)
    assert (await own.behind(), await own.strays(), dead.letters) == (serving, [], [])
    assert await names(own) == ["here"]


async def test_writers_wait_while_the_indices_change_places(database: Database) -> None:
    store = Store(database)
    entered: list[str] = []

    async def write() -> None:
        async with store.writing():
            entered.append("writer")

    async with store.writing():
        await asyncio.wait_for(write(), 5)  # writers do not wait for each other
    async with store.swapping():
        waiting = asyncio.create_task(write())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 0.3)
        entered.append("swap")
    await waiting
    assert entered == ["writer", "swap", "writer"]


async def test_an_index_that_is_away_is_told_of(database: Database, neighbours: Neighbours) -> None:
    async with Index.open("http://127.0.0.1:9") as away:
        with pytest.raises(Unavailable):
            await rebuilder(database, away, neighbours, []).run(60)
