"""Sends one request and tells what came back: in ten seconds, 64 KiB read at the most, no redirect followed, no proxy used."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import certifi
import httpcore

from notify.sending.address import Allowed, Target
from notify.sending.answer import Answer
from notify.sending.call import Call
from notify.sending.connection import CONNECT_SECONDS, Guarded, Lookup, NotAdmitted, NotFound

TOTAL_SECONDS = 10.0
MOST_READ = 64 * 1024
_KEPT_SECONDS = 5.0
_BROKEN = (NotAdmitted, NotFound, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError)


@dataclass(frozen=True, slots=True)
class Outside:
    """How the outside is reached: what the operator allows, how names are looked up, whose certificates are believed."""

    allowed: Allowed
    lookup: Lookup
    tls: ssl.SSLContext
    seconds: float = TOTAL_SECONDS
    """So long all of a request may take."""

    @asynccontextmanager
    async def line(self, target: Target, most: int = 1) -> AsyncIterator["Line"]:
        """Connections to one target, `most` at once, closed at the end."""
        origin = httpcore.Origin(target.scheme.encode(), target.host.encode(), target.port)
        backend = Guarded(target, self.allowed, self.lookup)
        connect = partial(httpcore.AsyncHTTPConnection, origin, self.tls, _KEPT_SECONDS, network_backend=backend)
        line = Line(connect, most, self.seconds)
        try:
            yield line
        finally:
            await line.close()


def believed() -> ssl.SSLContext:
    """The certificates of the public authorities, and those that this machine believes besides."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    return context


class Line:
    """What is sent to one target: over a few connections, each by one at a time, kept open for who comes soon.

    The pool of httpcore looks through all its connections before and after each request, for there may be many targets; here
    there is one.
    """

    def __init__(self, connect: Callable[[], httpcore.AsyncHTTPConnection], most: int, seconds: float) -> None:
        self._connect = connect
        self._turn = asyncio.Semaphore(most)
        self._seconds = seconds
        self._idle: list[httpcore.AsyncHTTPConnection] = []

    async def close(self) -> None:
        """Close what is kept open."""
        while self._idle:
            await self._idle.pop().aclose()

    async def send(self, call: Call) -> Answer:
        """What came back; why nothing did is an answer too.

        Whoever has told a status has answered: where the body hangs or breaks off, what came of it is told.
        """
        coming = _Coming()
        try:
            async with asyncio.timeout(self._seconds):
                await self._receive(call, coming)
        except _BROKEN as error:
            if coming.status is None:
                return Answer(None, problem=_why(error, self._seconds))
        return Answer(coming.status, coming.headers, bytes(coming.body))

    async def _receive(self, call: Call, coming: "_Coming") -> None:
        headers = {"Host": call.target.authority, "Content-Type": "application/json", "User-Agent": "Dangol", **call.headers}
        headers["Content-Length"] = str(len(call.body))
        request = httpcore.Request(
            call.method,
            httpcore.URL(scheme=call.target.scheme, host=call.target.host, port=call.target.port, target=call.target.path),
            headers=list(headers.items()),
            content=call.body,
            extensions={"timeout": {"connect": CONNECT_SECONDS}},
        )
        async with self._connection() as connection:
            response = await connection.handle_async_request(request)
            try:
                await coming.read(response)
            finally:
                await response.aclose()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[httpcore.AsyncHTTPConnection]:
        async with self._turn:
            connection = await self._ready()
            try:
                yield connection
            finally:
                if connection.is_idle() and not connection.is_closed():
                    self._idle.append(connection)
                else:
                    await connection.aclose()

    async def _ready(self) -> httpcore.AsyncHTTPConnection:
        """The one that was used last, if it is still good; else a new one."""
        while self._idle:
            connection = self._idle.pop()
            if not (connection.is_closed() or connection.has_expired()):
                return connection
            await connection.aclose()
        return self._connect()


@dataclass(slots=True)
class _Coming:
    """An answer, as far as it has come."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytearray = field(default_factory=bytearray)

    async def read(self, response: httpcore.Response) -> None:
        """As much of it as is read; the rest is never asked for."""
        self.headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        self.status = response.status
        left = MOST_READ - sum(len(name) + len(value) + 4 for name, value in response.headers)
        async for piece in response.aiter_stream():
            self.body += piece[: max(0, left - len(self.body))]
            if len(self.body) >= left:
                break


def _why(error: Exception, seconds: float) -> str:
    match error:
        case httpcore.ConnectTimeout():
            return f"No connection within {CONNECT_SECONDS:.0f} seconds."
        case TimeoutError() | httpcore.TimeoutException():
            return f"No answer within {seconds:.0f} seconds."
        case NotAdmitted():
            return "The address is not a public one, and the operator's list does not allow it."
        case NotFound():
            return "The host of this address is not found."
        case httpcore.ConnectError():
            return _not_connected(error)
        case _:
            return "The connection broke off before an answer came."


def _not_connected(error: httpcore.ConnectError) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "No secure connection: its certificate is not one that is believed for this name."
        cause = cause.__cause__ or cause.__context__
    return "The host does not take the connection."
