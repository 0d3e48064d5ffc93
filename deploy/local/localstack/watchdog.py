"""Kills what hangs: a process whose /livez fails for 30 s is killed, and the supervisor starts it again."""

import http.client
import json
import os
import signal
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE_SECONDS = 30.0
_POLL_SECONDS = 2.0
_ANSWER_SECONDS = 3.0


@dataclass(slots=True)
class Failing:
    """Since when each process, known by name and pid, has not said that it lives."""

    since: dict[str, tuple[int, float]] = field(default_factory=dict[str, tuple[int, float]])

    def observe(self, lives: Mapping[str, tuple[int, bool]], now: float) -> list[tuple[str, int]]:
        """Take in one round of answers, (pid, lives) by name, at `now` seconds. Answers which processes have hung too long."""
        hung = []
        known = self.since
        self.since = {}
        for name, (pid, alive) in lives.items():
            if alive:
                continue
            before = known.get(name)
            begun = before[1] if before is not None and before[0] == pid else now
            if now - begun >= PATIENCE_SECONDS:
                hung.append((name, pid))  # and forgotten: the next process of this name has its own 30 s
            else:
                self.since[name] = (pid, begun)
        return hung


def watch(home: Path) -> None:
    """Look at every process that has a health address, for ever."""
    failing = Failing()
    with ThreadPoolExecutor(16) as pool:
        while True:
            started = time.monotonic()
            targets = _targets(home)
            answers = pool.map(lambda target: _lives(target[2]), targets)
            lives = {name: (pid, alive) for (name, pid, _), alive in zip(targets, answers, strict=True)}
            for name, pid in failing.observe(lives, time.monotonic()):
                print(f"{name} (pid {pid}) has not answered for {PATIENCE_SECONDS:.0f} s and is killed", flush=True)
                _kill(home, name, pid)
            time.sleep(max(0.0, _POLL_SECONDS - (time.monotonic() - started)))


def _targets(home: Path) -> list[tuple[str, int, str]]:
    targets = []
    for file in sorted((home / "run").glob("*.json")):
        health = json.loads(file.read_text("utf-8")).get("health")
        pid = _pid(home, file.stem)
        if health is not None and pid is not None:
            targets.append((file.stem, pid, health))
    return targets


def _lives(address: str) -> bool:
    connection = http.client.HTTPConnection(address, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _pid(home: Path, name: str) -> int | None:
    try:
        return int((home / "pids" / f"{name}.pid").read_text("utf-8"))
    except FileNotFoundError:
        return None


def _kill(home: Path, name: str, pid: int) -> None:
    if _pid(home, name) != pid:  # it was replaced meanwhile
        return
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        print(f"{name} (pid {pid}) was gone already", flush=True)
