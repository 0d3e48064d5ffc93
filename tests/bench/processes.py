"""Processes of the services, those alone that a measurement needs, on the stack's own servers."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx

from localstack.ports import port_of
from localstack.processes import BY_NAME
from localstack.stack import Stack, service_settings_for_commands
from tests.bench.measure import peak_memory
from tests.bench.serving import within


@asynccontextmanager
async def serving(stack: Stack, *names: str) -> AsyncIterator[dict[str, tuple[str, int]]]:
    """The named processes, ready; the base URL and the pid of each."""
    async with AsyncExitStack() as running:
        yield {name: await running.enter_async_context(_process(stack, name)) for name in names}


@asynccontextmanager
async def _process(stack: Stack, name: str) -> AsyncIterator[tuple[str, int]]:
    known = BY_NAME[name]
    environment = os.environ | stack.service_env(name) | {f"{known.service}_LOG_LEVEL".upper(): "error"}
    command = [sys.executable, "-m", str(known.service), str(known.role)]
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=DEVNULL)
    url = f"http://127.0.0.1:{port_of(known, stack.facts)}"
    try:
        async with within(60, f"{name} is ready"), httpx.AsyncClient() as client:
            while not await _ready(client, url):
                if process.returncode is not None:
                    raise SystemExit(f"{name} ended by itself with {process.returncode}")
                await asyncio.sleep(0.1)
        yield url, process.pid
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _ready(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(f"{url}/readyz")).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


async def command(stack: Stack, service: str, *words: str) -> tuple[str, float]:
    """Run a service's command to its end: what it said, and its peak memory in MiB."""
    environment = service_settings_for_commands(stack.home, stack.facts, service)
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", service, *words, env=environment, stdout=PIPE)
    async with peak_memory(process.pid) as peak:
        said, _ = await process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"`python -m {service} {' '.join(words)}` ended with {process.returncode}")
    return said.decode(), peak[0]
