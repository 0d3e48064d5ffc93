"""A process's first moments: it ends when told to, as a container's first process too, and waits for stores that are away."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from common.signals import ENDED
from localstack.environment import owner_environment, service_environment
from localstack.home import SERVICES, Facts, Home, new_passwords
from localstack.tokens import make_keys
from tests.support.api import eventually
from tests.support.sockets import free_port


@asynccontextmanager
async def started(folder: Path, service: str, role: str, port: int, postgres: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that answers on `port`, with a database at another and no other server."""
    home = Home(folder)
    home.make()
    make_keys(home)
    facts = Facts(free_port(), free_port(), new_passwords())
    settings = service_environment(service, home, facts, port) | owner_environment(service, facts)
    for name in settings:
        if name.endswith("POSTGRES"):
            settings[name] = f"postgresql://somebody:unused@127.0.0.1:{postgres}/dangol"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", service, role, env=settings, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def said(process: asyncio.subprocess.Process) -> str:
    """All that it wrote until its end, which comes soon after it was told to."""
    process.send_signal(signal.SIGTERM)
    told, _ = await asyncio.wait_for(process.communicate(), 15)
    return told.decode()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_process_that_has_nothing_to_drain_yet_ends_when_told(service: str, tmp_path: Path) -> None:
    """Its database takes the connection and says nothing more, so that a migration has no chance to come to its end."""
    connected = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    database = server.sockets[0].getsockname()[1]
    async with server, started(tmp_path, service, "migrate", free_port(), database) as process:
        await asyncio.wait_for(connected.wait(), 30)
        told = await said(process)
    assert process.returncode == ENDED, told


@pytest.mark.parametrize(("service", "role"), [("contacts", "relay"), ("segments", "consumer"), ("exports", "worker")])
async def test_while_every_store_is_away_a_process_starts_waits_and_says_so(service: str, role: str, tmp_path: Path) -> None:
    port = free_port()
    async with (
        started(tmp_path, service, role, port, free_port()) as process,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client,
    ):

        async def problems() -> dict[str, str]:
            try:
                told: dict[str, dict[str, str]] = (await client.get("/readyz")).json()
            except httpx.TransportError:
                return {}
            return told.get("problems", {})

        found = await eventually(problems, lambda problems: "postgres" in problems)
        assert "ConnectionRefusedError" in found["postgres"]
        assert (await client.get("/livez")).status_code == 200
        told = await said(process)
    assert process.returncode == 0, told
