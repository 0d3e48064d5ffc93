"""Becomes one process of the stack: writes its pid, slows down what dies again and again. Standard library only, so fast."""

import json
import os
import pwd
import time
from pathlib import Path

MOST_DEATHS_A_MINUTE = 10
BACK_OFF_SECONDS = 20.0
# A death within this time of the start is followed by a short breath, so that what it left behind (children, ports) can go.
_QUICK_SECONDS = 1.0
_BREATH_SECONDS = 0.5
# Set for interactive tools; in a service they would cost a compilation of everything at each start.
_NOT_INHERITED = ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "PYTEST_CURRENT_TEST")


def run(home: Path, name: str) -> None:
    """Replace this process by the one that is called `name`; does not return."""
    spec = json.loads((home / "run" / f"{name}.json").read_text("utf-8"))
    pause = _pause(home / "run" / f"{name}.starts")
    _write(home / "pids" / f"{name}.pid", f"{os.getpid()}\n")
    time.sleep(pause)
    environment = {key: value for key, value in os.environ.items() if key not in _NOT_INHERITED}
    environment.update(spec["environment"])
    os.chdir(spec["folder"])
    if spec["account"] is not None:
        account = pwd.getpwnam(spec["account"])
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    os.execve(spec["command"][0], spec["command"], environment)  # noqa: S606 - the command is generated, without a shell


def _pause(record: Path) -> float:
    """Seconds to wait before this start, from the starts of the last minute, to which it adds this one."""
    now = time.time()
    past = recent_starts(record)
    pause = 0.0
    if len(past) >= MOST_DEATHS_A_MINUTE:
        pause = BACK_OFF_SECONDS
    elif past and now - past[-1] < _QUICK_SECONDS:
        pause = _BREATH_SECONDS
    _write(record, json.dumps([*past, now + pause]))
    return pause


def recent_starts(record: Path) -> list[float]:
    """When the process was started within the last minute, in seconds since 1970."""
    now = time.time()
    return [at for at in json.loads(record.read_text("utf-8")) if now - at < 60] if record.exists() else []


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, "utf-8")
    partial.replace(path)
