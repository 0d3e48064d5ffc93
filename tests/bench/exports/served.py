"""The whole export through the running system, from the request to the file that is ready, by its phases; and the file alone.

`BASE=/path/to/checkout` measures another build too, in turns with this one. The first export of each is not told: servers that
have just started are slow.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson

from common.auth import Signer
from common.peers import Peer
from localstack.home import checkout
from localstack.stack import Stack
from tests.bench.cost import proc
from tests.bench.cost.build import Build, running
from tests.bench.cost.cpu import java_usage, with_children
from tests.bench.cost.rounds import come_to_rest, send
from tests.bench.cost.work import crowds
from tests.bench.exports.memory import forget_peak, peaks_of
from tests.bench.exports.ways import taken
from tests.bench.measure import Row
from tests.bench.serving import require, within

COLUMNS = (
    "id", "memberId", "name", "email", "mobileNumber", "city", "tags", "createdAt", "updatedAt", "sessionsCount",
    "lastSeenAt", "country", "language", "unsubscribeEmail", "unsubscribeTexting", "profile.grade", "profile.totalAmount",
    "profile.lastOrderAt", "profile.newsletter", "profile.interests",
)  # fmt: skip
_PASSWORD = "bench-1!word"
_CHANNEL = f"exports-{uuid4().hex[:8]}"
_LOOK_SECONDS, _LONGEST_SECONDS = 0.1, 600
_LEAST = 0.05
"""Of processor seconds: whoever used less is not told of."""
_WORKER, _SEARCH = "exports-worker", "search-api"
_STEPS = {"requested": "asked", "taken_up": "taken up", "counted": "counted", "written": "written", "completed": "read back"}
GOAL = "≤ 6 s of 100,000, ≤ 60 s of 1,000,000"
_EVENTS = "select type, min(at) as at from exports.event where stream = $1 group by type"


@dataclass(frozen=True, slots=True)
class Taken:
    """What one export took: seconds by phase, processor seconds by process, MiB at their most of those that hold rows."""

    count: int
    phases: Mapping[str, float]
    used: Mapping[str, float]
    memory: Mapping[str, float]

    def rows(self, name: str, alone: str, goal: str) -> Iterator[Row]:
        """The lines of the table."""
        yield Row(f"{self.count:,} × {len(COLUMNS)} from request to ready, {name}", _told(self.phases, "s"), alone, "", goal)
        yield Row("the processors meanwhile", _told(self.used, "s CPU", least=_LEAST), "", "", "")
        yield Row("the most memory", ", ".join(f"{process} {mib:.0f} MiB" for process, mib in self.memory.items()), "", "", "")


def _told(parts: Mapping[str, float], unit: str, least: float = 0.0) -> str:
    each = ", ".join(f"{what} {seconds:.2f}" for what, seconds in parts.items() if seconds >= least)
    return f"{sum(parts.values()):.2f} {unit}: {each}"


@dataclass
class _World:
    build: Build
    client: httpx.AsyncClient


async def _ask(client: httpx.AsyncClient, method: str, path: str, body: object = None) -> Any:
    answer = await client.request(method, path, content=None if body is None else orjson.dumps(body))
    require(answer.is_success, f"{path} answered {answer.status_code}: {answer.text[:300]}")
    return answer.json()


@asynccontextmanager
async def _filled(name: str, folder: Path, contacts: int) -> AsyncIterator[_World]:
    """A running build that has so many contacts, and has come to rest."""
    async with running(name, folder) as build, build.client(_CHANNEL) as client:
        print(f"{name}: {contacts:,} contacts", file=sys.stderr, flush=True)
        await _ask(client, "PATCH", "/v1/channel", {"exportMinutes": 0})
        require(await send(client, crowds(0, contacts, datetime.now(UTC)), 4) == contacts, "everybody made")
        await come_to_rest(build, 5.0)
        yield _World(build, client)


def _used(build: Build) -> Mapping[str, float]:
    """Processor seconds of each process until now; those of OpenSearch's compilers by themselves, as they end by and by."""
    stats = proc.processes()
    found = {name: float(with_children(stats.values(), stats[pid])) for name, pid in build.pids.items() if name != "supervisor"}
    java = java_usage(stats, build.pids["opensearch"], "opensearch", proc.threads(build.pids["opensearch"]))
    found["opensearch's compilers"] = float(sum(ticks for _, ticks in java.parts.values()))
    found["opensearch"] -= found["opensearch's compilers"]
    worker = stats[build.pids[_WORKER]]
    found["processes of rows"] = found[_WORKER] - worker.ticks
    found[_WORKER] = worker.ticks
    return {name: ticks / proc.TICKS_PER_SECOND for name, ticks in found.items()}


