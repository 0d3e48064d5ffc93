"""A request's body before any route sees it: counted as it comes, read whole, its JSON readable and its texts clean."""

import asyncio
import contextlib
from collections.abc import Mapping
from contextvars import ContextVar

import orjson
from starlette.types import Message, Receive, Send

from common.errors import TooLarge, Unprocessable, Unreadable
from common.json_shape import MOST_DEPTH, TooDeep, members, refuse_repeated
from common.text_rules import cleaned, suspicious

MIB = 1024 * 1024
TOO_DEEP = "tooDeep"
_LINGER_SECONDS, _QUIET_SECONDS = 5.0, 0.2
_LINGER_BYTES, _LINGER_BYTES_OF_STRANGERS = 64 * MIB, MIB

UNREAD = (b"dangol-unread", b"body")
"""Tells the gateway that this answer was given before its request had ended."""

refusal: ContextVar[Unprocessable | None] = ContextVar("refusal", default=None)
"""What is wrong with this request's body, told once permission is checked."""


class Incoming:
    """What is received, and whether the request has ended."""

    def __init__(self, receive: Receive, headers: Mapping[str, str]) -> None:
        self._receive = receive
        self._ended = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
        self._waits = "expect" in headers  # for `100 Continue`, and has sent nothing yet
        self.known = False
        """Whether a token said who sends it."""

    @property
    def ended(self) -> bool:
        """Whether nothing more comes."""
        return self._ended

    async def __call__(self) -> Message:
        """The next message."""
        message = await self._receive()
        self._ended = message["type"] == "http.disconnect" or not message.get("more_body", False)
        return message

    async def linger(self) -> None:
        """Let what still comes of a refused body pass by, keeping none of it: as long as it comes, up to a time and a size.

        Closing a connection on which bytes still come resets it, and the answer that is on its way may be lost with it.
        """
        passed, most = 0, _LINGER_BYTES if self.known else _LINGER_BYTES_OF_STRANGERS
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_SECONDS):
                while not self._ended and not self._waits and passed < most:
                    message = await asyncio.wait_for(self(), _QUIET_SECONDS)
                    passed += len(message.get("body", b""))

    def answering(self, send: Send) -> Send:
        """Sends an answer that may be given before its request has ended: at once, its end once what still comes has passed by.

        So whoever is in between, such as a gateway, goes on handing the request over, and the answer has arrived by the time
        that the connection is closed. An answer of known length would be whole before, so this one's length is not told.
        """
        early = False

        async def sending(message: Message) -> None:
            nonlocal early
            if message["type"] == "http.response.start" and not self._ended:
                early = True
                kept = [
                    (name, value) for name, value in message["headers"] if name.lower() not in {b"content-length", b"connection"}
                ]
                message = {**message, "headers": [*kept, (b"connection", b"close"), UNREAD]}
            if early and message["type"] == "http.response.body" and not message.get("more_body", False):
                await send({**message, "more_body": True})
                await self.linger()
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        return sending


def too_large(limit: int) -> TooLarge:
    """What is said of a body beyond its limit in bytes."""
    return TooLarge(f"The body may have {limit // MIB} MiB at most. Send it in parts.", extra={"most": limit})


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
    try:
        told = members(value)
    except TooDeep:
        words = f"The body's lists and objects may be {MOST_DEPTH} within each other. Make it flatter."
        refusal.set(Unprocessable(words, code=TOO_DEEP, extra={"most": MOST_DEPTH}))
        return value
    try:
        refuse_repeated(body, told)
        return cleaned(value) if suspicious(body) else value
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
