"""Connections that are made only to addresses that were checked: the one that was looked at is the one connected to."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import Executor
from ipaddress import ip_address
from typing import TypeAlias

import httpcore

from notify.sending.address import Address, Allowed, Target, admitted

CONNECT_SECONDS = 5.0

Lookup: TypeAlias = Callable[[str, int], Awaitable[Sequence[Address]]]
"""The addresses of a host. Raises OSError where it has none."""


class NotAdmitted(Exception):
    """None of the host's addresses may be connected to."""


class NotFound(Exception):
    """The host has no address."""


def system_lookup(threads: Executor) -> Lookup:
    """Asks as this machine is set up to; in threads of its own, so that one that hangs holds up nobody else's work."""

    async def lookup(host: str, port: int) -> Sequence[Address]:
        loop = asyncio.get_running_loop()
        rows = await loop.run_in_executor(threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        return list(dict.fromkeys(ip_address(str(row[4][0])) for row in rows))

    return lookup


async def addresses_of(target: Target, lookup: Lookup) -> Sequence[Address]:
    """The addresses that a target stands for. Raises NotFound."""
    if (literal := target.literal) is not None:
        return [literal]
    try:
        return await lookup(target.host, target.port)
    except (OSError, UnicodeError):
        raise NotFound from None


class Guarded(httpcore.AsyncNetworkBackend):
    """Connects for one target. TLS is spoken with the name that was asked for, over the connection to the checked address."""

    def __init__(self, target: Target, allowed: Allowed, lookup: Lookup) -> None:
        self._target = target
        self._allowed = allowed
        self._lookup = lookup
        self._network: httpcore.AsyncNetworkBackend = httpcore.AnyIOBackend()  # pyright: ignore[reportAttributeAccessIssue, reportAssignmentType] - as it is without anyio

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - as the interface has it
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises NotAdmitted, NotFound, and what httpcore raises of a connection."""
        assert (host, port) == (self._target.host, self._target.port), "nothing else is asked, redirects are not followed"
        try:
            async with asyncio.timeout(timeout):
                return await self._connected(local_address, socket_options)
        except TimeoutError:
            raise httpcore.ConnectTimeout from None

    async def _connected(
        self, local_address: str | None, socket_options: Iterable[httpcore.SOCKET_OPTION] | None
    ) -> httpcore.AsyncNetworkStream:
        checked = admitted(self._allowed, self._target, await addresses_of(self._target, self._lookup))
        if not checked:
            raise NotAdmitted
        for address in checked[:-1]:
            try:
                return await self._to(address, local_address, socket_options)
            except httpcore.ConnectError:
                continue
        return await self._to(checked[-1], local_address, socket_options)

    async def _to(
        self, address: Address, local_address: str | None, socket_options: Iterable[httpcore.SOCKET_OPTION] | None
    ) -> httpcore.AsyncNetworkStream:
        return await self._network.connect_tcp(
            str(address), self._target.port, local_address=local_address, socket_options=socket_options
        )

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - as the interface has it
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Never."""
        raise NotAdmitted

    async def sleep(self, seconds: float) -> None:
        """As httpcore asks between its tries."""
        await asyncio.sleep(seconds)
