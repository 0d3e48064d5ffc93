"""How every figure is taken: candidates run in turns, their medians stand beside each other; waits are those of every request."""

import asyncio
import platform
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

import psutil

REPETITIONS = 3

Run = Callable[[], Awaitable[float]]
"""Does the work once; answers its rate, per second."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: what was measured, the figure of ours, of the baseline beside it, and what was aimed at."""

    what: str
    ours: str
    beside: str
    ratio: str
    goal: str


async def interleaved(candidates: Mapping[str, Run], repetitions: int = REPETITIONS) -> dict[str, float]:
    """The median rate of each candidate. They take turns, so that what else the machine does meets all of them alike."""
    rates: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(repetitions):
        for name, run in candidates.items():
            rates[name].append(await run())
            print(f"  {name}: {rates[name][-1]:,.0f}/s", file=sys.stderr, flush=True)
    return {name: statistics.median(found) for name, found in rates.items()}


def compared(what: str, ours: float, beside: float, baseline: str, goal: str) -> Row:
    """A line of two rates."""
    return Row(what, f"{ours:,.0f}/s", f"{beside:,.0f}/s ({baseline})", f"{ours / beside:.1f} ×", goal)


async def timed(candidates: Mapping[str, Callable[[], Awaitable[object]]], repetitions: int) -> dict[str, list[float]]:
    """The seconds of each candidate, time after time, in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(repetitions):
        for name, run in candidates.items():
            began = time.perf_counter()
            await run()
            seconds[name].append(time.perf_counter() - began)
    for name, found in seconds.items():
        print(
            f"  {name}: median {statistics.median(found):.3f} s, p95 {percentile(found, 0.95):.3f} s", file=sys.stderr, flush=True
        )
    return seconds


async def open_loop(rate: float, seconds: float, ask: Callable[[int], Awaitable[object]]) -> list[float]:
    """The seconds of each request from when it was due, whether or not those before it were answered by then."""

    async def one(number: int, due: float) -> float:
        await ask(number)
        return time.perf_counter() - due

    waits: list[asyncio.Task[float]] = []
    async with asyncio.TaskGroup() as group:
        began = time.perf_counter()
        for number in range(int(rate * seconds)):
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            waits.append(group.create_task(one(number, due)))
    return [wait.result() for wait in waits]


@asynccontextmanager
async def peak_memory(pid: int) -> AsyncIterator[list[float]]:
    """A list of one figure: the most memory in MiB that the process was seen to hold; looked at every 20 ms."""
    peak = [0.0]
    process = psutil.Process(pid)

    async def watch() -> None:
        while True:
            try:
                peak[0] = max(peak[0], process.memory_info().rss / 2**20)
            except psutil.NoSuchProcess:
                return
            await asyncio.sleep(0.02)

    watching = asyncio.create_task(watch())
    try:
        yield peak
    finally:
        watching.cancel()


def told(seconds: Sequence[float], share: float) -> str:
    """The median and a late percentile, in milliseconds."""
    return f"p50 {percentile(seconds, 0.5) * 1000:.0f} ms, p{share * 100:.0f} {percentile(seconds, share) * 1000:.0f} ms"


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def machine(libraries: Sequence[str]) -> str:
    """The date, the machine and what ran on it."""
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{datetime.now(UTC):%d %B %Y}: {psutil.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}, {', '.join(f'{name} {version(name)}' for name in libraries)}"
    )


def table(command: str, rows: Sequence[Row], libraries: Sequence[str] = ("aiokafka", "asyncpg")) -> str:
    """The figures with the machine, the date and the command, as they go into docs/benchmarks.md."""
    lines = [
        f"`{command}`, {machine(libraries)}; medians of {REPETITIONS} runs in turns.",
        "",
        "| what | ours | beside | ratio | goal |",
        "|---|---|---|---|---|",
        *(f"| {r.what} | {r.ours} | {r.beside} | {r.ratio} | {r.goal} |" for r in rows),
    ]
    return "\n".join(lines)
