"""Kafka killed and away for a while, under load: every process waits, says so, goes on by itself, and nothing is lost."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import pytest

from common.envelope import Message
from common.kafka import Producer, Progress, Source, answers, create_topics
from common.position import EVERYTHING
from common.topics import Topic
from localstack.demo import Api
from localstack.processes import BY_NAME, KAFKA, SERVICE_PROCESSES
from localstack.stack import Stack
from localstack.status import as_text, examine
from localstack.supervision import Supervisor
from tests.faults.test_kills import changes, everyone
from tests.faults.test_search_away import lives, problems
from tests.support.api import caller, eventually, fresh_channel, kill, replaced
from tests.support.exporting import ENDED, request

LOOPS = [p.name for p in SERVICE_PROCESSES if p.name.endswith(("-consumer", "-relay"))]
READERS = {"search", "segments", "exports"}
BACK_SECONDS = 60.0
FILTER = {"key": "profile.round", "operator": "gte", "values": [2]}


@asynccontextmanager
async def kafka_away(stack: Stack) -> AsyncIterator[None]:
    """Killed with -9, kept away, and back at the end, however long it takes to start."""
    supervisor = Supervisor(stack.home)
    kill(stack, KAFKA.name)
    await asyncio.to_thread(supervisor.stop_process, KAFKA)
    try:
        yield
    finally:
        await asyncio.to_thread(supervisor.start_processes, [KAFKA])
        await eventually(partial(answers, stack.kafka), bool, 180)


def pids(stack: Stack) -> dict[str, int | None]:
    return {p.name: stack.pid(p.name) for p in SERVICE_PROCESSES}


async def told(stack: Stack, process: str) -> dict[str, str] | None:
    """What a process says stands in its way; None before it answers."""
    with suppress(httpx.TransportError):
        return await problems(stack, process)
    return None


def names_kafka(told: dict[str, str] | None) -> bool:
    return told is not None and bool(told.keys() & {"kafka", "relay"})


async def restarted(stack: Stack, process: str) -> None:
    await replaced(stack, process, kill(stack, process))


class Load:
    """Customers that come, 50 at a time, with a visit each time, until it is told to stop."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._stop = asyncio.Event()
        self.written = 0
        self.position = ""

    async def run(self) -> None:
        while not self._stop.is_set():
            rows = [{"memberId": f"m-{self.written + n}", "profile": {"round": 2}} for n in range(50)]
            answer = await self._api.ask("POST", "/v1/contacts/batch", body={"contacts": rows})
            assert [r.get("problem") for r in answer.json()["results"]] == [None] * 50
            self.written += 50
            self.position = answer.headers["Dangol-Position"]
            visit = {"id": str(uuid4()), "memberId": "first", "name": "visit"}
            assert (await self._api.json("POST", "/v1/visits", body={"visits": [visit]}))["accepted"] == 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), 0.5)

    async def has_written(self) -> int:
        return self.written

    def stop(self) -> None:
        self._stop.set()


async def value(api: Api, method: str, path: str, name: str, body: object = None) -> Any:
    return (await api.json(method, path, body=body))[name]


async def room(api: Api) -> Counter[tuple[str, str | None]]:
    """How often the manager was told what, with which export's link."""
    items = (await api.json("GET", "/v1/rooms/me/messages"))["items"]
    return Counter((item["kind"], item["link"] and item["link"].rpartition("/")[2]) for item in items)


async def stores(api: Api, receipt: str) -> dict[str, str]:
    return {s["store"]: s["status"] for s in (await api.json("GET", f"/v1/erasures/{receipt}"))["stores"]}


async def waiting(stack: Stack) -> list[int]:
    """How many messages wait for each group, rows for each relay, and which processes are not ready, as `make status` has it."""
    status = await asyncio.to_thread(examine, stack)
    unready = [int(not process.ready) for process in status.processes]
    return [count for topics in status.lag.values() for count in topics.values()] + list(status.outbox.values()) + unready


