"""Which running processes are this stack's own, also after its supervisor has died, and how to end them."""

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Sequence

import psutil

from localstack.home import Home
from localstack.processes import PROCESSES, Process
from localstack.spec import read_spec

# A pid file is written by the process itself, so its process began before; a later one only has the same number.
_CLOCK_SLACK_SECONDS = 2.0


def alive(pid: int) -> bool:
    """Whether a process of this number runs (one that has ended and was not yet collected does not)."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def is_supervisor(pid: int, home: Home) -> bool:
    """Whether this is the supervisor of the home."""
    return str(home.conf / "supervisor.conf") in _command(pid)


def own_pid(home: Home, process: Process) -> int | None:
    """The pid of a process of this stack that runs now, checked against what it was started with; None if it does not run."""
    path = home.pid_file(process.name)
    spec = read_spec(home, process.name)
    try:
        pid, written = int(path.read_text("utf-8")), path.stat().st_mtime
        started = psutil.Process(pid).create_time()
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return None
    command = _command(pid)
    launching = command[-2:] == ["run", process.name] and str(home.root) in command
    itself = spec is not None and len(command) > 1 and list(spec.command)[-len(command) + 1 :] == command[1:]
    return pid if started <= written + _CLOCK_SLACK_SECONDS and (launching or itself) and alive(pid) else None


def end_leftovers(home: Home) -> None:
    """End what still runs without its supervisor, in the order of a normal stop."""
    for tier in sorted({process.tier for process in PROCESSES}, reverse=True):
        pids = [own_pid(home, process) for process in PROCESSES if process.tier == tier]
        terminate([pid for pid in pids if pid is not None], seconds=15)


def terminate(pids: Sequence[int], *, seconds: float) -> None:
    """Ask these to end, and kill those that have not after `seconds`."""
    for pid in pids:
        _signal(pid, signal.SIGINT if _is_postgres(pid) else signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    _kill(pid for pid in pids if alive(pid))


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        _signal(pid, signal.SIGKILL)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _is_postgres(pid: int) -> bool:
    command = _command(pid)
    return bool(command) and command[0].endswith("/postgres")


def _command(pid: int) -> list[str]:
    try:
        return list(psutil.Process(pid).cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return []
