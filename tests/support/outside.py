"""A stand-in for the other side of a notice: takes requests over HTTP, keeps and counts them, and answers as it is told to."""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Taken:
    """A request as it arrived; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered; `endless` goes on with a body that never ends."""

    status: int = 200
    body: bytes = b"ok"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    endless: bool = False


@dataclass(frozen=True, slots=True)
class Hang:
    """Never answers."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Breaks the connection off."""


Behaviour: TypeAlias = Reply | Hang | Reset
Decide: TypeAlias = Callable[[Taken], Behaviour]


class Outside:
    """A server on a port of its own."""

    def __init__(self, decide: Decide, *, keep: bool = True) -> None:
        self.decide = decide
        self._keep = keep
        self.taken: list[Taken] = []
        self.count = 0
        self.connections = 0
        self.sent = 0
        """Bytes of endless bodies that were taken off."""
        self.at_once = self.most_at_once = 0
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()

    @classmethod
    @asynccontextmanager
    async def open(
        cls, decide: Decide | None = None, *, tls: ssl.SSLContext | None = None, keep: bool = True
    ) -> AsyncIterator["Outside"]:
        """Answers 200 to everything unless it is told otherwise; keeps what came, or only counts it."""
        outside = cls(decide or (lambda _: Reply()), keep=keep)
        server = await asyncio.start_server(outside._serve, "127.0.0.1", 0, ssl=tls)
        outside.port = server.sockets[0].getsockname()[1]
        try:
            yield outside
        finally:
            server.close()
            outside.break_off()
            await server.wait_closed()

    def url(self, path: str = "/hook", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def break_off(self) -> None:
        """Break off the connections that are."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while (taken := await _request(reader)) is not None:
                    self.count += 1
                    if self._keep:
                        self.taken.append(taken)
                    self.at_once += 1
                    self.most_at_once = max(self.most_at_once, self.at_once)
                    try:
                        if not await self._answer(self.decide(taken), reader, writer):
                            break
                    finally:
                        self.at_once -= 1
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, behaviour: Behaviour, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        match behaviour:
            case Hang():
                await reader.read()  # until the other side has had enough
                return False
            case Reset():
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
                return False
            case Reply():
                length = {} if behaviour.endless else {"Content-Length": str(len(behaviour.body))}
                lines = [f"{name}: {value}" for name, value in {**length, **behaviour.headers}.items()]
                writer.write("\r\n".join([f"HTTP/1.1 {behaviour.status} X", *lines, "", ""]).encode() + behaviour.body)
                while behaviour.endless:
                    writer.write(b"x" * 65_536)
                    await writer.drain()
                    self.sent += 65_536
                await writer.drain()
                return True


async def _request(reader: asyncio.StreamReader) -> Taken | None:
    head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
    if not head:
        return None
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Taken(method, path, headers, await reader.readexactly(int(headers.get("content-length", "0"))))
