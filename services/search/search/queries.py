"""Finding: a request becomes a query of the index; pages, counts, fingerprints, and waiting for what was written."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from common.clock import Clock
from common.errors import Conflict, Gone, Unavailable, Unprocessable
from common.position import Position
from search.compile import Query
from search.index import Hits, Index
from search.layout import layout
from search.neighbours import Neighbours
from search.nodes import MOST_NODES, NodeCount, parts_of
from search.paging import Order, Place, Seek, backwards, place_of
from search.points import Points
from search.request import SortKey, kinds_of, sort_of
from search.scanning import Scanner
from search.seal import NotOurs, Sealer, digest
from search.store import Store
from search.term_sets.store import TermSetStore
from search.understanding import Prepared, Understanding, Wanted

_WAIT = timedelta(seconds=5)
_CATCH_UP = timedelta(seconds=60)
_FINGERPRINT_MILLIS = 60 * 60 * 1000
_POLL_SECONDS = 0.02

CaughtUp = Callable[[], Awaitable[bool]]
"""Answers whether the consumer has applied all that Kafka held when this was made."""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of contacts, the cursors of the pages after and before it, the exact total, the fingerprint."""

    items: list[dict[str, Any]]
    next: str | None
    previous: str | None
    total: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class _Around:
    """The sort values of the rows from which the pages before and after one go on; None where there is no such page."""

    before: list[Any] | None
    after: list[Any] | None


@dataclass(frozen=True, slots=True)
class _Page:
    page: Hits
    around: _Around


