"""From the answer to a visit to its `segment.entered` on the feed: 100 to 1,000 visits a second, 1,000 segments."""

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice

import httpx
import orjson
import psutil
from aiokafka import AIOKafkaConsumer

from common.clock import to_millis, to_wire
from common.filters import Context, FieldDefinition, FieldType, compile_filter, parse
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

RATES, AT_ONCE, OTHERS = {100: 8, 300: 8, 1000: 5}, 10, 999
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
    """Each contact comes for the first time, and so enters a segment that nobody was in, and others of the thousand."""
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
        segments = [await made(database, channel, raw) for raw in (_VISITED, *islice(_segments(), OTHERS))]
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
    print(f"  {rate}/s: {told(waits, 0.99)}, {each}", file=sys.stderr, flush=True)
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


def _segments() -> Iterator[object]:
    """Filters of a broad channel that nobody matches who was never seen, and of those that a first visit enters one in ten.

    Whoever is made would enter eighty of a thousand, and forty when first seen: what is measured is the way, not the writing.
    """
    fields = {key.removeprefix("profile."): FieldDefinition(FieldType(kind.lower())) for key, kind in broad.FIELDS.items()}
    context, now = Context(fields=fields), datetime.now(UTC)
    new = [{**_known(number), "member": True, "sessionsCount": 0, "profile": {}} for number in range(200)]
    seen = {**new[0], "sessionsCount": 1, "firstSeenAt": to_wire(now), "lastSeenAt": to_wire(now)}
    entered = 0
    for each in broad.segments(10 * OTHERS):
        holds = compile_filter(parse(each["filter"], context)).holds
        if not any(holds(contact, to_millis(now)) for contact in new):
            entered += (enters := holds(seen, to_millis(now)))
            if not enters or entered % 10 == 0:
                yield each["filter"]


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
    body = orjson.dumps({"visits": visits})
    # Who comes too fast is asked to come again: from when it is committed counts.
    while (answer := await contacts.post("/v1/visits", content=body)).status_code == httpx.codes.SERVICE_UNAVAILABLE:
        await asyncio.sleep(0.1)
    require(answer.status_code == 202 and answer.json()["accepted"] == len(people), f"every visit taken: {answer.status_code}")
