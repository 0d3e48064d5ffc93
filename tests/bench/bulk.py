"""`make bench-bulk`: a tag on all of N=100000 contacts, until the job is done and until all can be found by it; and its cost.

`BASE=/path/to/checkout` measures another build too, each round beside this one's, on a stack of its own.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import orjson

from localstack.home import checkout
from tests.bench.cost.build import Build, running
from tests.bench.cost.rounds import come_to_rest, send, watching
from tests.bench.cost.work import crowds
from tests.bench.measure import machine
from tests.bench.serving import require, within

_LOOK_SECONDS, _LONGEST_SECONDS = 0.2, 900
_FILL_AT_ONCE = 4
_LEAST = 0.05
"""Of processor seconds: whoever used less is not told of."""
_EVERYONE = {"and": list[object]()}


@dataclass(frozen=True, slots=True)
class Action:
    """What one bulk action took: seconds until its job was done and until all were found, and processor seconds by role."""

    done: float
    found: float
    used: Mapping[str, float]


async def filled(build: Build, client: httpx.AsyncClient, contacts: int) -> None:
    """Everybody is made, and found."""
    print(f"{build.name}: {contacts:,} contacts", file=sys.stderr, flush=True)
    require(await send(client, crowds(0, contacts, datetime.now(UTC)), _FILL_AT_ONCE) == contacts, "everybody made")
    await come_to_rest(build)


async def acted(build: Build, client: httpx.AsyncClient, contacts: int, tag: str) -> Action:
    """One tag more for everybody."""
    seen = await _ask(client, "/v1/search/count", {"filter": _EVERYONE})
    require(seen["total"] == contacts, f"{contacts} contacts, not {seen['total']}")
    target = {"filter": _EVERYONE, "fingerprint": seen["fingerprint"]}
    async with watching(build) as watch:
        began = time.perf_counter()
        job = await _ask(client, "/v1/bulk-actions", {"action": {"addTags": [tag]}, "target": target})
        async with within(_LONGEST_SECONDS, "the action is done"):
            while job["status"] in {"waiting", "running"}:
                await asyncio.sleep(_LOOK_SECONDS)
                job = (await client.get(f"/v1/bulk-actions/{job['id']}")).json()
        done = time.perf_counter() - began
        require(job["status"] == "done" and job["changed"] == contacts, f"everybody changed, not {job}")
        async with within(_LONGEST_SECONDS, "everybody is found"):
            while (await _ask(client, "/v1/search/count", {"filter": _tagged(tag)}))["total"] < contacts:
                await asyncio.sleep(_LOOK_SECONDS)
        found = time.perf_counter() - began
        await watch.look()
        _, used = watch.used()
    return Action(done, found, used)


def _tagged(tag: str) -> dict[str, object]:
    return {"key": "tags", "operator": "hasAny", "values": [tag]}


async def _ask(client: httpx.AsyncClient, path: str, body: object) -> Any:
    answer = await client.post(path, content=orjson.dumps(body))
    require(answer.is_success, f"{path} answered {answer.status_code}: {answer.text[:300]}")
    return answer.json()


def told(name: str, actions: list[Action]) -> str:
    """A line of the table for each round."""
    lines: list[str] = []
    for each in actions:
        most = sorted(((n, role) for role, n in each.used.items() if n >= _LEAST), reverse=True)
        by_role = ", ".join(f"{role} {n:.1f}" for n, role in most)
        lines.append(f"| {name} | {each.done:.1f} s | {each.found:.1f} s | {sum(each.used.values()):.1f} s: {by_role} |")
    return "\n".join(lines)


async def measure(contacts: int, rounds: int, base: Path | None) -> dict[str, list[Action]]:
    """The rounds of each build in turns, the first of which nobody measures: servers that have just started are slow."""
    found: dict[str, list[Action]] = {}
    async with AsyncExitStack() as open_:
        worlds: list[tuple[Build, httpx.AsyncClient]] = []
        for name, folder in (("ours", checkout()), *([("the build beside", base)] if base else [])):
            build = await open_.enter_async_context(running(name, folder))
            client = await open_.enter_async_context(build.client(f"bulk-{uuid4().hex[:8]}"))
            await filled(build, client, contacts)
            worlds.append((build, client))
        for number in range(rounds + 1):
            for build, client in worlds:
                action = await acted(build, client, contacts, f"bench {number}")
                print(told(build.name, [action]), file=sys.stderr, flush=True)
                if number:
                    found.setdefault(build.name, []).append(action)
                await come_to_rest(build)
    return found


def main() -> None:
    """Measure and print the table."""
    contacts, rounds = int(os.environ.get("N") or "100000"), int(os.environ.get("ROUNDS") or "1")
    base = Path(os.environ["BASE"]).resolve() if os.environ.get("BASE") else None
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the servers are stopped
    found = asyncio.run(measure(contacts, rounds, base))
    print(f"`make bench-bulk N={contacts}`, {machine(('asyncpg', 'aiokafka'))}\n")
    print("| build | job done | all found | processors until then, by process |\n|---|---|---|---|")
    for name, actions in found.items():
        print(told(name, actions))


if __name__ == "__main__":
    main()
