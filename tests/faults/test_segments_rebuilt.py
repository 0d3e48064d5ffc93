"""Segments rebuilt from Kafka while everybody writes, by two consumers and two workers, each of them killed: one truth.

At the end whoever is in is whom a plain reading finds, every log alternates and folds to it, in PostgreSQL and in Kafka, the
offsets are those of the topics' ends, and a verification finds nothing to repair.
"""

import asyncio
import random
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import orjson
import pytest

from common.clock import SystemClock, from_millis, to_wire
from common.ids import new_id
from common.kafka import bounds
from common.postgres import Database
from common.topics import CONTACTS, FIELDS, SEGMENTS
from localstack.demo import Api
from localstack.stack import Stack, service_settings_for_commands
from segments.verify import Verifier
from tests.faults.test_kafka_away import kafka_away
from tests.faults.test_kills import changes
from tests.support import oracle
from tests.support.api import caller, eventually, fresh_channel, kill, replaced
from tests.support.processes import Another, another
from tests.support.topics import everything

PEOPLE = 120
BOUGHT = {"key": "profile.boughtAt", "operator": "withinLast", "values": [{"n": 10, "unit": "minutes"}]}
STEPS = {"key": "profile.step", "operator": "gte", "values": [3]}
WINDOW_MS = 10 * 60_000
FILTERS: list[Any] = [STEPS, BOUGHT, {"and": [{"not": STEPS}, {"not": BOUGHT}]}]
Kill = Callable[[], Awaitable[None]]


