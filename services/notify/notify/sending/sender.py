"""Sends one request and tells what came back: in ten seconds, 64 KiB read at the most, no redirect followed, no proxy used."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import certifi
import httpcore

from notify.sending.address import Allowed, Target
from notify.sending.answer import Answer
from notify.sending.call import Call
from notify.sending.connection import CONNECT_SECONDS, Guarded, Lookup, NotAdmitted, NotFound

TOTAL_SECONDS = 10.0
MOST_READ = 64 * 1024
_KEPT_SECONDS = 5.0


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
        backend = Guarded(target, self.allowed, self.lookup)
        async with httpcore.AsyncConnectionPool(
            self.tls, max_connections=most, keepalive_expiry=_KEPT_SECONDS, network_backend=backend
        ) as pool:
            yield Line(pool, self.seconds)


def believed() -> ssl.SSLContext:
    """The certificates of the public authorities, and those that this machine believes besides."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    return context


class Line:
    """What is sent to one target."""

    def __init__(self, pool: httpcore.AsyncConnectionPool, seconds: float) -> None:
        self._pool = pool
        self._seconds = seconds

    async def send(self, call: Call) -> Answer:
        """What came back; why nothing did is an answer too."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._sent(call)
        except (TimeoutError, httpcore.TimeoutException) as error:
            late = isinstance(error, httpcore.ConnectTimeout)
            seconds = CONNECT_SECONDS if late else self._seconds
            return Answer(None, problem=f"No {'connection' if late else 'answer'} within {seconds:.0f} seconds.")
        except NotAdmitted:
            return Answer(None, problem="The address is not a public one, and the operator's list does not allow it.")
        except NotFound:
            return Answer(None, problem="The host of this address is not found.")
        except httpcore.ConnectError as error:
            return Answer(None, problem=_not_connected(error))
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError):
            return Answer(None, problem="The connection broke off before an answer came.")

    async def _sent(self, call: Call) -> Answer:
        headers = {"Host": call.target.authority, "Content-Type": "application/json", "User-Agent": "Dangol", **call.headers}
        headers["Content-Length"] = str(len(call.body))
        async with self._pool.stream(
            call.method,
            httpcore.URL(scheme=call.target.scheme, host=call.target.host, port=call.target.port, target=call.target.path),
            headers=list(headers.items()),
            content=call.body,
            extensions={"timeout": {"connect": CONNECT_SECONDS, "pool": TOTAL_SECONDS}},
        ) as response:
            told = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            return Answer(response.status, told, await _beginning(response))


async def _beginning(response: httpcore.Response) -> bytes:
    """The body, or as much of it as is read; the rest is never asked for."""
    body = bytearray()
    left = MOST_READ - sum(len(name) + len(value) + 4 for name, value in response.headers)
    async for piece in response.aiter_stream():
        body += piece[: max(0, left - len(body))]
        if len(body) >= left:
            break
    return bytes(body)


def _not_connected(error: httpcore.ConnectError) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "No secure connection: its certificate is not one that is believed for this name."
        cause = cause.__cause__ or cause.__context__
    return "The host does not take the connection."
