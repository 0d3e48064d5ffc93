"""A line to a server that a test can cut and mend, so that the server is away for one client alone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
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
        self.alter_there: Callable[[bytes], bytes] = bytes
        """What becomes of the bytes on their way to the server, and of those back."""
        self.alter_back: Callable[[bytes], bytes] = bytes

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
        try:
            there, back = await asyncio.open_connection(*self._to)
        except OSError:  # so it is for who is told that nobody is there
            writer.transport.abort()
            return
        self._writers |= {writer, back}
        try:
            await asyncio.gather(
                self._pump(reader, back, lambda data: self.alter_there(data)),
                self._pump(there, writer, lambda data: self.alter_back(data)),
            )
        finally:
            for each in (writer, back):
                self._writers.discard(each)
                each.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, alter: Callable[[bytes], bytes]) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                await self._passes.wait()
                writer.write(alter(data))
                await writer.drain()
        writer.transport.abort()


def after(count: int, then: Callable[[], None]) -> Callable[[bytes], bytes]:
    """Passes on everything, and does that once so many bytes have passed."""
    passed = 0

    def pass_on(data: bytes) -> bytes:
        nonlocal passed
        if passed <= count < passed + len(data):
            then()
        passed += len(data)
        return data

    return pass_on
