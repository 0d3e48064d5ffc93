"""A list that grows at its end, as server-sent events, for as long as somebody listens."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from common.listening import Open

BATCH = 1000
_LOOK_SECONDS = 0.2
_COMMENT_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Told:
    """One entry: its place in the list, the `id` that a listener comes back with, its kind, and its JSON.

    Without JSON it is a place alone: a listener notes the `id`, and hears nothing.
    """

    place: int
    id: str
    kind: str
    data: bytes | None


class Ended(Exception):
    """The list is there no more; carries the kind and the JSON of the last event, which says so."""

    def __init__(self, kind: str, data: bytes) -> None:
        super().__init__(kind)
        self.kind = kind
        self.data = data


async def follow(goes_on: Open, after: int, look: Callable[[int], Awaitable[Sequence[Told]]]) -> AsyncIterator[bytes]:
    """Events from a place on, until the listener goes or may not listen any more, or the list is there no more.

    `look` answers what follows a place, at most BATCH at once; it raises Ended where nothing will.
    """
    spoken = time.monotonic()
    yield b": changes follow\n\n"
    while goes_on():
        try:
            found = await look(after)
        except Ended as end:
            yield b"event: %s\ndata: %s\n\n" % (end.kind.encode(), end.data)
            return
        for told in found:
            after = told.place
            yield _event(told)
        now = time.monotonic()
        if found:
            spoken = now
        elif now - spoken > _COMMENT_SECONDS:
            spoken = now
            yield b": nothing new\n\n"  # so that nothing in between takes the silence for a broken connection
        if len(found) < BATCH:
            await asyncio.sleep(_LOOK_SECONDS)


def _event(told: Told) -> bytes:
    if told.data is None:
        return b"id: %s\n\n" % told.id.encode()
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (told.id.encode(), told.kind.encode(), told.data)
