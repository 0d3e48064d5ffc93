"""From the answer to a visit to its `segment.entered` on the feed: 100 to 1,000 visits a second, 1,000 segments."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice

import httpx
import orjson
import psutil
from aiokafka import AIOKafkaConsumer

from common.postgres import Database
from common.topics import SEGMENTS
from localstack.stack import Stack
from segments import definition_store as definitions
from tests.bench import broad
from tests.bench.building import made, until_live
from tests.bench.clock import used
from tests.bench.measure import Row, open_loop, percentile, told
from tests.bench.people import person, visit
from tests.bench.processes import serving
from tests.bench.serving import require, within
from tests.support.api import fresh_channel

RATES, AT_ONCE, OTHERS = {100: 8, 300: 8, 1000: 6}, 10, 999
"""Visits a second, and for how many seconds; the first two are not counted."""
_WARM_SECONDS = 2
_VISITED = {"key": "lastSeenAt", "operator": "exists"}
_ROLES = ("contacts-api", "contacts-relay", "segments-consumer", "segments-relay", "segments-worker")


@dataclass
class Feed:
    """Who has entered the segment, and when that was read from Kafka; how many events there were in all."""

    client: AIOKafkaConsumer
    segment: str
    seen: dict[str, float] = field(default_factory=dict[str, float])
    events: int = 0

    async def run(self) -> None:
        """Until cancelled."""
        async for message in self.client:
            event = orjson.loads(message.value or b"")["event"]
            self.events += 1
            if event["type"] == "segment.entered" and event["segmentId"] == self.segment:
                self.seen[event["contactId"]] = time.perf_counter()


async def feed(stack: Stack) -> list[Row]:
    """Each contact comes for the first time, and so enters a segment that nobody was in, beside others of the thousand."""
    channel = fresh_channel()
    headers = {"Authorization": f"Bearer {stack.token(channel=channel, sub='bench')}", "Content-Type": "application/json"}
    client = AIOKafkaConsumer(SEGMENTS, bootstrap_servers=stack.kafka, auto_offset_reset="latest", fetch_max_wait_ms=10)
    async with (
        Database.open(stack.postgres_dsn("segments")) as database,
        serving(stack, *_ROLES) as running,
        httpx.AsyncClient(base_url=running["contacts-api"][0], headers=headers, timeout=60) as contacts,
    ):
        async with database.connection() as connection:
            for key, kind in broad.FIELDS.items():
                await definitions.put_field(connection, channel, key, kind, archived=False, version=1)
        segments = [await made(database, channel, raw) for raw in (_VISITED, *(s["filter"] for s in broad.segments(OTHERS)))]
        await until_live(database, channel, segments)  # at once, as nobody is there
        count = sum(rate * seconds for rate, seconds in RATES.items())
        people = iter(await _people(contacts, count))
        await _caught_up(database, channel, count)
        await client.start()
        entered = Feed(client, str(segments[0]))
        reading = asyncio.create_task(entered.run())
        pids = {role: pid for role, (_, pid) in running.items()} | {
            "PostgreSQL": stack.pid("postgres") or 0, "Kafka": stack.pid("kafka") or 0,
        }  # fmt: skip
        try:
            return [
                await _measured(contacts, entered, list(islice(people, rate * seconds)), rate, pids)
                for rate, seconds in RATES.items()
            ]
        finally:
            reading.cancel()
            await client.stop()


async def _measured(contacts: httpx.AsyncClient, entered: Feed, people: Sequence[str], rate: int, pids: Mapping[str, int]) -> Row:
    committed: dict[str, float] = {}

    async def come(number: int) -> None:
        some = people[number * AT_ONCE : (number + 1) * AT_ONCE]
        await _visit(contacts, some)
        committed.update(dict.fromkeys(some, time.perf_counter()))

    before, events = _used(pids), entered.events
    await open_loop(rate / AT_ONCE, len(people) / rate, come)
    async with within(60, "all have entered"):
        while any(one not in entered.seen for one in people):
            await asyncio.sleep(0.05)
    each = {role: (now - before[role]) / len(people) * 1e6 for role, now in _used(pids).items()}
    waits = [entered.seen[one] - committed[one] for one in people[rate * _WARM_SECONDS :]]
    return Row(
        f"event committed in contacts → entered on the feed, {rate:,} events/s, {OTHERS + 1:,} segments,"
        f" {(entered.events - events) / len(people):.1f} flips an event",
        told(waits, 0.99) + f", max {percentile(waits, 1) * 1e3:,.0f} ms",
        "µs of processor an event: " + ", ".join(f"{role} {took:,.0f}" for role, took in each.items()),
        "–", "p99 250 ms",
    )  # fmt: skip


def _used(pids: Mapping[str, int]) -> dict[str, float]:
    return {role: used([psutil.Process(pid)]) for role, pid in pids.items()}


async def _caught_up(database: Database, channel: str, count: int) -> None:
    """Until segments has everybody, and has told of it."""
    async with within(600, "all are known here"), database.connection() as connection:
        while await connection.fetchval("select count(*) from contact where channel = $1", channel) < count:
            await asyncio.sleep(0.2)
        while await connection.fetchval("select exists (select from outbox_waiting)"):
            await asyncio.sleep(0.2)


def _known(number: int) -> dict[str, object]:
    who = person(number)
    return {"memberId": f"m-{number}", "name": who.name, "email": who.email, "mobileNumber": who.mobile, "tags": [who.tag]}


async def _people(contacts: httpx.AsyncClient, count: int) -> list[str]:
    found: list[str] = []
    for start in range(0, count, 1000):
        body = {"contacts": [_known(number) for number in range(start, min(count, start + 1000))]}
        answer = (await contacts.post("/v1/contacts/batch", content=orjson.dumps(body))).raise_for_status()
        found += [result["id"] for result in answer.json()["results"]]
    return found


async def _visit(contacts: httpx.AsyncClient, people: Sequence[str]) -> None:
    now = datetime.now(UTC)
    visits = [{**visit(f"v-{one}", "", now), "contactId": one} for one in people]
    for each in visits:
        del each["memberId"]
    answer = await contacts.post("/v1/visits", content=orjson.dumps({"visits": visits}))
    require(answer.status_code == 202 and answer.json()["accepted"] == len(people), "every visit taken")
