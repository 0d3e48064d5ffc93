"""Finding: a request becomes a query of the index; pages, counts, streams of one instant, fingerprints."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson

from common.clock import Clock, to_millis
from common.errors import Conflict, Gone, Unavailable, Unprocessable
from common.filters import (
    And,
    Condition,
    Context,
    FieldType,
    Node,
    Operator,
    check_inlined,
    conditions,
    inline,
    named_term_sets,
    parse,
    segment_ids,
    to_json,
    used_term_sets,
)
from common.ids import parse_id
from common.position import Position
from search.compile import Query, compile_filter
from search.index import Hits, Index
from search.neighbours import Neighbours
from search.points import Points
from search.quick import quick
from search.request import BY_ID, SortKey, sort_of
from search.seal import NotOurs, Sealer, digest
from search.store import Fields, Store
from search.term_sets.store import TermSetStore

_PAGE = 1000
_PAGE_OF_IDS = 10_000  # the most that the index gives at once
_IDS_AT_ONCE = 50_000
_WAIT = timedelta(seconds=5)
_CATCH_UP = timedelta(seconds=60)
_FINGERPRINT_MILLIS = 60 * 60 * 1000
_POLL_SECONDS = 0.02

CaughtUp = Callable[[], Awaitable[bool]]
"""Answers whether the consumer has applied all that Kafka held when this was made."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom a request asks for; `filter_given` tells an absent filter from one that is null."""

    filter: object = None
    filter_given: bool = False
    segment: UUID | None = None
    query: str | None = None
    without: Sequence[UUID] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that is understood: its query at an instant, and what identifies its meaning."""

    query: Query
    ranked: bool
    meaning: str
    now: int
    fields: Fields = field(repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """A page of contacts, the cursor of the next, the exact total, the fingerprint."""

    items: list[dict[str, Any]]
    next: str | None
    total: int
    fingerprint: str


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
        self._term_sets = term_sets
        self._index = index
        self._neighbours = neighbours
        self._sealer = sealer
        self._clock = clock
        self._caught_up = caught_up
        self._points = Points(index)

    async def check(self, channel: str, raw: object) -> dict[str, object]:
        """The normalised filter. Raises FilterRefused."""
        fields = await self._store.fields(channel)
        node = parse(raw, await self._context(channel, fields, raw))
        await self._inlined(channel, node, fields, None)
        return to_json(node)

    async def prepare(self, channel: str, wanted: Wanted, now: int | None = None) -> Prepared:
        """Understand a request. Raises FilterRefused, Unprocessable, Unavailable."""
        fields = await self._store.fields(channel)
        context = await self._context(channel, fields, wanted.filter)
        node: Node = parse(wanted.filter, context) if wanted.filter_given else And(())
        whole, definitions = await self._inlined(channel, node, fields, wanted.segment)
        terms = await self._terms(channel, whole)
        at = to_millis(self._clock.now()) if now is None else now
        term = quick(wanted.query, fields.context.country) if wanted.query is not None else None
        filters = [{"term": {"channel": channel}}, {"term": {"deleted": False}}, compile_filter(whole, fields.slots, at, terms)]
        parts: dict[str, Any] = {"filter": filters}
        if term is not None:
            parts["must"] = [term]
        if wanted.without:
            parts["must_not"] = [{"terms": {"id": [str(i) for i in wanted.without]}}]
        searched = wanted.query if term is not None else None
        read_by = [fields.context.country, fields.context.zone]
        meaning = digest([channel, to_json(node), str(wanted.segment), searched, definitions, read_by])
        return Prepared({"bool": parts}, term is not None, meaning, at, fields)

    async def _context(self, channel: str, fields: Fields, raw: object) -> Context:
        """The channel's context with the keys of those term sets that the filter names."""
        named = [term_set for name in named_term_sets(raw) if (term_set := parse_id(name)) is not None]
        if not named:
            return fields.context
        known = await self._term_sets.named(channel, named, self._clock.now())
        return replace(fields.context, term_sets={str(term_set.id): term_set.key for term_set in known.values()})

    async def _terms(self, channel: str, node: Node) -> dict[str, object]:
        """What the index compares with for each term set of a filter."""
        return {name: orjson.Fragment(await self._term_sets.compared(channel, UUID(name))) for name in used_term_sets(node)}

    async def _inlined(self, channel: str, node: Node, fields: Fields, segment: UUID | None) -> tuple[Node, dict[str, int]]:
        """The filter with all its segments' own filters in their place, and the version of each definition."""
        definitions: dict[str, Node] = {}
        versions: dict[str, int] = {}
        open_: list[tuple[str, str]] = [(name, _place(node, name)) for name in sorted(segment_ids(node))]
        if segment is not None:
            open_.append((str(segment), "/segment"))
        told = await self._neighbours.segments(channel, {name for name, _ in open_}) if open_ else {}
        while open_:
            name, place = open_.pop()
            if name in definitions:
                continue
            if name not in told:
                raise Unprocessable("There is no such segment.", code="unknownSegment", pointer=place)
            filter_ = told[name]["filter"]
            try:
                definitions[name] = parse(filter_, await self._context(channel, fields, filter_))
            except Unprocessable:
                raise Unprocessable(
                    "This segment is broken: its filter cannot be read any more. Mend the segment first.",
                    code="brokenSegment",
                    pointer=place,
                ) from None
            versions[name] = told[name]["definitionVersion"]
            open_ += [(inner, place) for inner in sorted(segment_ids(definitions[name]))]
        whole = inline(node, definitions)
        if segment is not None:
            asked = Condition("segment", FieldType.SEGMENT, Operator.IN, (str(segment),), pointer="/segment")
            whole = And((whole, inline(asked, definitions)))
        check_inlined(whole, "/filter" if segment is None or conditions(node) else "/segment")
        return whole, versions

    async def search(self, channel: str, wanted: Wanted, sort: list[SortKey] | None, limit: int, cursor: str | None) -> Found:
        """A page. A cursor may be used again, the last too.

        Raises Unprocessable for a cursor of another request, Gone for one that has expired.
        """
        request = digest([channel, str(wanted), [[s.key, s.order] for s in sort or []]])
        resumed = self._resume(cursor, request) if cursor is not None else None
        prepared = await self.prepare(channel, wanted, resumed["now"] if resumed else None)
        order = sort_of(sort, prepared.fields.context.fields, prepared.fields.slots, ranked=prepared.ranked)
        if resumed:
            if resumed["meaning"] != prepared.meaning:
                raise Gone("A definition behind this cursor changed. Begin again without it.", code="cursorExpired")
            point: str | None = resumed["point"]
            total, seen = resumed["total"], resumed["seen"]
            hits = await self._index.search(prepared.query, order, limit, point=point, after=resumed["after"], counted=False)
            shown = await self._without_erased(channel, hits)
        else:
            point, hits = await self._first(prepared.query, order, limit)
            shown = [found["source"] for found in hits.sources]
            total, seen = hits.total, 0
        seen += len(hits.sources)
        following = None
        if point is not None and seen < total and hits.last is not None:
            state = {
                "request": request, "meaning": prepared.meaning, "point": point, "after": hits.last, "now": prepared.now,
                "total": total, "seen": seen,
            }  # fmt: skip
            following = self._sealer.seal("cursor", state)
        return Found(shown, following, total, self.fingerprint(channel, prepared, total))

    async def _without_erased(self, channel: str, hits: Hits) -> list[dict[str, Any]]:
        """A page of a moment that has passed: it shows what has changed as it was, but nobody who was erased since."""
        shown = [found["source"] for found in hits.sources]
        gone = await self._index.erased([f"{channel}/{each['id']}" for each in shown]) if shown else set[str]()
        return [each for each in shown if f"{channel}/{each['id']}" not in gone]

    async def _first(self, query: Query, order: list[dict[str, Any]], limit: int) -> tuple[str | None, Hits]:
        """The first page; a point in time is taken only where there is a second one to read in it."""
        hits = await self._index.search(query, order, limit)
        if hits.total <= limit:
            return None, hits
        point = await self._points.fresh()
        return point, await self._index.search(query, order, limit, point=point)

    def _resume(self, cursor: str, request: str) -> Mapping[str, Any]:
        try:
            state: Mapping[str, Any] = self._sealer.open("cursor", cursor)
        except NotOurs:
            raise Unprocessable("This cursor is none that a search answered with.", code="badCursor", pointer="/cursor") from None
        if state["request"] != request:
            raise Unprocessable(
                "This cursor belongs to another request. Send it with the same filter, query and sort.",
                code="badCursor",
                pointer="/cursor",
            )
        return state

    async def count(self, channel: str, wanted: Wanted) -> tuple[int, str]:
        """The exact total and its fingerprint."""
        prepared = await self.prepare(channel, wanted)
        total = await self._index.count(prepared.query)
        return total, self.fingerprint(channel, prepared, total)

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
        prepared = await self.prepare(channel, Wanted(wanted.filter, wanted.filter_given, wanted.segment, wanted.query))
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
            return await self._index.count((await self.prepare(channel, wanted)).query)
        return total

    async def scan(
        self, channel: str, wanted: Wanted, contact_ids: Sequence[UUID] | None, *, whole: bool
    ) -> AsyncIterator[dict[str, Any]]:
        """Every match of one instant, by id: first `{total, at}`, then the contacts (or `{id, version}`), then `{end, rows}`."""
        prepared = await self.prepare(channel, wanted)
        point = await self._index.open_point()
        try:
            parts = [prepared.query] if contact_ids is None else _by_ids(prepared.query, contact_ids)
            totals = [(await self._index.search(part, [BY_ID], 0, point=point)).total for part in parts]
            yield {"total": sum(totals), "at": prepared.now}
            rows = 0
            for part in parts:
                pages = self._contacts(part, point) if whole else self._ids(part, point)
                async for page in pages:
                    rows += len(page)
                    for row in page:
                        yield row
            yield {"end": True, "rows": rows}
        finally:
            await self._index.close_point(point)

    async def _contacts(self, query: Query, point: str) -> AsyncIterator[list[dict[str, Any]]]:
        """Whole contacts in the order of their ids, a page at a time: what is held at once is one page."""
        after: list[Any] | None = None
        while True:
            hits = await self._index.search(query, [BY_ID], _PAGE, point=point, after=after, counted=False)
            yield [found["source"] for found in hits.sources]
            after = hits.last
            if len(hits.sources) < _PAGE:
                return

    async def _ids(self, query: Query, point: str) -> AsyncIterator[list[dict[str, Any]]]:
        """The same of ids and versions alone."""
        after: str | None = None
        while True:
            page = await self._index.ids(query, _PAGE_OF_IDS, point, after)
            yield [{"id": name, "version": version} for name, version in page]
            if len(page) < _PAGE_OF_IDS:
                return
            after = page[-1][0]

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


def _place(node: Node, name: str) -> str:
    """Where a filter names a segment."""
    naming = next(c for c in conditions(node) if c.type is FieldType.SEGMENT and name in c.values)
    return f"{naming.pointer}/values/{naming.values.index(name)}"


def _by_ids(query: Query, ids: Sequence[UUID]) -> list[Query]:
    """The query's matches among these ids, in parts that the index takes, in the order of ids."""
    texts = sorted(str(i) for i in set(ids))
    chunks = [texts[begin : begin + _IDS_AT_ONCE] for begin in range(0, len(texts), _IDS_AT_ONCE)]
    return [{"bool": {"filter": [query, {"terms": {"id": chunk}}]}} for chunk in chunks]
