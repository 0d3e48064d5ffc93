"""Points in time shared between searches: the index keeps 20,000 at most, each for minutes, and each long list needs one."""

import asyncio

from search.index import Index

SPACING_SECONDS = 0.05


class Points:
    """Gives lists a point in time to be read in. None is ever closed here, for others read in it too: it goes by itself.

    A list never shows an older state than what its reader saw before it asked: a point is shared by those alone who asked for one
    before it was opened. A process opens twenty in a second at most, 6,000 in the 300 seconds that they last: those of three
    processes are fewer than the index keeps (`index._MOST_POINTS`). For more, let it keep more, with more than 1 GiB of heap.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self._next: tuple[float, asyncio.Task[str]] | None = None

    async def fresh(self) -> str:
        """A point that is opened after this was asked. Raises Unavailable."""
        now = asyncio.get_running_loop().time()
        if self._next is None or self._next[0] < now:
            begins = now if self._next is None else max(now, self._next[0] + SPACING_SECONDS)
            self._next = (begins, asyncio.create_task(self._open(begins - now)))
        return await asyncio.shield(self._next[1])

    async def _open(self, pause: float) -> str:
        await asyncio.sleep(pause)
        return await self._index.open_point()