class Crowd:
    """People who buy and go: each purchase is within the window for some seconds more."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._chance = random.Random(11)
        self.ids: dict[str, str] = {}
        self.erased: set[str] = set()
        self.written = 0
        self.ends = 0
        """When the last window ends (milliseconds): later, the clock moves nobody."""
        self.position = ""

    async def write(self, members: Sequence[str]) -> None:
        """Another step of each, and a purchase of some."""
        self.written += 1
        rows = []
        for member in members:
            profile: dict[str, Any] = {"step": self._chance.randrange(6)}
            if self._chance.random() < 0.5:
                ends = await now() + self._chance.randrange(200, 4000)
                profile["boughtAt"] = to_wire(from_millis(ends - WINDOW_MS))
                self.ends = max(self.ends, ends)
            rows.append({"memberId": member, "profile": profile})
        answer = await self._api.ask("POST", "/v1/contacts/batch", body={"contacts": rows})
        results = answer.json()["results"]
        assert [row.get("problem") for row in results] == [None] * len(rows)
        self.ids |= {member: row["id"] for member, row in zip(members, results, strict=True)}
        self.position = answer.headers["Dangol-Position"]

    async def go_on(self, stop: asyncio.Event) -> None:
        """Write and erase until told to stop."""
        while not stop.is_set():
            there = sorted(member for member in self.ids if member not in self.erased)
            await self.write(self._chance.sample(there, 20))
            if self.written % 4 == 0 and len(self.erased) < PEOPLE // 4:
                gone = self._chance.choice(there)
                self.erased.add(gone)
                # 410 where an answer was lost, and it was asked for again.
                assert (await self._api.ask("DELETE", f"/v1/contacts/{self.ids[gone]}")).status_code in {202, 410}
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.1)

    async def there(self) -> list[dict[str, Any]]:
        """All that are not erased, as they are now."""
        ids = [contact for member, contact in self.ids.items() if member not in self.erased]
        return [await self._api.json("GET", f"/v1/contacts/{contact}") for contact in ids]


class System:
    """The stack with one more consumer and one more worker of segments."""

    def __init__(self, stack: Stack, consumer: Another, worker: Another) -> None:
        self.stack = stack
        self.kills: dict[str, Kill] = {
            **{name: partial(self._own, name) for name in ("segments-consumer", "segments-worker", "segments-relay", "postgres")},
            "another consumer": partial(self._another, consumer),
            "another worker": partial(self._another, worker),
            "kafka": self._kafka,
        }

    async def rebuild(self) -> None:
        """`python -m segments rebuild`, as often as it takes: it needs PostgreSQL, which may be away."""

        async def done() -> str:
            env = service_settings_for_commands(self.stack.home, self.stack.facts, "segments")
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "segments", "rebuild", env=env, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE
            )
            _, said = await asyncio.wait_for(process.communicate(), 120)
            return said.decode()[-2000:] if process.returncode else ""

        await eventually(done, lambda said: said == "", 120)

    async def _own(self, name: str) -> None:
        async def running() -> bool:
            return self.stack.pid(name) is not None

        # A rebuild fences the consumers, which end and begin anew; so does what a killed server took with it.
        await eventually(running, bool, 60)
        await replaced(self.stack, name, kill(self.stack, name), 60)

    async def _another(self, process: Another) -> None:
        before = process.starts
        process.kill()

        async def starts() -> int:
            return process.starts

        await eventually(starts, lambda n: n > before)

    async def _kafka(self) -> None:
        async with kafka_away(self.stack):
            pass


async def made(api: Api, position: str) -> dict[str, Any]:
    """The segments, and one that names two of them."""
    found: dict[str, Any] = {}
    for number, raw in enumerate([*FILTERS, None]):
        if raw is None:
            names = list(found)
            raw = {"and": [{"key": "segment", "operator": "in", "values": names[:1]},
                           {"key": "segment", "operator": "notIn", "values": names[1:2]}]}  # fmt: skip
        answer = await api.ask(
            "POST", "/v1/segments", body={"name": f"s-{number}", "filter": raw}, headers={"Dangol-Position": position}
        )
        assert answer.status_code == 201, answer.text
        found[answer.json()["id"]] = raw
    return found


async def members(api: Api, segment: str) -> set[str]:
    """Who is in, once it is built."""
    found: set[str] = set()
    cursor = None
    while True:
        params = {"limit": "100"} | ({} if cursor is None else {"cursor": cursor})
        page = await api.json("GET", f"/v1/segments/{segment}/members", params=params)
        found |= {item["contactId"] for item in page["items"]}
        if (cursor := page["next"]) is None:
            return found


async def wrong(api: Api, segments: dict[str, Any], contacts: list[dict[str, Any]]) -> dict[str, set[str]]:
    """The segments whose members are not whom a plain reading finds, with whom they differ in."""
    world = oracle.World(fields={"step": "number", "boughtAt": "date"}, segments=segments)
    found: dict[str, set[str]] = {}
    for segment, raw in segments.items():
        inside, instant = await members(api, segment), await now()
        expected = {contact["id"] for contact in contacts if oracle.holds(raw, contact, instant, world)}
        if inside != expected:
            found[segment] = inside ^ expected
    return found


def folded(log: Sequence[dict[str, Any]]) -> set[str]:
    """Who is in by a log, whose positions have no gap and whose changes take turns."""
    assert [change["position"] for change in log] == list(range(1, len(log) + 1))
    inside: set[str] = set()
    for change in log:
        assert (change["contactId"] in inside) == (change["change"] == "left")
        inside ^= {change["contactId"]}
    return inside


async def now() -> int:
    """Milliseconds."""
    return time.time_ns() // 1_000_000


async def offsets(stack: Stack, database: Database) -> dict[tuple[str, int], tuple[int, int]]:
    """The partitions of which not all is applied: up to where, and where they end."""
    ends = {place: end for place, (_, end) in (await bounds(stack.kafka, [CONTACTS, FIELDS])).items() if end}
    async with database.connection() as connection:
        rows = await connection.fetch("select topic, partition, next_offset from consumer_offset")
    known = {(row["topic"], row["partition"]): row["next_offset"] for row in rows}
    return {place: (known.get(place, 0), end) for place, end in ends.items() if known.get(place, 0) != end}


async def one_truth(stack: Stack, api: Api, channel: str, segments: dict[str, Any], crowd: Crowd) -> None:
    """What must hold once everything has caught up, and the clock moves nobody any more."""
    contacts = await crowd.there()
    await eventually(now, lambda instant: instant > crowd.ends)
    assert await eventually(partial(wrong, api, segments, contacts), lambda differing: not differing, 90) == {}
    async with Database.open(stack.postgres_dsn("segments")) as database:
        assert await eventually(partial(offsets, stack, database), lambda behind: not behind, 60) == {}
        logs = {segment: await changes(api, segment) for segment in segments}
        for segment, log in logs.items():
            assert folded(log) == await members(api, segment)
        assert not await Verifier(database, SystemClock(), new_id).channel(channel)
    expected = {(s, c["position"]): (c["contactId"], c["change"], c["at"]) for s, log in logs.items() for c in log}

    async def differing() -> set[tuple[tuple[str, int], tuple[str, str, str]]]:
        records = [r for r in await everything(stack.kafka, SEGMENTS) if r.channel == channel and r.value is not None]
        events = [orjson.loads(r.value or b"")["event"] for r in records]
        sent = {
            (e["segmentId"], e["position"]): (e["contactId"], e["type"].removeprefix("segment."), e["at"])
            for e in events if "contactId" in e
        }  # fmt: skip
        return set(sent.items()) ^ set(expected.items())

    assert await eventually(differing, lambda found: not found, 60) == set()


ONCE = [["another consumer", "segments-worker"]]
EACH = ["segments-consumer", "another worker", "segments-relay", "another consumer", "postgres", "segments-worker", "kafka"]


@pytest.mark.parametrize(
    "rounds", [pytest.param(ONCE, id="once"), pytest.param([EACH, EACH[::-1], EACH], id="each", marks=pytest.mark.deep)]
)
async def test_a_rebuild_beside_writers_and_kills_loses_and_doubles_nothing(stack: Stack, rounds: list[list[str]]) -> None:
    channel = fresh_channel()
    async with (
        caller(stack, channel) as api,
        another(stack, "segments-consumer") as consumer,
        another(stack, "segments-worker") as worker,
    ):
        system, crowd, stop = System(stack, consumer, worker), Crowd(api), asyncio.Event()
        for key, kind in (("step", "Number"), ("boughtAt", "Date")):
            field = await api.ask("POST", "/v1/fields", body={"key": f"profile.{key}", "type": kind})
            assert field.status_code == 201, field.text
        await crowd.write([f"m-{number}" for number in range(PEOPLE)])
        segments = await made(api, crowd.position)
        writing = asyncio.create_task(crowd.go_on(stop))
        try:
            for victims in rounds:
                await system.rebuild()
                for victim in victims:
                    await system.kills[victim]()
        finally:
            stop.set()
            await writing
        await one_truth(stack, api, channel, segments, crowd)
        assert crowd.erased
