"""From the answer to a visit to its `segment.entered` on the feed: 1,000 visits a second in a channel of 1,000 segments."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice

import httpx
import orjson
from aiokafka import AIOKafkaConsumer

from common.postgres import Database
from common.topics import SEGMENTS
from localstack.stack import Stack
from tests.bench import broad
from tests.bench.building import made, until_live
from tests.bench.measure import Row, open_loop, percentile, told
from tests.bench.people import person, visit
from tests.bench.processes import serving
from tests.bench.serving import require, within
from tests.support.api import fresh_channel

RATE, AT_ONCE, OTHERS = 1000, 50, 999
WARM_SECONDS, SECONDS = 2, 8
_VISITED = {"key": "lastSeenAt", "operator": "exists"}


class Feed:
    """Who has entered the segment, and when that was read from Kafka."""

    def __init__(self, client: AIOKafkaConsumer, segment: str) -> None:
        self.seen: dict[str, float] = {}
        self._client, self._segment = client, segment

    async def run(self) -> None:
        """Until cancelled."""
        async for message in self._client:
            event = orjson.loads(message.value or b"")["event"]
            if event["type"] == "segment.entered" and event["segmentId"] == self._segment:
                self.seen[event["contactId"]] = time.perf_counter()


async def feed(stack: Stack) -> list[Row]:
    """Each contact comes for the first time, and so enters a segment that nobody was in, beside others of the thousand."""
    channel = fresh_channel()
    headers = {"Authorization": f"Bearer {stack.token(channel=channel, sub='bench')}", "Content-Type": "application/json"}
    roles = ("contacts-api", "contacts-relay", "segments-consumer", "segments-relay", "segments-worker")
    client = AIOKafkaConsumer(SEGMENTS, bootstrap_servers=stack.kafka, auto_offset_reset="latest", fetch_max_wait_ms=10)
    async with (
        Database.open(stack.postgres_dsn("segments")) as database,
        serving(stack, *roles) as running,
        httpx.AsyncClient(base_url=running["contacts-api"][0], headers=headers, timeout=60) as contacts,
    ):
        plain = (each["filter"] for each in broad.segments(10 * OTHERS) if "profile." not in str(each["filter"]))
        segments = [await made(database, channel, raw) for raw in (_VISITED, *islice(plain, OTHERS))]
        await until_live(database, channel, segments)  # at once, as nobody is there
        people = await _people(contacts, RATE * (WARM_SECONDS + SECONDS))
        async with within(600, "all are known here"), database.connection() as connection:
            while await connection.fetchval("select count(*) from contact where channel = $1", channel) < len(people):
                await asyncio.sleep(0.2)
        await client.start()
        entered = Feed(client, str(segments[0]))
        reading = asyncio.create_task(entered.run())
        committed: dict[str, float] = {}

        async def come(number: int) -> None:
            some = people[number * AT_ONCE : (number + 1) * AT_ONCE]
            await _visit(contacts, some)
            committed.update(dict.fromkeys(some, time.perf_counter()))

        try:
            await open_loop(RATE / AT_ONCE, WARM_SECONDS + SECONDS, come)
            async with within(60, "all have entered"):
                while len(entered.seen) < len(people):
                    await asyncio.sleep(0.05)
        finally:
            reading.cancel()
            await client.stop()
    waits = [entered.seen[one] - committed[one] for one in people[RATE * WARM_SECONDS :]]
    what = f"event committed in contacts → entered on the feed, {RATE:,} events/s, {len(segments):,} segments"
    return [Row(what, told(waits, 0.99) + f", max {percentile(waits, 1) * 1e3:,.0f} ms", "–", "–", "p99 250 ms")]


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
