"""Streams of all whom a request means, of one instant and in the order of ids; each row is the text of its JSON already."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

import msgspec
import orjson

from search.compile import Query
from search.index import Index
from search.understanding import Understanding, Wanted

_FIRST_PAGE, _LEAST_PAGE, _PAGE = 200, 10, 2000
_PAGE_BYTES = 4 << 20
"""A page of contacts has about so many bytes, whatever they hold: two are held at once."""
_PAGE_OF_IDS = 10_000  # the most that the index gives at once
_IDS_AT_ONCE = 50_000

Rows: TypeAlias = Sequence[msgspec.Raw | bytes]
"""JSON texts without a line's end in them."""


@dataclass(frozen=True, slots=True)
class Scan:
    """How many rows there are, at which instant (milliseconds), and the rows: whole contacts, or `{id, version}`."""

    total: int
    at: int
    pages: AsyncGenerator[Rows, None]


class Scanner:
    """Reads all that is found, however much, a page at a time."""

    def __init__(self, understanding: Understanding, index: Index) -> None:
        self._understanding = understanding
        self._index = index

    @asynccontextmanager
    async def scan(self, channel: str, wanted: Wanted, contact_ids: Sequence[UUID] | None, *, whole: bool) -> AsyncIterator[Scan]:
        """What is found, or what of it is among these ids; its pages can be read until the end of this, and only once."""
        prepared = await self._understanding.prepare(channel, wanted)
        async with self._index.point() as point:
            parts = [prepared.query] if contact_ids is None else _by_ids(prepared.query, contact_ids)
            totals = [await self._index.count_in(part, point) for part in parts]
            async with aclosing(self._pages(parts, point, whole=whole)) as pages:
                yield Scan(sum(totals), prepared.now, pages)

    async def _pages(self, parts: Sequence[Query], point: str, *, whole: bool) -> AsyncGenerator[Rows, None]:
        for part in parts:
            async with aclosing(self._contacts(part, point) if whole else self._ids(part, point)) as pages:
                async for page in pages:
                    yield page

    async def _contacts(self, query: Query, point: str) -> AsyncGenerator[Rows, None]:
        """Whole contacts. While one page is used, the index makes the next."""
        size = _FIRST_PAGE
        following = asyncio.create_task(self._index.whole(query, size, point, None))
        try:
            while True:
                page = await following
                last, asked = len(page.texts) < size, size
                if not last:
                    size = _size_after(asked, page.size)
                    following = asyncio.create_task(self._index.whole(query, size, point, page.last))
                yield page.texts
                if last:
                    return
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _ids(self, query: Query, point: str) -> AsyncGenerator[Rows, None]:
        """The same of ids and versions alone."""
        after: str | None = None
        while True:
            page = await self._index.ids(query, _PAGE_OF_IDS, point, after)
            yield [orjson.dumps({"id": name, "version": version}) for name, version in page]
            if len(page) < _PAGE_OF_IDS:
                return
            after = page[-1][0]


def _size_after(rows: int, size: int) -> int:
    """How many rows the next page has, after one of so many in so many bytes."""
    return min(_PAGE, max(_LEAST_PAGE, _PAGE_BYTES * rows // max(size, 1)))


def _by_ids(query: Query, ids: Sequence[UUID]) -> list[Query]:
    """The query's matches among these ids, in parts that the index takes, in the order of ids."""
    texts = sorted(str(i) for i in set(ids))
    chunks = [texts[begin : begin + _IDS_AT_ONCE] for begin in range(0, len(texts), _IDS_AT_ONCE)]
    return [{"bool": {"filter": [query, {"terms": {"id": chunk}}]}} for chunk in chunks]
