"""Reading /proc: every process of the machine, and the threads of one."""

import os
from collections.abc import Iterator
from pathlib import Path

from tests.bench.cost.cpu import Stat, read_stat

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

_PROC = Path("/proc")


def processes() -> dict[int, Stat]:
    """All that run now, by number."""
    return {stat.pid: stat for stat in _below(_PROC)}


def threads(pid: int) -> list[Stat]:
    """The threads of a process that run now."""
    return list(_below(_PROC / str(pid) / "task"))


def _below(folder: Path) -> Iterator[Stat]:
    for name in os.listdir(folder):  # noqa: PTH208 - a hundred times a minute, of a thousand entries
        if name.isdecimal():
            try:
                text = (folder / name / "stat").read_text("utf-8", errors="replace")
            except (FileNotFoundError, ProcessLookupError):  # it has just ended
                continue
            yield read_stat(text)
