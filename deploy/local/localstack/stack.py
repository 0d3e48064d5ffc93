"""One whole system on this machine: brought up in parallel, asked about, taken down."""

import asyncio
import fcntl
import importlib.util
import os
import re
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import httpx

from common.kafka import create_topics
from localstack import environment, gateway, kafka, opensearch, postgres, tokens, toolchain
from localstack.errors import StackError
from localstack.home import DEFAULT_PORT_BASE, SERVICES, Facts, Home, new_passwords, read_facts, write_facts
from localstack.launch import recent_starts
from localstack.leftovers import end_leftovers, own_pid
from localstack.ports import free_opensearch_port, is_free, outgoing_ports, port_of, ports_of, require_free, warning
from localstack.processes import (
    BY_NAME,
    GATEWAY,
    KAFKA,
    OPENSEARCH,
    POSTGRES,
    PROCESSES,
    SERVERS,
    SERVICE_PROCESSES,
    WATCHDOG,
    Process,
)
from localstack.spec import Spec, read_spec, write_spec
from localstack.supervision import Supervisor

_READY_SECONDS = 300.0
# What is not ready may say which command it waits for; only a person runs it. For so long it may still come to pass by itself.
_COMMAND = re.compile("`python -m ([a-z]+ [a-z]+)`")
_COMMAND_SECONDS = 5.0
_POLL_SECONDS = 0.2
# More starts than this within a minute, and waiting longer helps nobody.
_MOST_STARTS = 6
_LOG_LINES_SHOWN = 15

# Their `migrate` makes an index in OpenSearch too, which is up last.
_INDEXED = ("search",)

Tell = Callable[[str], None]
T = TypeVar("T")


def _silent(_: str) -> None:
    return None


