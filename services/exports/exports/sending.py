"""A file on its way to whoever asked for it: whole, or ended so that it is seen."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TypeAlias

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from common.errors import Unavailable
from common.files.keeping import Reading

LOOK_SECONDS = 2.0
"""How often it is asked, while bytes are sent, whether the file may be had still."""
UNKNOWN_SECONDS = 30.0
"""So long bytes are sent on while nobody can tell."""

Check: TypeAlias = Callable[[], Awaitable[None]]
"""Raises what a download that began now would be refused with."""


async def pieces(
    reading: Reading,
    length: int,
    check: Check,
    *,
    look_seconds: float = LOOK_SECONDS,
    unknown_seconds: float = UNKNOWN_SECONDS,
) -> AsyncIterator[bytes]:
    """So many bytes as they come. Raises Unavailable or OSError where they break off, and what `check` raises.

    Where `check` itself raises Unavailable, a while is given to it before that ends the download.
    """
    left, known = length, time.monotonic()
    looked = known
    while left:
        piece = await reading.read()
        if not piece:
            raise Unavailable("The file ended before its end.")
        if (now := time.monotonic()) - looked >= look_seconds:
            looked = now
            try:
                await check()
                known = now
            except Unavailable:
                if now - known >= unknown_seconds:
                    raise
        left -= len(piece)
        yield piece


class Sending(StreamingResponse):
    """An answer of so many bytes of a file, which is closed however the answer ends.

    Where the bytes break off the connection does too: `Content-Length` has promised more, and `Range` fetches the rest. So it
    does where the file is revoked or withdrawn meanwhile.
    """

    def __init__(
        self, reading: Reading, length: int, status: int, *, check: Check, headers: Mapping[str, str], media_type: str
    ) -> None:
        super().__init__(pieces(reading, length, check), status, headers=headers, media_type=media_type)
        self._reading = reading

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. Raises what broke it off."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._reading.close()
