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
    """One entry: its place in the list, the `id` that a listener comes back with, its kind, and its JSON."""

    place: int
    id: str
    kind: str
    data: bytes


async def _always() -> bool:
    return True


async def follow(
    goes_on: Open, after: int, look: Callable[[int], Awaitable[Sequence[Told]]], there: Callable[[], Awaitable[bool]] = _always
) -> AsyncIterator[bytes]:
    """Events from a place on, until the listener goes or may not listen any more, or the list is not there any more.

    `look` answers what follows a place, at most BATCH at once; `there` is asked when all is quiet.
    """
    spoken = time.monotonic()
    yield b": changes follow\n\n"
    while goes_on():
        found = await look(after)
        for told in found:
            after = told.place
            yield b"id: %s\nevent: %s\ndata: %s\n\n" % (told.id.encode(), told.kind.encode(), told.data)
        now = time.monotonic()
        if found:
            spoken = now
        elif now - spoken > _COMMENT_SECONDS:
            if not await there():
                return
            spoken = now
            yield b": nothing new\n\n"  # so that nothing in between takes the silence for a broken connection
        if len(found) < BATCH:
            await asyncio.sleep(_LOOK_SECONDS)
