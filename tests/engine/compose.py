"""Docker and its compose as commands, for one project of their own."""

import asyncio
import json
import os
import shutil
import socket
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from localstack.home import checkout

PROJECT = "dangol-engine-test"
_FILE = checkout() / "deploy" / "compose.yaml"
_SHOWN = 2000


class EngineError(Exception):
    """A command of Docker failed; the text says which, and what it said."""


@dataclass(frozen=True, slots=True)
class Container:
    """One that runs, and the service of the compose file that it is."""

    id: str
    service: str
    state: Mapping[str, Any]
    config: Mapping[str, Any]
    host: Mapping[str, Any]

    @property
    def healthy(self) -> bool:
        """Whether it runs, and its own check says so where it has one."""
        health = self.state.get("Health", {}).get("Status", "healthy")
        return (self.state["Status"], health) == ("running", "healthy")


class Compose:
    """The compose file's system as one project, its gateway on a free port of this machine."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = os.environ | {"DANGOL_PORT": str(self.port), "COMPOSE_PROJECT_NAME": PROJECT}

    async def run(self, *words: str) -> str:
        """What a command of compose says. Raises EngineError."""
        return await _said([*self._command, "-f", str(_FILE), *words], self._environment)

    async def containers(self) -> list[Container]:
        """Those of the project that are there, stopped ones too."""
        ids = (await docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={PROJECT}")).split()
        told = json.loads(await docker("inspect", *ids)) if ids else []
        return [
            Container(each["Id"], each["Config"]["Labels"]["com.docker.compose.service"], each["State"], each["Config"],
                each["HostConfig"])
            for each in told
        ]  # fmt: skip

    async def of(self, *services: str) -> list[Container]:
        """The containers of these services, in this order."""
        found = await self.containers()
        return [each for service in services for each in found if each.service == service]

    async def last_words(self) -> str:
        """The last lines of those that are neither well nor have ended well."""
        bad = [each for each in await self.containers() if not each.healthy and (each.state["ExitCode"] or each.state["Running"])]
        return "\n".join([f"{each.service}: {await logs(each.id)}" for each in bad])

    async def token(self, channel: str) -> str:
        """A token for calls through the gateway, made by the image that prepares the keys."""
        words = ("run", "--rm", "--no-deps", "-T", "prepare", "--home", "/keys", "token", "--channel", channel, "--sub", "kim")
        return (await self.run(*words)).splitlines()[-1]


async def docker(*words: str) -> str:
    """What a command of docker says. Raises EngineError."""
    return await _said(["docker", *words], os.environ)


async def logs(container: str) -> str:
    """Its last lines, of either stream."""
    process = await asyncio.create_subprocess_exec("docker", "logs", "--tail", "5", container, stdout=PIPE, stderr=STDOUT)
    return (await process.communicate())[0].decode(errors="replace")


async def build(service: str) -> None:
    """The image of one service, from this checkout. Raises EngineError."""
    # A builder of the engine's own: BuildKit's is a program more, which not every engine has.
    environment = os.environ | {"DOCKER_BUILDKIT": os.environ.get("DOCKER_BUILDKIT", "0")}
    words = ["docker", "build", "-q", "--network", "host", "-f", str(checkout() / "deploy" / "Dockerfile"),
        "--build-arg", f"SERVICE={service}", "-t", f"dangol/{service}", str(checkout())]  # fmt: skip
    await _said(words, environment)


def described() -> Mapping[str, Any]:
    """The services of the compose file, variables as they are written there."""
    told: dict[str, Any] = yaml.safe_load(_FILE.read_text("utf-8"))["services"]
    return told


async def find_compose() -> list[str]:
    """The command of compose that is there. Raises EngineError."""
    own = checkout() / ".tools" / "bin" / "docker-compose"
    for command in (["docker", "compose"], [shutil.which("docker-compose") or os.fspath(own)]):
        try:
            await _said([*command, "version"], os.environ)
        except (EngineError, FileNotFoundError):
            continue
        return command
    raise EngineError(
        "There is no compose. Install Docker's compose plugin, or build it: deploy/engine/containers/compose.sh .tools/bin"
    )


async def run_script(name: str, folder: Path) -> None:
    """One of deploy/engine/containers. Raises EngineError."""
    await _said([str(checkout() / "deploy" / "engine" / "containers" / name), str(folder)], os.environ)


async def _said(words: Sequence[str], environment: Mapping[str, str]) -> str:
    process = await asyncio.create_subprocess_exec(*words, env=environment, cwd=checkout(), stdout=PIPE, stderr=PIPE)
    said, errors = await process.communicate()
    if process.returncode:
        told = (errors.decode(errors="replace") + said.decode(errors="replace")).strip()
        raise EngineError(f"`{' '.join(words[:6])} …` ended with {process.returncode}:\n{told[-_SHOWN:]}")
    return said.decode().strip()


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port
