"""One build of the system on a stack of its own: this checkout or another, brought up and asked by its own commands."""

import json
import os
import shutil
import subprocess
from asyncio import to_thread
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from localstack.home import Home, checkout
from localstack.supervision import read_pid
from tests.bench.cost import proc
from tests.bench.cost.cpu import (
    OBSERVER,
    Identity,
    Reading,
    backend_role,
    java_usage,
    postgres_usage,
    process_role,
    process_usage,
)
from tests.bench.serving import require
from tests.support.stack import free_port_base

_JAVA = ("kafka", "opensearch")
_UNASKED = ("supervisor", "watchdog")  # what `status` has no line of
_ROLES = "select pid, application_name, backend_type from pg_stat_activity"
# What a Python of another environment must not be told of ours.
_OURS = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "DANGOL_HOME")


@dataclass
class Build:
    """A running stack of a checkout. Only its command line, its addresses and its pid files are relied on."""

    name: str
    folder: Path
    home: Home
    port_base: int
    postgres: "asyncpg.Connection[asyncpg.Record] | None" = None
    _roles: dict[Identity, str] = field(default_factory=dict[Identity, str])

    def run(self, *words: str, check: bool = True) -> str:
        """What `python -m localstack` of this checkout answers. Ends the run where that fails."""
        environment = {key: value for key, value in os.environ.items() if key not in _OURS}
        environment |= {"DANGOL_PORT_BASE": str(self.port_base)}
        environment.setdefault("DANGOL_CACHE", str(checkout() / ".dangol-cache"))
        command = [str(self.folder / ".venv/bin/python"), "-m", "localstack", "--home", str(self.home.root), *words]
        done = subprocess.run(command, env=environment, cwd=self.folder, capture_output=True, text=True, check=False)
        require(done.returncode == 0 or not check, f"`localstack {words[0]}` of {self.folder} failed:\n{done.stderr}")
        return done.stdout

    @cached_property
    def addresses(self) -> Mapping[str, str]:
        """What `make env` prints, by name."""
        return dict(line.split("=", 1) for line in self.run("env").replace("'", "").splitlines())

    def client(self, channel: str) -> httpx.AsyncClient:
        """A program of that channel at the gateway, whose connections stay open."""
        token = self.run("token", "--channel", channel, "--sub", "bench").strip()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return httpx.AsyncClient(base_url=self.addresses["DANGOL_URL"], headers=headers, timeout=300)

    async def status(self) -> Any:
        """What `make status` says."""
        return json.loads(await to_thread(self.run, "status", "--format", "json", check=False))

    async def caught_up(self) -> bool:
        """Whether outboxes are empty, readers have read all, and OpenSearch merges nothing."""
        async with httpx.AsyncClient(base_url=self.addresses["DANGOL_OPENSEARCH"]) as client:
            nodes = (await client.get("/_nodes/stats/indices/merge")).raise_for_status().json()["nodes"].values()
        return (await self.status())["well"] is True and not any(node["indices"]["merges"]["current"] for node in nodes)

    @cached_property
    def pids(self) -> Mapping[str, int]:
        """Every process of the stack; all of them are there."""
        found = {
            each["name"]: each["pid"] for each in json.loads(self.run("status", "--format", "json", check=False))["processes"]
        }
        found |= {name: read_pid(self.home.pid_file(name)) for name in _UNASKED}
        require(None not in found.values(), f"every process of {self.folder} runs: {found}")
        return found

    async def read(self) -> Reading:
        """What each process has used until now."""
        pids, stats = self.pids, proc.processes()
        for name, pid in pids.items():
            require(pid in stats, f"{name} of {self.folder} runs on")
        backends = [each.identity for each in stats.values() if each.parent == pids["postgres"]]
        if not all(identity in self._roles for identity in backends):
            await self._learn_roles()
        reading = {
            name: process_usage(stats, pid, process_role(name)) for name, pid in pids.items() if name not in {"postgres", *_JAVA}
        }
        for name in _JAVA:
            reading[name] = java_usage(stats, pids[name], process_role(name), proc.threads(pids[name]))
        # Others come from the supervisor, which is the parent of all: its own is meant.
        reading["supervisor"] = process_usage(
            {p: s for p, s in stats.items() if p == pids["supervisor"]}, pids["supervisor"], process_role("supervisor")
        )
        reading["postgres"] = postgres_usage(stats, pids["postgres"], self._roles)
        return reading

    async def _learn_roles(self) -> None:
        assert self.postgres is not None
        told = {
            row["pid"]: backend_role(row["application_name"], row["backend_type"]) for row in await self.postgres.fetch(_ROLES)
        }
        self._roles |= {each.identity: told[pid] for pid, each in proc.processes().items() if pid in told}


@asynccontextmanager
async def running(name: str, folder: Path) -> AsyncIterator[Build]:
    """The build's stack from nothing, stopped and its data removed at the end."""
    require((folder / ".venv/bin/python").exists(), f"{folder} is a checkout that is set up: run `make setup` in it")
    build = Build(name, folder, Home(folder / ".dangol-test" / f"run-{os.getpid()}"), free_port_base())
    try:
        await to_thread(build.run, "up")
        build.postgres = await asyncpg.connect(build.addresses["DANGOL_PG"], server_settings={"application_name": OBSERVER})
        try:
            yield build
        finally:
            await build.postgres.close()
    finally:
        await to_thread(build.run, "down", check=False)
        shutil.rmtree(build.home.data, ignore_errors=True)