async def each_says_that_it_waits(stack: Stack) -> None:
    for name in LOOPS:
        await eventually(partial(told, stack, name), names_kafka)
    text = await asyncio.to_thread(lambda: as_text(examine(stack)))
    assert "Not everything is up and caught up." in text
    for name in LOOPS:
        line, why = text.split(f"\n{name} ")[1].split("\n")[:2]
        assert "up, not ready" in line, text
        assert why.strip().split(":")[0] in {"kafka", "relay", "consumer"}, text


async def who_waits_for_a_write_is_refused_in_time(client: httpx.AsyncClient, segment: str, positions: list[str]) -> None:
    """Not for ever, and not as if it had been seen."""
    ways: dict[str, tuple[str, object]] = {
        "/v1/search": ("POST", {}),
        f"/v1/segments/{segment}": ("GET", None),
        f"/v1/segments/{segment}/members": ("GET", None),
    }

    async def refused(path: str, method: str, body: object, position: str) -> None:
        began = time.monotonic()
        answer = await client.request(method, path, json=body, headers={"Dangol-Position": position})
        assert (answer.status_code, answer.json()["code"] in {"notCaughtUp", "unavailable"}) == (503, True), answer.text
        assert int(answer.headers["Retry-After"]) >= 1
        assert time.monotonic() - began < 10

    await asyncio.gather(*(refused(path, *way, position) for path, way in ways.items() for position in positions))


@asynccontextmanager
async def a_reader_that_has_not_committed(stack: Stack) -> AsyncIterator[tuple[Source, Callable[[], Awaitable[int]]]]:
    """A member of a group of its own that has read three messages; and how far its group is, as Kafka knows it."""
    topic = group = f"away.{uuid4().hex[:8]}"
    await create_topics(stack.kafka, [Topic(topic, partitions=1)])
    async with Producer.open(stack.kafka, client_id="test") as producer:
        await producer.send([Message(topic, f"c/{n}", b"{}", {}) for n in range(3)], partitions=1)
    async with Source.open(stack.kafka, group, [topic]) as source, Progress.open(stack.kafka) as progress:
        read = 0
        while read < 3:
            read += len(await source.poll())

        async def committed() -> int:
            await source.poll()
            return (await progress.committed(group)).get((topic, 0), 0)

        yield source, committed


@dataclass(frozen=True, slots=True)
class Scene:
    """A channel in which something waits for each reader of Kafka."""

    channel: str
    erased: str
    segment: str
    before: str
    """An export that holds the contact that is to be erased."""


async def scene(api: Api, channel: str) -> Scene:
    await api.json("PATCH", "/v1/channel", body={"exportMinutes": 0})
    erased = await value(api, "PUT", "/v1/contacts/@erased", "id", {"name": "b"})
    first = await api.ask("PUT", "/v1/contacts/@first", body={"name": "a", "profile": {"round": 1}})
    seen = {"Dangol-Position": first.headers["Dangol-Position"]}
    segment = (await api.ask("POST", "/v1/segments", body={"name": "two", "filter": FILTER}, headers=seen)).json()["id"]
    before = await value(api, "POST", "/v1/exports", "id", request({"all": True}))
    await eventually(partial(value, api, "GET", f"/v1/exports/{before}", "status"), lambda now: now == "ready")
    return Scene(channel, erased, segment, before)


async def lose_members(stack: Stack) -> None:
    """Two groups lose their member, and wait for its end before they take in the next: Kafka is to die meanwhile."""
    names = ("segments-consumer", "notify-consumer")
    await asyncio.gather(*(restarted(stack, name) for name in names))
    for name in names:
        await eventually(partial(told, stack, name), lambda problems: problems is not None)


async def each_lives(stack: Stack) -> None:
    assert all(await asyncio.gather(*(lives(stack, p.name) for p in SERVICE_PROCESSES)))


async def nothing_is_lost_or_doubled(api: Api, where: Scene, written: int) -> None:
    contacts = await everyone(api)
    assert Counter(c["memberId"] for c in contacts) == Counter(["first", *(f"m-{n}" for n in range(written))])
    members = [c["id"] for c in contacts if c["memberId"] != "first"]
    entered = [(c["contactId"], c["change"]) for c in await changes(api, where.segment)]
    assert Counter(entered) == Counter((contact, "entered") for contact in members)


