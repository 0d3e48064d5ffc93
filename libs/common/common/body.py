"""A request's body before any route sees it: counted as it comes, read whole, its JSON readable and its texts clean."""

import asyncio
import contextlib
from contextvars import ContextVar

import orjson
from starlette.types import Message, Receive

from common.errors import TooLarge, Unprocessable, Unreadable
from common.json_depth import MOST_DEPTH, is_deep
from common.text_rules import cleaned, suspicious

MIB = 1024 * 1024
TOO_DEEP = "tooDeep"
_DISCARDED, _DISCARD_SECONDS = 512 * MIB, 30.0

refusal: ContextVar[Unprocessable | None] = ContextVar("refusal", default=None)
"""What is wrong with this request's body, told once permission is checked."""


class Incoming:
    """What is received, and whether the request has ended."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._ended = False

    async def __call__(self) -> Message:
        """The next message."""
        message = await self._receive()
        self._ended = message["type"] == "http.disconnect" or not message.get("more_body", False)
        return message

    async def discard(self) -> None:
        """Let the rest of a refused body pass by, keeping none of it.

        Closing a connection on which bytes still come resets it, and the answer is lost on its way: a gateway then says 503.
        """
        passed = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DISCARD_SECONDS):
                while not self._ended and passed < _DISCARDED:
                    passed += len((await self()).get("body", b""))


def too_large(limit: int) -> TooLarge:
    """What is said of a body beyond its limit in bytes."""
    return TooLarge(f"The body may have {limit // MIB} MiB at most. Send it in parts.")


def counted(receive: Receive, limit: int) -> Receive:
    """What is received, up to so many bytes. Raises TooLarge."""
    seen = 0

    async def counting() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise too_large(limit)
        return message

    return counting


async def read_all(receive: Receive, limit: int) -> bytes:
    """The whole body. Raises TooLarge, and Unreadable where the connection ends before it."""
    parts: list[bytes] = []
    receive_counted = counted(receive, limit)
    while True:
        message = await receive_counted()
        if message["type"] == "http.disconnect":
            raise Unreadable("The connection was closed before the body was complete.")
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def read_json(body: bytes) -> object:
    """The body's JSON, its texts clean; what is refused of it is remembered until permission is checked."""
    try:
        value: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Unreadable("The body is not JSON that can be read (UTF-8, no NaN or infinity, no lone surrogate).") from None
    if is_deep(value):
        refusal.set(Unprocessable(f"The body's lists and objects may be {MOST_DEPTH} within each other.", code=TOO_DEEP))
        return value
    if not suspicious(body):
        return value
    try:
        return cleaned(value)
    except Unprocessable as found:
        refusal.set(found)
        return orjson.loads(body)


def replay(body: bytes, receive: Receive) -> Receive:
    """A body that was read, to be received again."""
    sent = False

    async def replaying() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replaying
