"""`make bench-cost`: processor time of a visit, an upsert, a custom event and an imported row, over all processes of the stack.

From the request until all has come through: outboxes empty, every reader caught up, searchable, segments moved and that told.
`SEGMENTS=0,100,1000` in the channels, `N=30000` contacts in the index; `BASE=/path/to/checkout` measures another build in turns.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import orjson

from localstack.home import checkout
from tests.bench.cost.build import Build, running
from tests.bench.cost.definitions import FIELDS, segments
from tests.bench.cost.rounds import Idle, Round, come_to_rest, idle, measured, send, total
from tests.bench.cost.table import Cell, tables
from tests.bench.cost.work import CROWD, KINDS, crowds, load
from tests.bench.measure import machine
from tests.bench.serving import require

_FILL_AT_ONCE = 4
_ROUNDS = range(1, 21)  # in more, visits would come to be in the future


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be measured."""

    kinds: Sequence[str]
    segments: Sequence[int]
    contacts: int
    rounds: int
    base: Path | None


def wanted(arguments: Sequence[str], environment: Mapping[str, str]) -> Wanted:
    """What the command line and the environment ask for; ends the run where that can't be."""
    chosen = environment.get("SEGMENTS") or "0,100,1000"
    contacts, rounds = environment.get("N") or "30000", environment.get("ROUNDS") or "3"
    unknown = [kind for kind in arguments if kind not in KINDS]
    numbers = [each.strip() for each in chosen.split(",")]
    if unknown or not all(each.isdecimal() for each in (contacts, rounds, *numbers)) or int(rounds) not in _ROUNDS:
        raise SystemExit(f"Kinds are {' '.join(KINDS)}; N and each of SEGMENTS is a number; ROUNDS is 1 to 20.")
    if int(contacts) < CROWD * len(set(numbers)):
        raise SystemExit(f"N is {CROWD * len(set(numbers)):,} at least: {CROWD:,} contacts for each of SEGMENTS.")
    base = Path(environment["BASE"]).resolve() if environment.get("BASE") else None
    kinds = [kind for kind in KINDS if kind in (arguments or KINDS)]
    return Wanted(kinds, sorted({int(each) for each in numbers}), int(contacts), int(rounds), base)


def say(text: str) -> None:
    """How far it is, for who waits."""
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class World:
    """A build with its contacts, and a caller in the channel of each number of segments."""

    build: Build
    callers: Mapping[int, httpx.AsyncClient]
    began: datetime

    async def warm_up(self, kinds: Sequence[str]) -> None:
        """A round of every kind in each channel that nobody measures: servers just started are slow, of whatever kind."""
        for kind in kinds:
            for client in self.callers.values():
                some = load(kind, kinds.index(kind), self.began)
                require(await send(client, some.requests, some.at_once) == some.items, "everything taken in")
        await come_to_rest(self.build)


@asynccontextmanager
async def world(build: Build, wanted: Wanted) -> AsyncIterator[World]:
    """Make the channels with their segments, which are built at once as nobody is there yet, then the contacts."""
    began = datetime.now(UTC)
    run = uuid4().hex[:8]
    async with AsyncExitStack() as open_:
        callers = {n: await open_.enter_async_context(build.client(f"cost-{n}-{run}")) for n in wanted.segments}
        others = await open_.enter_async_context(build.client(f"cost-others-{run}"))
        for number, client in callers.items():
            say(f"{build.name}: {number} segments")
            for key, kind in FIELDS.items():
                await _make(client, "/v1/fields", {"key": key, "type": kind})
            await come_to_rest(build, 1)
            for segment in segments(number):
                await _make(client, "/v1/segments", segment)
        say(f"{build.name}: {wanted.contacts:,} contacts")
        for client in callers.values():
            require(await send(client, crowds(0, CROWD, began), _FILL_AT_ONCE) == CROWD, "everybody made")
        left = wanted.contacts - CROWD * len(callers)
        require(await send(others, crowds(CROWD, left, began), _FILL_AT_ONCE) == left, "everybody made")
        await come_to_rest(build)
        yield World(build, callers, began)


async def _make(client: httpx.AsyncClient, path: str, body: object) -> None:
    answer = await client.post(path, content=orjson.dumps(body))
    require(answer.status_code == 201, f"{path} answered {answer.status_code}: {answer.text[:300]}")


def briefly(found: Round) -> str:
    """What a round cost, and most of where."""
    net = total([found])
    most = sorted(net, key=lambda role: -net[role])[:5]
    return f"{sum(net.values()):,.0f} µs ({', '.join(f'{role} {net[role]:,.0f}' for role in most)})"


@dataclass(frozen=True, slots=True)
class Found:
    """What is measured by now: costs by kind and number of segments, and what passes while idle, both by build."""

    cells: Sequence[Cell]
    idle: dict[str, list[Idle]]


async def measure(wanted: Wanted, found: Found) -> None:
    """Rounds in turns: of each kind, in each channel, by each build, and all of that again."""
    async with AsyncExitStack() as open_:
        worlds: list[World] = []
        for name, folder in (("ours", checkout()), *([("the build beside", wanted.base)] if wanted.base else [])):
            say(f"{name}: starting {folder}")
            build = await open_.enter_async_context(running(name, folder))
            worlds.append(await open_.enter_async_context(world(build, wanted)))
        for each in worlds:
            say(f"{each.build.name}: warming up")
            await each.warm_up(wanted.kinds)
        for turn in range(wanted.rounds):
            for each in worlds:
                found.idle.setdefault(each.build.name, []).append(await idle(each.build))
            for cell in found.cells:
                number = (1 + turn) * len(wanted.kinds) + wanted.kinds.index(cell.kind)  # after those that warmed up
                for each in worlds:
                    name, some = each.build.name, load(cell.kind, number, each.began)
                    cost = await measured(each.build, each.callers[cell.segments], some, found.idle[name][-1])
                    cell.rounds.setdefault(name, []).append(cost)
                    say(f"round {turn + 1}, {name}: {KINDS[cell.kind]}, {cell.segments:,} segments: {briefly(cost)}")


def main(arguments: Sequence[str]) -> None:
    """Measure what is named, or all, and print it; also what there is when it is broken off."""
    asked = wanted(arguments, os.environ)
    found = Found([Cell(kind, number, {}) for kind in asked.kinds for number in asked.segments], {})
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the servers are stopped
    whole = False
    try:
        asyncio.run(measure(asked, found))
        whole = True
    finally:
        numbers = ",".join(str(number) for number in asked.segments)
        command = f"make bench-cost ARGS='{' '.join(asked.kinds)}' SEGMENTS={numbers} N={asked.contacts}"
        print(f"`{command}`, {machine(('asyncpg', 'aiokafka'))};")
        print(f"means of {asked.rounds} rounds in turns (the least and the most of a round), what passes while idle taken off.")
        print("" if whole else "Broken off: where a round is missing it is left out, and – stands where there is none.\n", end="")
        for each in tables(found.cells, found.idle):
            print(f"\n{each}")


if __name__ == "__main__":
    main(sys.argv[1:])