class Finder:
    """What can be found."""

    def __init__(
        self,
        store: Store,
        term_sets: TermSetStore,
        index: Index,
        neighbours: Neighbours,
        sealer: Sealer,
        clock: Clock,
        caught_up: Callable[[], Awaitable[CaughtUp]],
    ) -> None:
        self._store = store
        self._index = index
        self._neighbours = neighbours
        self._sealer = sealer
        self._caught_up = caught_up
        self.understanding = Understanding(store, term_sets, index, neighbours, clock)
        self.scanner = Scanner(self.understanding, index)
        self._points = Points(index)

    async def search(
        self, channel: str, wanted: Wanted, sort: list[SortKey] | None, limit: int, cursor: str | None, seek: Seek | None = None
    ) -> Found:
        """A page. A cursor may be used again, the last too; with one, `seek` is where the list was begun.

        Raises Unprocessable for a cursor of another request, Gone for one that has expired.
        """
        request = digest([channel, str(wanted), [[s.key, s.order] for s in sort or []]])
        resumed = self._resume(cursor, request) if cursor is not None else None
        prepared = await self.understanding.prepare(channel, wanted, resumed["now"] if resumed else None)
        known = prepared.fields.context.fields
        order = sort_of(sort, known, prepared.fields.slots, ranked=prepared.ranked)
        if resumed:
            if resumed["meaning"] != prepared.meaning:
                raise Gone("A definition behind this cursor changed. Begin again without it.", code="cursorExpired")
            place = Place(resumed["after"], resumed["backwards"])
            point: str | None = resumed["point"]
            hits = await self._page(prepared.query, order, place, limit, point)
            total, shown = resumed["total"], await self._without_erased(channel, hits.page)
        else:
            place = place_of(seek, kinds_of(sort, known, ranked=prepared.ranked)) if seek is not None else Place()
            point, hits = await self._first(prepared.query, order, place, limit)
            total, shown = hits.page.total, [found["source"] for found in hits.page.sources]
        cursors = hits.around
        if point is not None and seek is not None and not resumed:
            cursors = replace(cursors, before=await self._before(prepared.query, order, cursors.before, point))
        state = {
            "request": request, "meaning": prepared.meaning, "layout": layout(), "point": point, "now": prepared.now,
            "total": total,
        }  # fmt: skip

        def sealed(after: list[Any] | None, *, backwards: bool) -> str | None:
            if point is None or after is None:
                return None
            return self._sealer.seal("cursor", state | {"after": after, "backwards": backwards})

        following, previous = sealed(cursors.after, backwards=False), sealed(cursors.before, backwards=True)
        return Found(shown, following, previous, total, self.fingerprint(channel, prepared, total))

    async def _page(
        self, query: Query, order: Order, place: Place, limit: int, point: str | None, *, counted: bool = False
    ) -> "_Page":
        """A page, and where the pages around it go on; one row more is read, to know whether there is one."""
        sort = backwards(order) if place.backwards else order
        hits = await self._index.search(query, sort, limit + 1, point=point, after=place.after, counted=counted)
        more = len(hits.sources) > limit
        sources, places = hits.sources[:limit], hits.places[:limit]
        if place.backwards:
            sources, places = sources[::-1], places[::-1]
        first, last = (places[0], places[-1]) if places else (place.after, place.after)
        # Whoever comes from a row knows that there is one on that side.
        after = last if (more or place.backwards) else None
        before = first if (more if place.backwards else place.after is not None) else None
        return _Page(Hits(sources, places, hits.total), _Around(before, after))

    async def _before(self, query: Query, order: Order, first: list[Any] | None, point: str) -> list[Any] | None:
        """The sort values of the row with which a list was begun that somebody sought, unless it is the very first of all."""
        hits = await self._index.search(query, backwards(order), 1, point=point, after=first, counted=False)
        return first if hits.sources else None

    async def _without_erased(self, channel: str, hits: Hits) -> list[dict[str, Any]]:
        """A page of a moment that has passed: it shows what has changed as it was, but nobody who was erased since."""
        shown = [found["source"] for found in hits.sources]
        gone = await self._index.erased([f"{channel}/{each['id']}" for each in shown]) if shown else set[str]()
        return [each for each in shown if f"{channel}/{each['id']}" not in gone]

    async def _first(self, query: Query, order: Order, place: Place, limit: int) -> tuple[str | None, "_Page"]:
        """The first page; a point in time is taken only where there is another one to read in it."""
        page = await self._page(query, order, place, limit, None, counted=True)
        if page.page.total <= min(limit, len(page.page.sources)):
            return None, page
        point = await self._points.fresh()
        return point, await self._page(query, order, place, limit, point, counted=True)

    def _resume(self, cursor: str, request: str) -> Mapping[str, Any]:
        try:
            state: Mapping[str, Any] = self._sealer.open("cursor", cursor)
        except NotOurs:
            words = "This cursor does not come from a search. Begin again without it."
            raise Unprocessable(words, code="badCursor", pointer="/cursor") from None
        if state["request"] != request:
            raise Unprocessable(
                "This cursor belongs to another request. Send it with the same filter, query and sort.",
                code="badCursor",
                pointer="/cursor",
            )
        if state.get("layout") != layout():  # another version's, whose question its index answers
            raise Gone("This cursor has expired. Begin again without it.", code="cursorExpired")
        return state

    async def count(self, channel: str, wanted: Wanted) -> tuple[int, str]:
        """The exact total and its fingerprint."""
        prepared = await self.understanding.prepare(channel, wanted)
        total = await self._index.count(prepared.query)
        return total, self.fingerprint(channel, prepared, total)

    async def count_nodes(self, channel: str, wanted: Wanted) -> tuple[int, str, list[NodeCount]]:
        """The same, and how many match each node of the filter, all of one instant. Raises Unprocessable for too many nodes."""
        prepared = await self.understanding.prepare(channel, wanted)
        parts = parts_of(prepared.node) if wanted.filter_given else []
        if len(parts) > MOST_NODES:
            words = f"The nodes of a filter are counted where it has {MOST_NODES} of them at most, groups included."
            raise Unprocessable(
                words, code="tooManyConditions", pointer="/nodes", extra={"count": len(parts), "most": MOST_NODES}
            )
        asked = {"total": prepared.query}
        for n, part in enumerate(parts):
            asked |= {f"{n} alone": prepared.read(part.alone), f"{n} upTo": prepared.read(part.up_to)}
        told = await self._index.counted(prepared.within, {name: {"filter": query} for name, query in asked.items()})
        counts = {name: int(bucket["doc_count"]) for name, bucket in told.items()}
        nodes = [NodeCount(part.pointer, counts[f"{n} alone"], counts[f"{n} upTo"]) for n, part in enumerate(parts)]
        return counts["total"], self.fingerprint(channel, prepared, counts["total"]), nodes

    def fingerprint(self, channel: str, prepared: Prepared, count: int) -> str:
        """The word that stands for this filter, at this moment, with this count."""
        stands_for = {"channel": channel, "meaning": prepared.meaning, "at": prepared.now, "count": count}
        return self._sealer.seal("fingerprint", stands_for)

    async def audience(self, channel: str, wanted: Wanted, fingerprint: str) -> int:
        """How many match now, if the fingerprint is of this very request. Raises Conflict where it is not, or many more match."""
        mismatch = Conflict(
            "The fingerprint belongs to another request, is over an hour old, or a definition changed since. Look at the "
            "result again and send its fingerprint.",
            code="fingerprintMismatch",
            pointer="/fingerprint",
        )
        # What cannot be understood is refused as such, whatever the fingerprint.
        prepared = await self.understanding.prepare(
            channel, Wanted(wanted.filter, wanted.filter_given, wanted.segment, wanted.query)
        )
        try:
            seen: Mapping[str, Any] = self._sealer.open("fingerprint", fingerprint)
        except NotOurs:
            raise mismatch from None
        if (seen["channel"], seen["meaning"]) != (channel, prepared.meaning) or prepared.now - seen["at"] > _FINGERPRINT_MILLIS:
            raise mismatch
        total = await self._index.count(prepared.query)
        if total - seen["count"] > max(10, seen["count"] * 0.01):
            raise Conflict(
                "Many more contacts match than when you looked. Look again and confirm with the new fingerprint.",
                code="audienceChanged",
                pointer="/fingerprint",
                extra={"total": total, "fingerprint": self.fingerprint(channel, prepared, total)},
            )
        if wanted.without:
            return await self._index.count((await self.understanding.prepare(channel, wanted)).query)
        return total

    async def await_position(self, channel: str, position: Position) -> None:
        """Returns when all that the position names can be found. Raises Unavailable `notCaughtUp` after 5 seconds."""
        if position.everything:
            await self.catch_up(channel, _WAIT)
        contacts = {f"{channel}/{e.id}": e.version for e in position.entries if e.kind == "contact"}
        fields = {e.id: e.version for e in position.entries if e.kind == "field"}

        async def applied() -> bool:
            there = await self._index.versions(list(contacts)) if contacts else {}
            known = await self._store.field_versions(channel, list(fields)) if fields else {}
            return all(there.get(key, 0) >= version for key, version in contacts.items()) and all(
                known.get(key, 0) >= version for key, version in fields.items()
            )

        await _until(applied, _WAIT)
        if contacts:
            await self._index.refresh()

    async def has_versions(self, versions: Mapping[str, int]) -> bool:
        """Whether the index has applied these versions of documents, or later ones."""
        there = await self._index.versions(list(versions))
        return all(there.get(key, 0) >= version for key, version in versions.items())

    async def catch_up(self, channel: str, patience: timedelta = _CATCH_UP) -> None:
        """Returns when everything that was committed before this call can be found. Raises Unavailable `notCaughtUp`."""
        with _patient():
            async with asyncio.timeout(patience.total_seconds()):
                await self._neighbours.sent(channel)
                caught_up = await self._caught_up()
        await _until(caught_up, patience)
        await self._index.refresh()


async def _until(done: CaughtUp, patience: timedelta) -> None:
    with _patient():
        async with asyncio.timeout(patience.total_seconds()):  # a store that hangs is broken off as well
            while True:
                if await done():
                    return
                await asyncio.sleep(_POLL_SECONDS)


@contextmanager
def _patient() -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        words = "The search has not seen your last change yet. Try again in a moment."
        raise Unavailable(words, code="notCaughtUp") from None
