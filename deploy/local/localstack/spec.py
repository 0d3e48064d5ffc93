"""What one process is started with, kept in a file so that the launcher needs nothing else."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from localstack.home import Home, write_private


@dataclass(frozen=True, slots=True)
class Spec:
    """A command with its full path, what is added to the environment, and the account when it must not be root."""

    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    folder: str = "/"
    account: str | None = None
    health: str | None = None
    """`host:port` that answers /livez and /readyz."""


def write_spec(home: Home, name: str, spec: Spec) -> None:
    """Keep it for the launcher and the watchdog."""
    write_private(_file(home, name), json.dumps(asdict(spec), indent=1))


def read_spec(home: Home, name: str) -> Spec | None:
    """What a process was last started with."""
    path: Path = _file(home, name)
    return Spec(**json.loads(path.read_text("utf-8"))) if path.exists() else None


def _file(home: Home, name: str) -> Path:
    return home.specs / f"{name}.json"
