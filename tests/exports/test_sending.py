"""A file on its way: whole, or ended so that it is seen, and closed however it ends."""

import asyncio
import contextlib

import pytest
from starlette.types import Message

from common.errors import Gone, Unavailable
from exports.sending import Sending, pieces
from tests.support.unrevoked import unrevoked

WHOLE = b"0123456789" * 1000


class Told:
    """A reading that gives these pieces, and then what there is besides: nothing, or an error."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self._pieces = list(pieces)
        self.size = len(WHOLE)
        self.closed = 0

    async def read(self) -> bytes:
        piece = self._pieces.pop(0) if self._pieces else b""
        if isinstance(piece, Exception):
            raise piece
        return piece

    async def close(self) -> None:
        self.closed += 1


async def sent(reading: Told, *, gone: asyncio.Event | None = None) -> list[Message]:
    """What a client of this answer gets, who stays, or is gone once that is set."""
    heard: list[Message] = []

    async def receive() -> Message:
        await (gone or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        heard.append(message)
        if gone is not None:
            gone.set()
            await asyncio.Event().wait()

    headers = {"Content-Length": str(len(WHOLE))}
    answer = Sending(reading, len(WHOLE), 200, check=unrevoked, headers=headers, media_type="x/y")
    try:
        await answer({"type": "http", "asgi": {"spec_version": "2.3"}}, receive, send)
    finally:
        assert reading.closed == 1
    return heard


async def test_all_bytes_are_sent_and_then_the_end() -> None:
    heard = await sent(Told(WHOLE[:7], WHOLE[7:]))
    assert b"".join(message.get("body", b"") for message in heard) == WHOLE
    assert [message.get("more_body") for message in heard[1:]] == [True, True, False]


@pytest.mark.parametrize("end", [(), (Unavailable("away"),), (OSError(),)])
async def test_what_breaks_off_is_no_end(end: tuple[Exception, ...]) -> None:
    with pytest.raises((Unavailable, OSError)):
        await sent(Told(WHOLE[:7], *end))


async def test_nothing_is_read_for_who_has_gone() -> None:
    reading = Told(WHOLE[:7], WHOLE[7:])
    await sent(reading, gone=asyncio.Event())


async def test_what_is_revoked_meanwhile_breaks_off() -> None:
    looks = 0

    async def revoked_at_the_second_look() -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            raise Gone("This file is gone: it was revoked.")

    got = bytearray()
    with pytest.raises(Gone):
        async for piece in pieces(Told(WHOLE[:7], WHOLE[7:9], WHOLE[9:]), len(WHOLE), revoked_at_the_second_look, look_seconds=0):
            got += piece
    assert bytes(got) == WHOLE[:7]


@pytest.mark.parametrize(("patience", "complete"), [(30.0, True), (0.0, False)])
async def test_while_nobody_can_tell_of_a_revocation_bytes_are_sent_on_for_a_while(patience: float, *, complete: bool) -> None:
    async def nobody_can_tell() -> None:
        raise Unavailable("The database does not answer.")

    got = bytearray()
    ended = contextlib.nullcontext() if complete else pytest.raises(Unavailable)
    with ended:
        told = Told(WHOLE[:7], WHOLE[7:9], WHOLE[9:])
        async for piece in pieces(told, len(WHOLE), nobody_can_tell, look_seconds=0, unknown_seconds=patience):
            got += piece
    assert bytes(got) == (WHOLE if complete else b"")
