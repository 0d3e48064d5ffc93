"""The log of changes as server-sent events, for as long as somebody listens and the segment is there."""

from collections.abc import AsyncIterator, Callable, Sequence
from uuid import UUID

import orjson

from common import following
from common.errors import NotFound
from common.following import BATCH, Ended, Told
from common.listening import Open
from segments.changes.bookmark import Bookmark, after, read, write
from segments.changes.queries import BeyondEnd, ChangesGone, ChangeView, Log


def follow(
    goes_on: Open, log: Log, channel: str, segment_id: UUID, begin: Bookmark, data: Callable[[ChangeView], bytes]
) -> AsyncIterator[bytes]:
    """Events from a bookmark on, until the listener goes or may not listen any more.

    The last one is `deleted` where the segment is no more, and `gone` where what follows is not kept any more.
    """

    async def look(place: int) -> Sequence[Told]:
        try:
            page = await log.following(channel, segment_id, read(place), BATCH)
        except NotFound:
            raise Ended("deleted", orjson.dumps({"segmentId": str(segment_id)})) from None
        except (ChangesGone, BeyondEnd) as gone:
            raise Ended("gone", orjson.dumps(gone.body())) from None
        places = [write(after(view.position, page.kept)) for view in page.items]
        told = [Told(at, str(at), view.change, data(view)) for at, view in zip(places, page.items, strict=True)]
        end = write(page.next)
        # Whoever has come to the end of a snapshot stands on firm ground, though its last change was long before.
        return told if end == (places[-1] if places else place) else [*told, Told(end, str(end), "", None)]

    return following.follow(goes_on, write(begin), look)
