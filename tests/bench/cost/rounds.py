"""What one round costs: every process is read before its first request and after all of it has come through."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from common.kafka import bounds
from common.topics import SEGMENTS
from tests.bench.cost.build import Build
from tests.bench.cost.cpu import COMPILING, Reading, spent
from tests.bench.cost.proc import TICKS_PER_SECOND
from tests.bench.cost.work import Load, Request
from tests.bench.serving import require, within

SETTLE_SECONDS = 18.0
"""A round goes on for so long after all has come through: PostgreSQL's vacuum (every 15 s) and OpenSearch's merges are in it."""

_LOOK_SECONDS = 0.5
_QUIET_LOOKS, _QUIET_CORES = 5, 0.15
_PATIENCE_SECONDS = 1800.0
_TRIES = 60


@dataclass(frozen=True, slots=True)
class Idle:
    """Seconds of processor time by role that pass in one second while nothing is asked."""

    rates: Mapping[str, float]

    @property
    def cores(self) -> float:
        """All of it."""
        return sum(self.rates.values())


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds of processor time by role, all of it and the part that would have passed while idle; and moves of segments."""

    items: int
    used: Mapping[str, float]
    idle: Mapping[str, float]
    moves: int


@dataclass
class Watch:
    """Readings of a build, twice a second: what a process that ends used is known until half a second before."""

    build: Build
    readings: list[Reading] = field(default_factory=list[Reading])
    times: list[float] = field(default_factory=list[float])

    async def look(self) -> None:
        """Read once."""
        self.readings.append(await self.build.read())
        self.times.append(time.perf_counter())

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self.look()

    def used(self, last: int = 0) -> tuple[float, Mapping[str, float]]:
        """The seconds from the first reading to now, or of the last so many readings, and the processor time in them by role."""
        ticks = spent(self.readings[-last:])
        return self.times[-1] - self.times[-last:][0], {role: n / TICKS_PER_SECOND for role, n in ticks.items()}

    async def quiet(self, cores: float) -> None:
        """Returns when for some looks no more than this was used, beside a little."""
        until = time.perf_counter() + _PATIENCE_SECONDS
        first = len(self.readings)
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            require(time.perf_counter() < until, f"{self.build.folder} comes to rest")
            if len(self.readings) >= first + _QUIET_LOOKS:
                seconds, used = self.used(_QUIET_LOOKS)
                if sum(used.values()) / seconds < cores + _QUIET_CORES:
                    return


@asynccontextmanager
async def watching(build: Build) -> AsyncIterator[Watch]:
    """Reads from now on; the reader reads for the last time by `look`."""
    watch = Watch(build)
    await watch.look()
    running = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        running.cancel()


async def idle(build: Build, seconds: float = 30.0) -> Idle:
    """What passes while nothing is asked; all has come through before."""
    async with watching(build) as watch:
        await asyncio.sleep(seconds)
        await watch.look()
        took, used = watch.used()
    return Idle({role: each / took for role, each in used.items()})


async def measured(build: Build, client: httpx.AsyncClient, load: Load, rest: Idle) -> Round:
    """Send a round, wait until it has come through, check that it has, and tell what it took."""
    before = await _moves(build)
    found = load.shown
    async with watching(build) as watch:
        taken = await send(client, load.requests, load.at_once)
        until = time.perf_counter() + _PATIENCE_SECONDS
        while True:
            require(time.perf_counter() < until, f"{found} of {load.shown} are found, and all has come through")
            await watch.quiet(rest.cores)
            if load.shows is not None:  # here, since what nobody searches is not made searchable: that is a part of the cost
                answer = await client.post("/v1/search/count", content=orjson.dumps({"filter": load.shows}))
                found = orjson.loads(answer.content)["total"]
            await asyncio.sleep(SETTLE_SECONDS)
            await watch.look()
            took, used = watch.used()
            if await build.caught_up() and found == load.shown:
                break
            print("  not yet", file=sys.stderr, flush=True)
    require(taken == load.items, f"{load.items} taken in, not {taken}")
    return Round(load.items, used, {role: rate * took for role, rate in rest.rates.items()}, await _moves(build) - before)


async def come_to_rest(build: Build, seconds: float = 20.0) -> None:
    """Returns when all has come through, merges and vacuums of it too."""
    async with within(_PATIENCE_SECONDS, f"{build.folder} comes to rest"), watching(build) as watch:
        while True:
            await watch.quiet(0.5)
            await asyncio.sleep(seconds)
            await watch.quiet(0.5)
            if await build.caught_up():
                return


async def send(client: httpx.AsyncClient, requests: Iterable[Request], at_once: int) -> int:
    """Send all, so many at a time, and wait for jobs that they begin; how many items were taken in."""
    waiting = iter(requests)
    taken = 0

    async def sender() -> None:
        nonlocal taken
        for request in waiting:
            answer = await _patiently(client, request)
            require(answer.is_success, f"{request.path} answered {answer.status_code}: {answer.text[:300]}")
            told = orjson.loads(answer.content)
            number = request.taken(told)
            taken += await _imported(client, told["id"]) if number is None else number

    await asyncio.gather(*(sender() for _ in range(at_once)))
    return taken


async def _patiently(client: httpx.AsyncClient, request: Request) -> httpx.Response:
    """The answer, also of a system that has no time at first: it says so by a 503, and each request may come again."""
    tries = 0
    while True:
        tries += 1
        answer = await client.request(
            request.method, request.path, content=request.content, headers={"Content-Type": request.media}
        )
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or tries == _TRIES:
            return answer
        print(f"  {request.path} is asked again: {answer.json()['detail']}", file=sys.stderr, flush=True)
        await asyncio.sleep(float(answer.headers.get("Retry-After", "1")))


async def _imported(client: httpx.AsyncClient, name: str) -> int:
    job: dict[str, Any] = {"status": "waiting"}
    async with within(_PATIENCE_SECONDS, "the import ends"):
        while job["status"] in {"waiting", "running"}:
            await asyncio.sleep(1)
            job = orjson.loads((await client.get(f"/v1/imports/{name}")).content)
    made: int = job["made"]
    return made


async def _moves(build: Build) -> int:
    """How many messages tell of contacts that entered or left a segment, until now."""
    return sum(end for _, end in (await bounds(build.addresses["DANGOL_KAFKA"], [SEGMENTS])).values())


def total(costs: Sequence[Round]) -> Mapping[str, float]:
    """Microseconds an item by role over all these rounds, without what would have passed while idle, and without compilers."""
    items = sum(each.items for each in costs)
    roles = {role for each in costs for role in (*each.used, *each.idle)} - {COMPILING}
    net = {role: sum(each.used.get(role, 0.0) - each.idle.get(role, 0.0) for each in costs) for role in roles}
    return {role: seconds / items * 1_000_000 for role, seconds in net.items()}


def compiling(costs: Sequence[Round]) -> float:
    """Microseconds an item that the compilers took."""
    return sum(each.used.get(COMPILING, 0.0) for each in costs) / sum(each.items for each in costs) * 1_000_000


def taken_off(costs: Sequence[Round]) -> float:
    """Microseconds an item that would have passed while idle."""
    seconds = sum(each.idle[role] for each in costs for role in each.idle if role != COMPILING)
    return seconds / sum(each.items for each in costs) * 1_000_000
