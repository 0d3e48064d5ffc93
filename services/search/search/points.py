"""Points in time shared between searches: the index keeps 10,000 at most, each for minutes, and each long list needs one."""

import asyncio

from search.index import Index

_SPACING_SECONDS = 0.05


class Points:
    """Gives lists a point in time to be read in. None is ever closed here, for others read in it too: it goes by itself.

    A list never shows an older state than what its reader saw before it asked: a point is shared by those alone who asked for one
    before it was opened. Twenty are opened in a second at most, so that 300 seconds' worth stays below what the index keeps.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self._next: tuple[float, asyncio.Task[str]] | None = None

    async def fresh(self) -> str:
        """A point that is opened after this was asked. Raises Unavailable."""
        now = asyncio.get_running_loop().time()
        if self._next is None or self._next[0] < now:
            begins = now if self._next is None else max(now, self._next[0] + _SPACING_SECONDS)
            self._next = (begins, asyncio.create_task(self._open(begins - now)))
        return await asyncio.shield(self._next[1])

    async def _open(self, pause: float) -> str:
        await asyncio.sleep(pause)
        return await self._index.open_point()
