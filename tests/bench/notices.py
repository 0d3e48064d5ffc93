"""`make bench-notices`: N notices to ten destinations by one worker, and the same with one of the ten that hangs.

Told is when the last of the other nine has all of its notices, and the CPU that the worker took until then. The stand-ins run in
this process, beside the worker. The two take turns.
"""

import asyncio
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import psutil

from common.ids import new_id
from common.postgres import Database
from common.sealing import Seal
from localstack.stack import Stack
from notify.announcing import Announcement
from notify.deliveries import store
from notify.deliveries.store import Addressed
from notify.destinations.destination import Destination
from notify.destinations.store import Destinations
from notify.kinds.kind import Kind
from tests.bench.serving import require, within
from tests.support.chats import SECRET
from tests.support.outside import Hang, Outside
from tests.support.postgres import fresh_schema
from tests.support.stack import stack_of_this_run

DESTINATIONS = 10
TURNS = 3
NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
SEALING_KEY = "0" * 64
TOLD = Announcement("export.ready", "파일이 준비되었습니다.", "A file is ready.", "https://dangol.example/exports/1", {"rows": 1})


@dataclass(frozen=True, slots=True)
class Taken:
    """How long it took until nine destinations had all of their notices, and how much CPU of the worker."""

    seconds: float
    cpu: float


@asynccontextmanager
async def worker(stack: Stack, dsn: str) -> AsyncIterator[psutil.Process]:
    """One `notify worker` on this schema."""
    own = {"NOTIFY_POSTGRES": dsn, "NOTIFY_ALLOW": "127.0.0.1/32", "NOTIFY_SEALING_KEY": SEALING_KEY, "NOTIFY_LOG_LEVEL": "error"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "notify", "worker", env=os.environ | stack.service_env("notify-worker") | own
    )
    try:
        yield psutil.Process(process.pid)
    finally:
        process.kill()
        await process.wait()


async def once(stack: Stack, number: int, *, hangs: bool) -> Taken:
    """One turn, in a schema of its own."""
    async with AsyncExitStack() as open_:
        dsn = await open_.enter_async_context(fresh_schema(stack.postgres_dsn(None), ["notify"]))
        database = await open_.enter_async_context(Database.open(dsn, size=2))
        outsides = [await open_.enter_async_context(Outside.open(keep=False)) for _ in range(DESTINATIONS)]
        if hangs:
            outsides[0].decide = lambda _: Hang()
        await fill(database, outsides, number)
        process = await open_.enter_async_context(worker(stack, dsn))
        async with within(60 + number / 50, f"nine destinations have {number:,} notices each"):
            while not any(outside.count for outside in outsides[1:]):
                await asyncio.sleep(0.005)
            began, before = time.perf_counter(), cpu_of(process)
            while any(outside.count < number for outside in outsides[1:]):
                await asyncio.sleep(0.005)
        taken = Taken(time.perf_counter() - began, cpu_of(process) - before)
        require(all(outside.count == number for outside in outsides[1:]), "a notice came twice")
        require(not hangs or outsides[0].count <= 16, "the one that hangs was asked more than a few times")
        return taken


async def fill(database: Database, outsides: list[Outside], number: int) -> None:
    """Destinations, and their notices."""
    destinations = Destinations(Seal(bytes.fromhex(SEALING_KEY), os.urandom))
    ids: list[UUID] = []
    async with database.transaction() as tx:
        for outside in outsides:
            made = Destination(new_id(), "c", 1, Kind.WEBHOOK, outside.url(), SECRET, ("export.ready",), None, "en", NOW, "kim")
            await destinations.keep(tx, made)
            ids.append(made.id)
    for first in range(0, number, 500):
        async with database.transaction() as tx:
            events = range(first, min(first + 500, number))
            rows = [Addressed("c", place, new_id(), f"e{event}", NOW, TOLD) for event in events for place in ids]
            await store.add(tx, rows, datetime.now(UTC))


def cpu_of(process: psutil.Process) -> float:
    """User and system seconds of the worker."""
    times = process.cpu_times()
    return times.user + times.system


async def bench(stack: Stack, number: int) -> None:
    """In turns; the medians are told."""
    found: dict[bool, list[Taken]] = {False: [], True: []}
    for _ in range(TURNS):
        for hangs, turns in found.items():
            turns.append(await once(stack, number, hangs=hangs))
            what = "one hangs" if hangs else "all answer"
            print(f"  {what}: {turns[-1].seconds:.2f} s, CPU of the worker {turns[-1].cpu:.2f} s", file=sys.stderr, flush=True)
    seconds = {hangs: statistics.median(turn.seconds for turn in turns) for hangs, turns in found.items()}
    cpu = {hangs: statistics.median(turn.cpu for turn in turns) for hangs, turns in found.items()}
    print("| what | one of ten hangs | all ten answer | ratio | goal |\n|---|---|---|---|---|")
    print(f"| {number:,} notices to nine destinations | {seconds[True]:.2f} s | {seconds[False]:.2f} s "
          f"| {seconds[True] / seconds[False]:.2f} | as fast |")  # fmt: skip
    print(f"| CPU of the worker until then | {cpu[True]:.2f} s | {cpu[False]:.2f} s | {cpu[True] / cpu[False]:.2f} | – |")


if __name__ == "__main__":
    with stack_of_this_run() as running:
        running.servers_up()
        asyncio.run(bench(running, int(os.environ.get("N") or 300)))
