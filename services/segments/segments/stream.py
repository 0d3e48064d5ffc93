"""The log of changes as server-sent events, for as long as somebody listens."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from uuid import UUID

from common.errors import NotFound
from common.listening import Open
from segments.queries import ChangeView, Queries

_LOOK_SECONDS = 0.2
_COMMENT_SECONDS = 15.0
_BATCH = 1000


async def follow(
    goes_on: Open, queries: Queries, channel: str, segment_id: UUID, after: int, data: Callable[[ChangeView], bytes]
) -> AsyncIterator[bytes]:
    """Events from a position on, until the listener goes or may not listen any more, or the segment is deleted."""
    spoken = time.monotonic()
    yield b": changes follow\n\n"
    while goes_on():
        found = await queries.changes(channel, segment_id, after, _BATCH)
        for view in found:
            after = view.position
            yield b"id: %d\nevent: %s\ndata: %s\n\n" % (after, view.change.encode(), data(view))
        now = time.monotonic()
        if found:
            spoken = now
        elif now - spoken > _COMMENT_SECONDS:
            try:
                await queries.segment(channel, segment_id)
            except NotFound:
                return
            spoken = now
            yield b": nothing new\n\n"
        if len(found) < _BATCH:
            await asyncio.sleep(_LOOK_SECONDS)
