"""Ways to make a file, each in a process of its own, in turns with the others."""

import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.exports.memory import peaks_of
from tests.bench.measure import REPETITIONS


@dataclass(frozen=True, slots=True)
class Figures:
    """What one way took: seconds of the processors and of the clock, and MiB of all its processes together at their most."""

    processor: float
    seconds: float
    memory: float

    def __str__(self) -> str:
        return f"{self.processor:.2f} s CPU, {self.seconds:.2f} s, {self.memory:.0f} MiB"


def taken(
    ways: Sequence[str], source: Path, target: Path, check: Callable[[Path], None], *, repetitions: int = REPETITIONS
) -> Mapping[str, Figures]:
    """The medians of each way; the file of its first turn is checked by software that is not ours."""
    found: dict[str, list[Figures]] = {way: [] for way in ways}
    for turn in range(repetitions):
        for way in ways:
            found[way].append(_one(way, source, target))
            print(f"  {way}: {found[way][-1]}", file=sys.stderr, flush=True)
            if turn == 0:
                check(target)
            target.unlink()
    return {way: Figures(*map(statistics.median, zip(*map(_numbers, each), strict=True))) for way, each in found.items()}


def _numbers(figures: Figures) -> tuple[float, float, float]:
    return figures.processor, figures.seconds, figures.memory


def _one(way: str, source: Path, target: Path) -> Figures:
    command = [sys.executable, "-m", "tests.bench.exports.files", way, str(source), str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process, peaks_of(process.pid) as peaks:
        printed = process.communicate()[0]
    if process.returncode:
        raise SystemExit(f"{way} ended with {process.returncode}")
    processor, seconds = map(float, printed.split())
    return Figures(processor, seconds, sum(peaks.values()) / 1024)
