"""A line to a server that a test can cut and mend, so that the server is away for one client alone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Proxy:
    """Passes bytes on to `host:port` from a port of its own."""

    def __init__(self, host: str, port: int) -> None:
        self._to = host, port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._passes = asyncio.Event()
        self._passes.set()
        self.port = 0

    @classmethod
    @asynccontextmanager
    async def before(cls, host: str, port: int) -> AsyncIterator["Proxy"]:
        """A line that is whole, gone at the end."""
        proxy = cls(host, port)
        await proxy.mend()
        try:
            yield proxy
        finally:
            await proxy.cut()

    async def mend(self) -> None:
        """Take connections, on the same port as before."""
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Refuse connections, and break off those that are."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None
        self.break_off()

    def break_off(self) -> None:
        """Break off the connections that are; others may be made at once."""
        for writer in list(self._writers):
            writer.transport.abort()

    def hush(self) -> None:
        """Pass nothing on, and tell nobody."""
        self._passes.clear()

    def speak(self) -> None:
        """Pass on what has come meanwhile, and all that comes."""
        self._passes.set()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._to)
        self._writers |= {writer, back}
        try:
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        finally:
            for each in (writer, back):
                self._writers.discard(each)
                each.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                await self._passes.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
