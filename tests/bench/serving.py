"""Processes of the product, or of a baseline, that are measured from outside."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import psutil

from localstack.stack import Stack


def require(holds: bool, what: str) -> None:
    """Ends the run where what was written is not what was meant."""
    if not holds:
        raise SystemExit(f"wrong: {what}")


@asynccontextmanager
async def within(seconds: float, what: str) -> AsyncIterator[None]:
    """Ends the run where something is waited for in vain."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        require(False, f"{what} within {seconds:,.0f} s")


@asynccontextmanager
async def process_of(stack: Stack, port: int, *command: str) -> AsyncIterator[tuple[str, psutil.Process]]:
    """One process that answers on a port; its base URL, and the process."""
    environment = os.environ | stack.service_env("contacts-api") | {"CONTACTS_PORT": str(port), "CONTACTS_LOG_LEVEL": "error"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *command, env=environment, stdout=asyncio.subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient() as client:
            for _ in range(600):
                try:
                    await client.get(url)
                    break
                except httpx.TransportError:
                    require(process.returncode is None, f"{command} runs")
                    await asyncio.sleep(0.1)
        yield url, psutil.Process(process.pid)
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def serving(stack: Stack, port: int, *command: str) -> AsyncIterator[str]:
    """One process that answers on a port; its base URL."""
    async with process_of(stack, port, *command) as (url, _):
        yield url
