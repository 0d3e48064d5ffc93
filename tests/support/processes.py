"""Processes of a service beside those of the stack: another of the same role, which comes back when it is killed."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx

from localstack.ports import port_of
from localstack.processes import BY_NAME
from localstack.stack import Stack

_READY_SECONDS = 60.0


class Another:
    """One more process of a role of the stack, started again whenever it ends."""

    def __init__(self, stack: Stack, name: str, port: int, settings: Mapping[str, str]) -> None:
        known = BY_NAME[name]
        own = {f"{known.service}_PORT".upper(): str(port), f"{known.service}_LOG_LEVEL".upper(): "warning"}
        self._command = [sys.executable, "-m", str(known.service), str(known.role)]
        self._environment = os.environ | stack.service_env(name) | own | dict(settings)
        self.url = f"http://127.0.0.1:{port}"
        self._process: Process | None = None
        self.starts = 0

    async def run(self) -> None:
        """Keep it running until cancelled, and end it then."""
        while True:
            self._process = await asyncio.create_subprocess_exec(*self._command, env=self._environment, stdout=DEVNULL)
            self.starts += 1
            try:
                await self._process.wait()
            except asyncio.CancelledError:
                self._process.kill()
                await self._process.wait()
                raise
            await asyncio.sleep(0.2)

    async def ready(self) -> None:
        """Returns when it answers that it can work. Raises TimeoutError."""
        async with asyncio.timeout(_READY_SECONDS), httpx.AsyncClient() as client:
            while not await self._is_ready(client):
                await asyncio.sleep(0.05)

    async def _is_ready(self, client: httpx.AsyncClient) -> bool:
        try:
            return (await client.get(f"{self.url}/readyz")).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        assert self._process is not None
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill -9."""
        self.signal(signal.SIGKILL)


@asynccontextmanager
async def another(stack: Stack, name: str, number: int = 0, settings: Mapping[str, str] | None = None) -> AsyncIterator[Another]:
    """One more process of this name, ready; `number` tells several apart."""
    found = Another(stack, name, port_of(BY_NAME[name], stack.facts) + 40 + number, settings or {})
    running = asyncio.create_task(found.run())
    try:
        await found.ready()
        yield found
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
