"""Where one stack keeps what it owns: the folders of DANGOL_HOME, its ports and its secrets."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

DEFAULT_PORT_BASE = 8080
SERVICES = ("contacts", "search", "segments", "exports", "notify")
OWNERS = {"exports": "exports_owner"}
"""Whose tables belong to a role of their own: `migrate` connects as that one, so that the service's own may not do everything."""
ROLES = (*SERVICES, *OWNERS.values())


@dataclass(frozen=True, slots=True)
class Home:
    """The folders of a stack. Everything secret in it is readable by its owner alone."""

    root: Path

    @property
    def data(self) -> Path:
        """The servers' data and the export files."""
        return self.root / "data"

    @property
    def logs(self) -> Path:
        """One log file per process, standard output and errors together."""
        return self.root / "logs"

    @property
    def pids(self) -> Path:
        """One pid file per process, always of the process that runs now."""
        return self.root / "pids"

    @property
    def keys(self) -> Path:
        """Secrets, and private signing keys in a folder for each owner."""
        return self.root / "keys"

    @property
    def conf(self) -> Path:
        """Files generated at each start: the servers' configuration and the supervisor's."""
        return self.root / "conf"

    @property
    def specs(self) -> Path:
        """What the launcher starts each process with."""
        return self.root / "run"

    @property
    def jwks(self) -> Path:
        """The public keys that tokens are checked against."""
        return self.root / "public" / "jwks.json"

    def pid_file(self, process: str) -> Path:
        """Where the pid of this process stands."""
        return self.pids / f"{process}.pid"

    def log_file(self, process: str) -> Path:
        """Where this process's words go."""
        return self.logs / f"{process}.log"

    def starts_file(self, process: str) -> Path:
        """Where the launcher notes when it started this process."""
        return self.specs / f"{process}.starts"

    def make(self) -> None:
        """Make the folders that are missing."""
        self.root.mkdir(parents=True, exist_ok=True)
        for folder in (self.data, self.logs, self.pids, self.conf, self.jwks.parent):
            folder.mkdir(exist_ok=True)
        for folder in (self.keys, self.specs):
            folder.mkdir(mode=0o700, exist_ok=True)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a stack chose at its first start and keeps: ports and passwords."""

    port_base: int
    opensearch_port: int
    passwords: dict[str, str]


def checkout() -> Path:
    """The folder of the checkout this package runs from."""
    return Path(__file__).resolve().parents[3]


def default_home() -> Path:
    """DANGOL_HOME, or `.dangol` in the checkout."""
    named = os.environ.get("DANGOL_HOME")
    return Path(named).expanduser().resolve() if named else checkout() / ".dangol"


def read_facts(home: Home) -> Facts | None:
    """What was chosen at the first start; None before it."""
    path = home.root / "stack.json"
    if not path.exists():
        return None
    return Facts(**json.loads(path.read_text("utf-8")))


def write_facts(home: Home, facts: Facts) -> None:
    """Keep the choice."""
    write_private(home.root / "stack.json", json.dumps(asdict(facts), indent=1))


def new_passwords() -> dict[str, str]:
    """A password for PostgreSQL's superuser and for each role of a service."""
    return {name: secrets.token_hex(16) for name in ("postgres", *ROLES)}


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, in one step."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    partial.replace(path)