async def all_arrives(stack: Stack, api: Api, where: Scene, written: int) -> None:
    """In the index, in the segment, and whatever waits for a position; then nothing waits any more, as `make status` has it."""
    everybody = written + 1
    await eventually(partial(value, api, "POST", "/v1/search/count", "total", {}), lambda n: n == everybody, BACK_SECONDS)
    size = partial(value, api, "GET", f"/v1/segments/{where.segment}", "count")
    await eventually(size, lambda n: n == written, BACK_SECONDS)
    await eventually(partial(waiting, stack), lambda left: not any(left), BACK_SECONDS)
    everything = {"Dangol-Position": EVERYTHING.encode(where.channel)}
    assert (await api.ask("POST", "/v1/search", body={}, headers=everything)).json()["total"] == everybody


async def stops_in_time(stack: Stack, name: str) -> None:
    """Told to stop while it waits for an acknowledgement, a process ends by itself, before it is killed."""
    supervisor, began, before = Supervisor(stack.home), time.monotonic(), stack.pid(name)
    assert before is not None
    await asyncio.to_thread(supervisor.stop_process, BY_NAME[name])
    assert time.monotonic() - began < 19
    await asyncio.to_thread(supervisor.start_processes, [BY_NAME[name]])
    await replaced(stack, name, before)
    await eventually(partial(told, stack, name), names_kafka)


@pytest.mark.parametrize(
    ("seconds", "stopped"), [(10, []), pytest.param(60, ["exports-relay", "segments-consumer"], marks=pytest.mark.deep)]
)
async def test_while_kafka_is_away_every_role_waits_and_nothing_is_lost_or_doubled(
    stack: Stack, seconds: float, stopped: list[str]
) -> None:
    channel = fresh_channel()
    headers = {"Authorization": f"Bearer {stack.token(channel=channel, sub='kim')}"}
    async with (
        caller(stack, channel) as api,
        httpx.AsyncClient(base_url=stack.url, timeout=60, headers=headers) as client,
        a_reader_that_has_not_committed(stack) as (reader, committed),
    ):
        where = await scene(api, channel)
        load = Load(api)
        loading = asyncio.create_task(load.run())
        await eventually(load.has_written, bool)
        await lose_members(stack)
        async with kafka_away(stack):
            gone = time.monotonic()
            meanwhile = await value(api, "POST", "/v1/exports", "id", request({"all": True}))
            receipt = await value(api, "DELETE", f"/v1/contacts/{where.erased}", "receiptId")
            # Those that begin now wait as well.
            await asyncio.gather(*(restarted(stack, name) for name in ("search-consumer", "contacts-relay")))
            known = pids(stack)
            await asyncio.gather(
                reader.commit(),
                each_says_that_it_waits(stack),
                who_waits_for_a_write_is_refused_in_time(client, where.segment, [load.position, EVERYTHING.encode(channel)]),
            )
            assert {(await stores(api, receipt))[s] for s in READERS} == {"pending"}
            assert await value(api, "GET", f"/v1/exports/{meanwhile}", "status") not in ENDED
            for name in stopped:
                await stops_in_time(stack, name)
                known[name] = stack.pid(name)
            while time.monotonic() - gone < seconds:
                await each_lives(stack)
                await asyncio.sleep(0.5)
            assert pids(stack) == known
        back = time.monotonic()
        load.stop()
        await loading
        await all_arrives(stack, api, where, load.written)
        await eventually(partial(stores, api, receipt), lambda now: {now[s] for s in READERS} == {"done"}, BACK_SECONDS)
        expected = {("export.ready", where.before): 1, ("export.ready", meanwhile): 1, ("export.withdrawn", None): 1}
        await eventually(partial(room, api), lambda now: now.keys() >= expected.keys(), BACK_SECONDS)
        assert await eventually(committed, lambda n: n == 3, BACK_SECONDS) == 3
        assert time.monotonic() - back < BACK_SECONDS
        assert pids(stack) == known
        assert await room(api) == expected
        await nothing_is_lost_or_doubled(api, where, load.written)
