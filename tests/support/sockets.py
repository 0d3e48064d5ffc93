"""A client that writes what it likes to a socket and sees what comes back, and when."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_PIECE = b"x" * 65_536
_PATIENCE_SECONDS = 30.0


class Line:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, head: str, *lines: str, body: bytes = b"") -> None:
        """Send the head of a request and, where there is one, the beginning of its body."""
        self._writer.write("\r\n".join([f"{head} HTTP/1.1", "Host: test", *lines, "", ""]).encode() + body)
        await self._writer.drain()

    async def pour(self, size: int) -> int:
        """Send as much of a body as is taken; answers how many bytes that were."""
        sent = 0
        with suppress(ConnectionError):
            while sent < size:
                self._writer.write(_PIECE[: size - sent])
                await asyncio.wait_for(self._writer.drain(), _PATIENCE_SECONDS)
                sent += len(_PIECE)
        return min(sent, size)

    async def status(self) -> int:
        """The status of the answer."""
        line = await asyncio.wait_for(self._reader.readline(), _PATIENCE_SECONDS)
        return int(line.split()[1])

    async def until(self, word: bytes) -> bytes:
        """Read until this has come; all that was read."""
        return await asyncio.wait_for(self._reader.readuntil(word), _PATIENCE_SECONDS)


@asynccontextmanager
async def connected(port: int, host: str = "127.0.0.1") -> AsyncIterator[Line]:
    """A new connection."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def free_port() -> int:
    """A port of this machine on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port: int = held.getsockname()[1]
        return port


class Stopwatch:
    """How long it has been going."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since it was made."""
        return time.monotonic() - self._began
