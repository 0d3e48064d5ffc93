"""What is written becoming searchable, and how fast: the search's side of writes, as `make bench-search` measures it."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import orjson
from aiokafka import AIOKafkaConsumer
from opensearchpy import AsyncOpenSearch
from opensearchpy.helpers import async_bulk

from common.envelope import Delivered, UnreadableMessage
from common.peers import Peer
from common.postgres import Database
from common.topics import CONTACTS, FIELDS
from localstack.stack import Stack
from search.consumer import Projector
from search.index import Index
from search.main import GROUP
from search.neighbours import Neighbours
from search.projection import Projection, decode
from search.store import Store
from tests.bench.measure import Row, compared, interleaved, open_loop, told
from tests.bench.people import CHANNEL, contact_message, person
from tests.bench.processes import serving
from tests.bench.serving import require

WRITES = 500  # a second
MEMBERS = 5000
SECONDS, WARM_SECONDS = 30, 10
BATCH = 20
SAMPLES = 10  # a second, of the writes; each is one request
LOOK_SECONDS = 0.05


# -- from a commit to the search's answer


async def fresh(stack: Stack) -> Row:
    """500 writes a second, of which 10 are looked for from their answers on; a look's own time counts too.

    Processes that have just started wait for each other and are slow at first: WARM_SECONDS of the same are not measured.
    """
    await skip_to_the_end(stack)
    channel = f"fresh-{uuid4().hex[:8]}"
    headers = {"Authorization": f"Bearer {stack.token(channel=channel, sub='bench')}", "Content-Type": "application/json"}
    async with (
        serving(stack, "contacts-api", "contacts-relay", "search-api", "search-consumer") as running,
        httpx.AsyncClient(base_url=running["contacts-api"][0], headers=headers, timeout=60) as contacts,
        httpx.AsyncClient(base_url=running["search-api"][0], headers=headers, timeout=60) as search,
    ):
        watch = Watch(search)
        watching = asyncio.create_task(watch.run())

        async def crowd(n: int) -> None:
            rows = [{"memberId": f"m-{(n * BATCH + k) % MEMBERS}", "name": f"길동 {n}"} for k in range(BATCH)]
            answer = await contacts.post("/v1/contacts/batch", content=orjson.dumps({"contacts": rows}))
            require(answer.is_success and all("problem" not in r for r in answer.json()["results"]), "every write taken")

        async def sample(member: str) -> None:
            answer = await contacts.put(f"/v1/contacts/@{member}", content=orjson.dumps({"name": f"표본 {member}"}))
            require(answer.status_code == 201, "every sample taken")
            watch.committed(member)

        async def load(seconds: float, called: str) -> float:
            """How many were written in a second; all are found when this answers."""
            began = time.perf_counter()
            crowding = open_loop((WRITES - SAMPLES) / BATCH, seconds, crowd)
            await asyncio.gather(crowding, open_loop(SAMPLES, seconds, lambda n: sample(f"{called}-{n}")))
            rate = WRITES * seconds / (time.perf_counter() - began)
            await asyncio.wait_for(watch.all_seen(), 60)
            return rate

        await load(WARM_SECONDS, "w")
        watch.waits.clear()
        rate = await load(SECONDS, "s")
        watching.cancel()
        answer = await search.post("/v1/search/count", content=b"{}")
        total, members = answer.json()["total"], min(MEMBERS, (WRITES - SAMPLES) * SECONDS) + SAMPLES * (SECONDS + WARM_SECONDS)
        require(total == members, f"{members} to be found, not {total}")
    return Row(f"commit → searchable at {rate:,.0f} writes/s", told(watch.waits, 0.99), "–", "–", "p99 ≤ 1,500 ms")


class Watch:
    """Looks for what was committed until it is found, all of it by one search at a time."""

    def __init__(self, search: httpx.AsyncClient) -> None:
        self._search = search
        self._open: dict[str, float] = {}
        self._none_open = asyncio.Event()
        self.waits: list[float] = []

    def committed(self, member: str) -> None:
        """It is to be found from now on."""
        self._open[member] = time.perf_counter()
        self._none_open.clear()

    async def all_seen(self) -> None:
        """Returns when nothing is looked for any more."""
        await self._none_open.wait()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if self._open:
                condition = {"key": "memberId", "operator": "in", "values": list(self._open)}
                answer = await self._search.post("/v1/search", content=orjson.dumps({"filter": condition}))
                now = time.perf_counter()
                for item in answer.json()["items"]:
                    self.waits.append(now - self._open.pop(item["memberId"]))
                if not self._open:
                    self._none_open.set()
            await asyncio.sleep(LOOK_SECONDS)


async def skip_to_the_end(stack: Stack) -> None:
    """The index was made by a rebuild: the consumer need not read the same again."""
    client = AIOKafkaConsumer(CONTACTS, FIELDS, bootstrap_servers=stack.kafka, group_id=GROUP, enable_auto_commit=False)
    await client.start()
    try:
        await client.seek_to_end()
        await client.commit({place: await client.position(place) for place in client.assignment()})
    finally:
        await client.stop()


# -- the consumer


def stream(batches: int, contacts: int, versions: int) -> list[list[Delivered]]:
    """Batches in which each of so many contacts changes so many times, one after another."""

    def batch(first: int) -> Iterator[Delivered]:
        for version in range(1, versions + 1):
            for number in range(first, first + contacts):
                who = replace(person(number), amount=version)
                sent = contact_message(who, version)
                yield Delivered(sent.topic, 0, 0, sent.key, sent.value, sent.headers)

    return [list(batch(n * contacts)) for n in range(batches)]


class _NobodyRefused:
    async def put(self, record: Delivered, reason: UnreadableMessage) -> None:
        """Ends the run: every document of this stream is a good one."""
        raise SystemExit(f"wrong: {record.topic} {reason}")


async def consumer(stack: Stack, batches: int = 10, contacts: int = 667, versions: int = 3) -> Row:
    """Events a second into the index, by the consumer's own way with a batch and by one `async_bulk` document an event."""
    told_ = stream(batches, contacts, versions)
    events = batches * contacts * versions
    async with (
        Database.open(stack.postgres_dsn("search"), size=3) as database,
        AsyncOpenSearch(hosts=[stack.opensearch], timeout=60) as plain,
        httpx.AsyncClient() as client,
    ):
        store = Store(database)
        nobody: Any = Peer(client, None, "http://127.0.0.1:9")  # type: ignore[arg-type]
        neighbours = Neighbours(nobody, nobody)
        projection = Projection(store, neighbours)

        async def ours() -> float:
            async with _own_index(stack) as index:
                projector = Projector(store, index, projection, _NobodyRefused())
                began = time.perf_counter()
                for batch in told_:
                    await projector.apply([decode(message) for message in batch])
                took = time.perf_counter() - began
                await _require_last(index, batches * contacts, versions)
            return events / took

        async def baseline() -> float:
            async with _own_index(stack) as index:
                began = time.perf_counter()
                for batch in told_:
                    done, failed = await async_bulk(plain, _one_by_one(projection, index.alias, batch), raise_on_error=False)
                    require((done, failed) == (len(batch), []), "every event written")
                took = time.perf_counter() - began
                await _require_last(index, batches * contacts, versions)
            return events / took

        rates = list((await interleaved({"consumer": ours, "async_bulk": baseline})).values())
    what = f"consumer, each contact changes {versions} times a batch, events"
    return compared(what, rates[0], rates[1], "opensearch-py `async_bulk`, a document per event", "1.5 ×")


@asynccontextmanager
async def _own_index(stack: Stack) -> AsyncIterator[Index]:
    alias = f"bench-{uuid4().hex[:8]}"
    async with Index.open(stack.opensearch, alias) as index:
        await index.create(f"{alias}-000001")
        try:
            yield index
        finally:
            await index.remove(f"{alias}-000001")


async def _one_by_one(projection: Projection, alias: str, batch: Sequence[Delivered]) -> AsyncIterator[dict[str, Any]]:
    for message in batch:
        (entry,) = await projection.entries([decode(message)])
        body = orjson.loads(entry.body) if isinstance(entry.body, bytes) else entry.body  # the helper takes no JSON
        yield {
            "_op_type": "index", "_index": alias, "_id": entry.id, "_source": body,
            "version": entry.version, "version_type": "external",
        }  # fmt: skip


async def _require_last(index: Index, documents: int, version: int) -> None:
    await index.refresh()
    require(await index.count({"term": {"version": version}}) == documents, "the last version of everyone")
    some = random.Random(1).sample(range(documents), 20)
    names = [f"{CHANNEL}/{person(number).id}" for number in some]
    require(await index.versions(names) == dict.fromkeys(names, version), "written under its version")
