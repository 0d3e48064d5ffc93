"""PostgreSQL, Kafka and OpenSearch of a test run as containers, with the images and settings of `deploy/compose.yaml`.

`DANGOL_TEST_STACK=docker` asks for it. Testcontainers starts them where `DOCKER_HOST` says; `POSTGRES_IMAGE`, `KAFKA_IMAGE` and
`OPENSEARCH_IMAGE` name other images, as they do for compose. Our own processes run beside, as always.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import docker
import psutil
import yaml
from docker.errors import DockerException, NotFound
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from localstack import postgres
from localstack.errors import StackError
from localstack.home import checkout
from localstack.ports import port_of
from localstack.processes import KAFKA, OPENSEARCH, POSTGRES, SERVERS
from localstack.stack import Stack, Tell

_LABEL: Final = "dangol.test-run"
"""Every container has it, with the pid of the run that it belongs to."""
_VARIABLE: Final = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


class ContainedStack(Stack):
    """A stack whose servers are containers; one that is killed is started again, as the supervisor does with a process."""

    def __init__(self, home: Path, port_base: int | None = None, *, tell: Tell = lambda _: None) -> None:
        super().__init__(home, port_base, tell=tell)
        self._containers: dict[str, DockerContainer] = {}

    def setup(self) -> None:
        """Raises StackError where no engine answers."""
        # Its reaper is an image more, which not every registry has: `sweep` does that work.
        testcontainers_config.ryuk_disabled = True
        try:
            docker.from_env().ping()
        except DockerException as error:
            raise StackError(f"DANGOL_TEST_STACK=docker needs a Docker engine, and none answers: {error}") from error

    def pid(self, process: str) -> int | None:
        """The pid of a process that runs now, on the engine's machine; None when it does not."""
        container = self._containers.get(process)
        if container is None:
            return super().pid(process)
        try:
            state = docker.from_env().api.inspect_container(container.get_container_id())["State"]
        except NotFound:
            return None
        return int(state["Pid"]) or None

    def down(self) -> None:
        """Stop everything, containers and their data with it."""
        super().down()
        for container in self._containers.values():
            container.stop()
        self._containers.clear()

    def _start_servers(self) -> None:
        described = yaml.safe_load((checkout() / "deploy" / "compose.yaml").read_text("utf-8"))["services"]
        for server in SERVERS:
            if server.name not in self._containers:
                container = self._container(server.name, _filled(described[server.name], self._own()))
                self._containers[server.name] = container
                try:
                    container.start()
                except DockerException as error:
                    raise StackError(f"The container of {server.name} could not be started: {error}") from error

    def _own(self) -> Mapping[str, str]:
        return dict(os.environ) | {"POSTGRES_PASSWORD": self.facts.passwords[postgres.SUPERUSER]}

    def _container(self, name: str, told: Mapping[str, Any]) -> DockerContainer:
        inside, outside = self._ports()[name]
        more = {"shm_size": told["shm_size"]} if "shm_size" in told else {}
        container = DockerContainer(told["image"]).with_envs(**(told["environment"] | self._addresses(name)))
        # Its own method takes no address, and would open the port to the network.
        ports: dict[str, Any] = container.ports
        ports[f"{inside}/tcp"] = ("127.0.0.1", outside)
        container = container.with_kwargs(
            labels={_LABEL: str(os.getpid())}, restart_policy={"Name": "unless-stopped"}, **more
        )  # fmt: skip
        return container.with_command(told["command"]) if "command" in told else container

    def _ports(self) -> Mapping[str, tuple[int, int]]:
        kafka = port_of(KAFKA, self.facts)
        return {
            POSTGRES.name: (5432, port_of(POSTGRES, self.facts)),
            # A broker tells its clients where it is, so it has the same port inside.
            KAFKA.name: (kafka, kafka),
            OPENSEARCH.name: (9200, self.facts.opensearch_port),
        }

    def _addresses(self, name: str) -> Mapping[str, str]:
        if name != KAFKA.name:
            return {}
        port = port_of(KAFKA, self.facts)
        return {
            "KAFKA_LISTENERS": f"PLAINTEXT://:{port},CONTROLLER://:9093",
            "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
            "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        }


def sweep() -> None:
    """Remove the containers of runs that were killed before their end. Raises StackError where no engine answers."""
    try:
        client = docker.from_env()
        for container in client.containers.list(all=True, filters={"label": _LABEL}):
            if not psutil.pid_exists(int(container.labels[_LABEL])):
                container.remove(v=True, force=True)
    except DockerException as error:
        raise StackError(f"DANGOL_TEST_STACK=docker needs a Docker engine, and none answers: {error}") from error


def _filled(told: Any, values: Mapping[str, str]) -> Any:
    """A part of a compose file with its variables filled in, as compose fills them."""
    match told:
        case str():
            return _VARIABLE.sub(lambda found: values.get(found[1]) or found[2] or "", told)
        case list():
            return [_filled(each, values) for each in told]
        case dict():
            return {name: _filled(each, values) for name, each in told.items()}
        case _:
            return told
