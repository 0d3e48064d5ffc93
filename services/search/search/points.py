"""Points in time shared between searches: the index keeps 10,000 at most, each for minutes, and each long list needs one."""

import asyncio

from search.index import Index

_SHARED_SECONDS = 1.0


class Points:
    """Gives lists a point in time to be read in. None is ever closed here, for others read in it too: it goes by itself."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._latest: tuple[float, asyncio.Task[str]] | None = None

    async def recent(self, since: float) -> str:
        """A point opened not before `since` (of the event loop's clock), and within the last second. Raises Unavailable."""
        now = asyncio.get_running_loop().time()
        latest = self._latest
        if latest is None or latest[0] < max(since, now - _SHARED_SECONDS) or _failed(latest[1]):
            # The moment before it is asked for: whatever was searchable by then is in it.
            latest = self._latest = (now, asyncio.create_task(self._index.open_point()))
        return await asyncio.shield(latest[1])


def _failed(opening: asyncio.Task[str]) -> bool:
    return opening.done() and (opening.cancelled() or opening.exception() is not None)
