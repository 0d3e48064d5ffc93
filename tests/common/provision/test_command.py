"""`python -m notify provision`, as a Job runs it."""

import asyncio
import os
import subprocess
import sys
from urllib.parse import urlsplit, urlunsplit

from localstack.stack import Stack
from tests.common.provision.conftest import connected


async def test_a_service_makes_what_it_needs_by_the_administrator_it_is_told_of(servers: Stack, name: str) -> None:
    at = urlsplit(servers.postgres_dsn())
    own = urlunsplit(at._replace(netloc=f"{name}:the-secret@{at.hostname}:{at.port}", path=f"/{name}"))
    told = {"NOTIFY_POSTGRES": own, "NOTIFY_ADMIN_POSTGRES": servers.postgres_dsn()}
    command = [sys.executable, "-m", "notify", "provision"]
    settings = os.environ | servers.service_env("notify-api") | told
    done = await asyncio.to_thread(subprocess.run, command, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"role {name} and schema notify" in done.stdout
    assert "the-secret" not in done.stdout + done.stderr
    service = await connected(servers, name, name, "the-secret")
    assert await service.fetchval("select current_schema()") == "notify"
    await service.close()
