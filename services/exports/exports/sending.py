"""A file on its way to whoever asked for it: whole, or ended so that it is seen."""

from collections.abc import AsyncIterator, Mapping

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from common.errors import Unavailable
from common.files.keeping import Reading


async def pieces(reading: Reading, length: int) -> AsyncIterator[bytes]:
    """So many bytes as they come. Raises Unavailable or OSError where they break off."""
    left = length
    while left:
        piece = await reading.read()
        if not piece:
            raise Unavailable("The file ended before its end.")
        left -= len(piece)
        yield piece


class Sending(StreamingResponse):
    """An answer of so many bytes of a file, which is closed however the answer ends.

    Where the bytes break off the connection does too: `Content-Length` has promised more, and `Range` fetches the rest.
    """

    def __init__(self, reading: Reading, length: int, status: int, *, headers: Mapping[str, str], media_type: str) -> None:
        super().__init__(pieces(reading, length), status, headers=headers, media_type=media_type)
        self._reading = reading

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. Raises what broke it off."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._reading.close()