async def _exported(world: _World, contacts: int) -> Taken:
    """One export of everybody."""
    build, client = world.build, world.client
    pids = {name: build.pids[name] for name in (_WORKER, _SEARCH)}
    for pid in pids.values():
        forget_peak(pid)
    before = _used(build)
    body = {"reason": "a benchmark", "password": _PASSWORD, "scope": {"all": True}, "columns": COLUMNS}
    with peaks_of(pids[_WORKER]) as worker, peaks_of(pids[_SEARCH]) as search:
        began = time.time()
        export = await _ask(client, "POST", "/v1/exports", body)
        async with within(_LONGEST_SECONDS, "the file is ready"):
            while export["status"] in {"waiting", "counting", "writing", "verifying"}:
                await asyncio.sleep(_LOOK_SECONDS)
                export = await _ask(client, "GET", f"/v1/exports/{export['id']}")
        used = _used(build)
    require(export["status"] == "ready" and export["manifest"]["rows"] == contacts, f"everybody is in the file, not {export}")
    assert build.postgres is not None
    at = {
        row["type"].removeprefix("export."): row["at"].timestamp()
        for row in await build.postgres.fetch(_EVENTS, UUID(export["id"]))
    }
    ends = [began, *(at[step] for step in _STEPS)]
    phases = {phase: end - begin for phase, begin, end in zip(_STEPS.values(), ends, ends[1:], strict=False)}
    rows = [kib / 1024 for pid, kib in worker.items() if pid != pids[_WORKER]]
    memory = {
        _WORKER: worker[pids[_WORKER]] / 1024,
        "each process of rows": max(rows, default=0.0),
        _SEARCH: search[pids[_SEARCH]] / 1024,
    }
    return Taken(contacts, phases, {name: used[name] - before[name] for name in used}, memory)


async def _keep_stream(world: _World, folder: Path) -> Path:
    """The contacts' lines as search gives them to exports, in a file, and the columns in one beside it."""
    env = Stack(world.build.home.root).service_env(_WORKER)
    signer = Signer(Path(env["EXPORTS_SIGNING_KEY"]), env["EXPORTS_ISSUER"], "service:exports")
    fields = {each["key"]: each["type"] for each in (await _ask(world.client, "GET", "/v1/fields"))["items"]}
    columns = [{"key": key, "type": fields.get(key, "String"), "heading": key} for key in COLUMNS]
    (folder / "columns").write_bytes(orjson.dumps(columns))
    with (folder / "stream").open("wb") as file:
        async with httpx.AsyncClient(timeout=60) as client:
            peer = Peer(client, signer, env["EXPORTS_SEARCH_URL"], "contacts.read")
            async with peer.lines("/internal/scan", _CHANNEL, {"all": True}) as lines:
                await anext(lines)
                last = await anext(lines)
                async for line in lines:
                    file.write(last + b"\n")
                    last = line
    return folder / "stream"


async def _measure(contacts: int, rounds: int, base: Path | None, folder: Path) -> tuple[dict[str, list[Taken]], Path]:
    found: dict[str, list[Taken]] = {}
    async with AsyncExitStack() as open_:
        named = [("ours", checkout()), *([("the build beside", base)] if base else [])]
        worlds = [await open_.enter_async_context(_filled(name, where, contacts)) for name, where in named]
        for number in range(rounds + 1):
            for world in worlds:
                each = await _exported(world, contacts)
                for row in each.rows(world.build.name, "", GOAL):
                    print(f"  {row.what}: {row.ours}", file=sys.stderr, flush=True)
                if number:
                    found.setdefault(world.build.name, []).append(each)
        stream = await _keep_stream(worlds[0], folder)
    return found, stream


def served(contacts: int, folder: Path, check: Callable[[Path], None]) -> Iterator[Row]:
    """The export of so many contacts; beside it what a file of the same stream takes alone, which `check` looks at."""
    rounds = int(os.environ.get("ROUNDS") or "1")
    base = Path(os.environ["BASE"]).resolve() if os.environ.get("BASE") else None
    rounds_of, stream = asyncio.run(_measure(contacts, rounds, base, folder))
    alone = taken(["proven"], stream, folder / "book.xlsx", check, repetitions=1)["proven"]
    for name, each in rounds_of.items():
        for one in each:
            yield from one.rows(name, f"{alone} (the file alone: written by two processes of rows, and read back)", GOAL)