class Stack:
    """The system of one home. `port_base` counts at its first start and when it is down; else what the home recorded."""

    def __init__(self, home: Path, port_base: int | None = None, *, tell: Tell = _silent) -> None:
        self.home = Home(home.resolve())
        self._port_base = port_base
        self._tell = tell
        self._supervisor = Supervisor(self.home)

    # -- bring up and take down

    def setup(self) -> None:
        """Download what is missing. Raises StackError, where there is no Java too."""
        toolchain.find_java()
        if toolchain.missing_servers():
            self._tell("downloading the files of Kafka and OpenSearch, about 125 MB, this once")
            toolchain.download_servers()

    def up(self) -> None:
        """Start everything that does not run and return when all of it is ready. Raises StackError."""
        with self._alone():
            self._servers_up(migrate=True)
            specs = {process: self._service_spec(process) for process in self.built()}
            self._start(specs | {GATEWAY: gateway.prepare(self.home, self.facts), WATCHDOG: self._watchdog_spec()})
            self._wait_ready([*specs, GATEWAY])

    def servers_up(self) -> None:
        """Start PostgreSQL, Kafka and OpenSearch, with the database, roles, schemas and topics. Raises StackError."""
        with self._alone():
            self._servers_up(migrate=False)

    def down(self) -> None:
        """Stop everything, also what a dead supervisor left behind. What was written stays."""
        if not self.home.root.exists():
            return
        with self._alone():
            self._supervisor.shutdown()
            end_leftovers(self.home)
            for path in [*self.home.pids.glob("*.pid"), *map(self.home.starts_file, BY_NAME)]:
                path.unlink(missing_ok=True)

    # -- what there is

    @property
    def facts(self) -> Facts:
        """Its ports and passwords. Raises StackError before the first start."""
        facts = read_facts(self.home)
        if facts is None:
            raise StackError(f"Nothing was ever started in {self.home.root}. Run `make up` first.")
        return facts

    @property
    def url(self) -> str:
        """The gateway's base URL."""
        return environment.gateway_url(self.facts)

    @property
    def kafka(self) -> str:
        """`host:port` of Kafka."""
        return kafka.address(self.facts)

    @property
    def opensearch(self) -> str:
        """The base URL of OpenSearch."""
        return opensearch.address(self.facts)

    def postgres_dsn(self, service: str | None = None) -> str:
        """How to connect as a service, or as the superuser when none is named."""
        return postgres.dsn(self.facts, service)

    def env(self) -> dict[str, str]:
        """What `make env` prints."""
        return environment.stack_environment(self.home.root, self.facts)

    def service_env(self, process: str) -> dict[str, str]:
        """The settings that a service process such as `contacts-api` is started with."""
        return self._service_env(BY_NAME[process])

    def health(self, process: str) -> str:
        """The base URL of a process's /livez and /readyz."""
        spec = read_spec(self.home, process)
        if spec is None or spec.health is None:
            raise StackError(f"{process} has no health address, or was never started here.")
        return f"http://{spec.health}"

    def token(
        self, *, channel: str, sub: str, permissions: Sequence[str] = ("*",), exp_seconds: int = tokens.TWELVE_HOURS
    ) -> str:
        """A token for calls through the gateway."""
        return tokens.token(self.home.root, channel, sub, permissions, exp_seconds=exp_seconds)

    def pid(self, process: str) -> int | None:
        """The pid of a process that runs now; None when it does not."""
        return own_pid(self.home, BY_NAME[process])

    def built(self) -> list[Process]:
        """The service processes whose service is installed."""
        return [p for p in SERVICE_PROCESSES if p.service and _runnable(p.service)]

    # -- the steps

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One start or stop at a time per home."""
        self.home.make()
        with (self.home.root / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._tell("waiting for another start or stop of this stack to finish")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _servers_up(self, *, migrate: bool) -> None:
        self.setup()
        if not self._supervisor.running():
            end_leftovers(self.home)
        self._choose()
        facts = self.facts
        if (risk := warning(facts.port_base, outgoing_ports())) is not None:
            self._tell(risk)
        self._require_ports([*SERVERS, *SERVICE_PROCESSES, GATEWAY])
        tokens.make_keys(self.home)
        (self.home.data / "exports").mkdir(mode=0o700, exist_ok=True)
        self._supervisor.start()
        self._start_servers()
        run_apart(self._servers_ready(facts, [s for s in SERVICES if migrate and _runnable(s)]))

    def _start_servers(self) -> None:
        """Start PostgreSQL, Kafka and OpenSearch where they do not run. Raises StackError."""
        facts, java = self.facts, toolchain.find_java()
        prepare: dict[Process, Callable[[], Spec]] = {
            OPENSEARCH: lambda: opensearch.prepare(self.home, facts, java),
            POSTGRES: lambda: postgres.prepare(self.home, facts),
            KAFKA: lambda: kafka.prepare(self.home, facts, java),
        }
        waiting = [server for server in prepare if self.pid(server.name) is None]
        if waiting:
            self._tell(f"starting {', '.join(p.name for p in waiting)}")
        # Each starts as soon as it is prepared: OpenSearch, the slowest, needs no preparation.
        with ThreadPoolExecutor() as pool:
            prepared = {pool.submit(prepare[server]): server for server in waiting}
            for future in as_completed(prepared):
                self._start({prepared[future]: future.result()})

    def _choose(self) -> None:
        """Decide ports and passwords at first start; move to another port base when one is asked for and nothing runs."""
        facts = read_facts(self.home)
        running = any(self.pid(process.name) for process in PROCESSES)
        if facts is None:
            facts = Facts(self._port_base or DEFAULT_PORT_BASE, free_opensearch_port(), new_passwords())
        elif self._port_base is not None and self._port_base != facts.port_base:
            if running:
                raise StackError(f"This stack runs with its ports from {facts.port_base} on. To move it, run `make down` first.")
            facts = Facts(self._port_base, facts.opensearch_port, facts.passwords)
        if self.pid(OPENSEARCH.name) is None and not is_free(facts.opensearch_port):
            facts = Facts(facts.port_base, free_opensearch_port(), facts.passwords)
        # A stack of an earlier version has no password yet for a role that has come since.
        facts = replace(facts, passwords=new_passwords() | facts.passwords)
        write_facts(self.home, facts)

    def _require_ports(self, processes: Sequence[Process]) -> None:
        for process in processes:
            if self.pid(process.name) is None:
                for port in ports_of(process, self.facts):
                    require_free(process, port)

    def _start(self, specs: Mapping[Process, Spec]) -> None:
        idle = [process for process in specs if self.pid(process.name) is None]
        for process in idle:
            write_spec(self.home, process.name, specs[process])
        self._supervisor.start_processes(idle)

    async def _servers_ready(self, facts: Facts, migrated: Sequence[str]) -> None:
        """Wait until each can be used, with its schemas, topics and these services' tables; each as soon as it can be had."""

        async def database() -> None:
            await self._until(POSTGRES, lambda: postgres.is_ready(facts))
            await postgres.bootstrap(facts)
            await asyncio.gather(*(self._migrate(service) for service in migrated if service not in _INDEXED))

        async def broker() -> None:
            await self._until(KAFKA, lambda: kafka.is_ready(facts))
            await create_topics(kafka.address(facts))

        async def index() -> None:
            await self._until(OPENSEARCH, lambda: opensearch.is_ready(facts))
            await opensearch.check_modules(facts)

        await asyncio.gather(database(), broker(), index())
        await asyncio.gather(*(self._migrate(service) for service in migrated if service in _INDEXED))

    async def _migrate(self, service: str) -> None:
        settings = service_settings_for_commands(self.home, self.facts, service)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", service, "migrate",
            env=settings, cwd=self.home.root, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT,
        )  # fmt: skip
        said, _ = await process.communicate()
        if process.returncode != 0:
            raise StackError(f"`python -m {service} migrate` failed:\n{said.decode(errors='replace').strip()[-3000:]}")

    def _service_env(self, process: Process) -> dict[str, str]:
        if process.service is None:
            raise ValueError(f"{process.name} is not a process of a service")
        return environment.service_environment(process.service, self.home, self.facts, port_of(process, self.facts))

    def _service_spec(self, process: Process) -> Spec:
        command = [sys.executable, "-m", str(process.service), str(process.role)]
        health = environment.health_address(process, self.facts)
        return Spec(command, self._service_env(process), folder=str(self.home.root), health=health)

    def _watchdog_spec(self) -> Spec:
        command = [sys.executable, "-m", "localstack", "--home", str(self.home.root), "watchdog"]
        return Spec(command, folder=str(self.home.root))

    def _wait_ready(self, processes: Sequence[Process]) -> None:
        async def ready(client: httpx.AsyncClient, process: Process) -> bool:
            try:
                answer = await client.get(f"{self.health(process.name)}/readyz")
            except httpx.TransportError:
                return False
            if answer.status_code != httpx.codes.OK and (command := _COMMAND.search(answer.text)):
                awaited.setdefault(process, time.monotonic())
                if time.monotonic() - awaited[process] > _COMMAND_SECONDS:
                    run = command[1]
                    raise StackError(f"{process.name} waits for a command. Run `make command RUN='{run}'`, then `make up` again.")
            return answer.status_code == httpx.codes.OK

        awaited: dict[Process, float] = {}

        async def all_ready() -> None:
            async with httpx.AsyncClient(timeout=5) as client:
                await asyncio.gather(*(self._until(process, partial(ready, client, process)) for process in processes))

        self._tell(f"waiting for {len(processes)} processes to be ready")
        run_apart(all_ready())

    async def _until(self, process: Process, ready: Callable[[], Awaitable[bool]]) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not await ready():
            if time.monotonic() > deadline or self._dies(process):
                raise StackError(self._not_ready(process))
            await asyncio.sleep(_POLL_SECONDS)

    def _dies(self, process: Process) -> bool:
        return len(recent_starts(self.home.starts_file(process.name))) > _MOST_STARTS

    def _not_ready(self, process: Process) -> str:
        log = self.home.log_file(process.name)
        last = log.read_text("utf-8", errors="replace").splitlines()[-_LOG_LINES_SHOWN:] if log.exists() else []
        shown = "\n".join(f"  {line[:300]}" for line in last)
        why = "dies again and again" if self._dies(process) else f"is not ready after {_READY_SECONDS:.0f} s"
        return f"{process.name} {why}. Its last words in {log}:\n{shown}"


def service_settings_for_commands(home: Home, facts: Facts, service: str) -> dict[str, str]:
    """The environment of a command that runs once, such as `python -m contacts migrate`."""
    inherited = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    own = environment.service_environment(service, home, facts, port_of(BY_NAME[f"{service}-api"], facts))
    return inherited | own | environment.owner_environment(service, facts)


def _runnable(service: str) -> bool:
    return importlib.util.find_spec(service) is not None and importlib.util.find_spec(f"{service}.__main__") is not None


def run_apart(work: Coroutine[object, object, T]) -> T:
    """Run to its end in a thread of its own, so that a caller inside an event loop can use the stack too."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
