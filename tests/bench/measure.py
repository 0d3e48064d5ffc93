"""How every figure is taken: candidates run in turns, three times over, and the medians stand beside each other."""

import platform
import statistics
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
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


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def table(command: str, rows: Sequence[Row]) -> str:
    """The figures with the machine, the date and the command, as they go into docs/benchmarks.md."""
    memory = psutil.virtual_memory().total / 2**30
    lines = [
        f"`{command}`, {datetime.now(UTC):%d %B %Y}: {psutil.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}, aiokafka {version('aiokafka')}, asyncpg {version('asyncpg')}; "
        f"medians of {REPETITIONS} runs in turns.",
        "",
        "| what | ours | beside | ratio | goal |",
        "|---|---|---|---|---|",
        *(f"| {r.what} | {r.ours} | {r.beside} | {r.ratio} | {r.goal} |" for r in rows),
    ]
    return "\n".join(lines)
