"""Every process ends when it is told to from its first moments on; the first of a container would not, by default."""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

import pytest

from common.signals import ENDED
from localstack.environment import owner_environment, service_environment
from localstack.home import SERVICES, Facts, Home, new_passwords
from localstack.tokens import make_keys

ROLES = ("api", "migrate", "api", "migrate", "api")


@pytest.mark.parametrize(("service", "role"), list(zip(SERVICES, ROLES, strict=True)))
async def test_a_process_that_waits_for_its_database_at_the_start_ends_when_told(service: str, role: str, tmp_path: Path) -> None:
    """Its database takes the connection and says nothing more, so that it has no chance to come to draining."""
    connected = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    home = Home(tmp_path)
    home.make()
    make_keys(home)
    facts = Facts(18080, 9250, new_passwords())
    settings = service_environment(service, home, facts, 18090) | owner_environment(service, facts)
    for name in settings:
        if name.endswith("POSTGRES"):
            settings[name] = f"postgresql://somebody:unused@127.0.0.1:{port}/dangol"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", service, role, env=settings, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with server:
            await asyncio.wait_for(connected.wait(), 30)
            process.send_signal(signal.SIGTERM)
            said, _ = await asyncio.wait_for(process.communicate(), 10)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    assert process.returncode == ENDED, said.decode()
