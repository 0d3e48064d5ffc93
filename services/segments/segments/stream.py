"""The log of changes as server-sent events, for as long as somebody listens and the segment is there."""

from collections.abc import AsyncIterator, Callable, Sequence
from uuid import UUID

from common import following
from common.errors import NotFound
from common.following import BATCH, Told
from common.listening import Open
from segments.queries import ChangeView, Queries


def follow(
    goes_on: Open, queries: Queries, channel: str, segment_id: UUID, after: int, data: Callable[[ChangeView], bytes]
) -> AsyncIterator[bytes]:
    """Events from a position on, until the listener goes or may not listen any more, or the segment is deleted."""

    async def look(position: int) -> Sequence[Told]:
        found = await queries.changes(channel, segment_id, position, BATCH)
        return [Told(view.position, str(view.position), view.change, data(view)) for view in found]

    async def there() -> bool:
        try:
            await queries.segment(channel, segment_id)
        except NotFound:
            return False
        return True

    return following.follow(goes_on, after, look, there)
