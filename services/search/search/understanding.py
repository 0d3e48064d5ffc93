"""A request becomes a query of the index: its filter read, segments in their places, term sets with their terms, an instant."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import orjson

from common.clock import Clock, to_millis
from common.errors import Unprocessable
from common.filters import (
    And,
    Condition,
    Context,
    FieldType,
    Node,
    Operator,
    broken_segment,
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
from search.compile import Query, compile_filter
from search.index import Index
from search.layout import FIELDS, QUICK
from search.neighbours import Neighbours
from search.quick import quick
from search.seal import digest
from search.store import Fields, Store
from search.term_sets.store import TermSetStore


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
    """A request that is understood: its query at an instant, and what identifies its meaning.

    `within` is its query but for the filter, `node`; `read` makes the query of any part of that.
    """

    query: Query
    ranked: bool
    meaning: str
    now: int
    fields: Fields = field(repr=False)
    within: Query = field(repr=False)
    node: Node = field(repr=False)
    read: Callable[[Node], Query] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Understood:
    """A filter with its segments' own filters in their places, that of a segment asked for beside it, and where all came from."""

    node: Node
    beside: Node
    definitions: Mapping[str, Node]
    versions: Mapping[str, int]
    names: Mapping[str, str]


class Understanding:
    """Reads requests by what is known of their channel."""

    def __init__(self, store: Store, term_sets: TermSetStore, index: Index, neighbours: Neighbours, clock: Clock) -> None:
        self._store = store
        self._term_sets = term_sets
        self._index = index
        self._neighbours = neighbours
        self._clock = clock

    async def fields(self, channel: str) -> Fields:
        """The channel's fields, country and zone."""
        return await self._store.fields(channel)

    async def check(self, channel: str, raw: object) -> dict[str, object]:
        """The normalised filter. Raises FilterRefused."""
        node, _ = await self.read(channel, raw)
        return to_json(node)

    async def read(self, channel: str, raw: object) -> tuple[Node, Understood]:
        """A filter as it is written, and with its segments' own filters in their places. Raises FilterRefused, Unprocessable."""
        fields = await self._store.fields(channel)
        node = parse(raw, await self._context(channel, fields, raw))
        return node, await self.understand(channel, node, fields, None)

    async def prepare(self, channel: str, wanted: Wanted, now: int | None = None) -> Prepared:
        """Understand a request. Raises FilterRefused, Unprocessable, Unavailable, OtherLayout."""
        fields = await self._store.fields(channel)
        context = await self._context(channel, fields, wanted.filter)
        node: Node = parse(wanted.filter, context) if wanted.filter_given else And(())
        understood = await self.understand(channel, node, fields, wanted.segment)
        terms = await self._terms(channel, And((understood.node, understood.beside)))
        at = to_millis(self._clock.now()) if now is None else now
        term = quick(wanted.query, fields.context.country) if wanted.query is not None else None
        await self._index.check_readable([FIELDS] if term is None else [FIELDS, QUICK])
        alive = [{"term": {"channel": channel}}, {"term": {"deleted": False}}]

        def read(part: Node) -> Query:
            return compile_filter(inline(part, understood.definitions), fields.slots, at, terms)

        parts: dict[str, Any] = {"filter": [*alive, compile_filter(understood.beside, fields.slots, at, terms)]}
        if term is not None:
            parts["must"] = [term]
        if wanted.without:
            parts["must_not"] = [{"terms": {"id": [str(i) for i in wanted.without]}}]
        searched = wanted.query if term is not None else None
        read_by = [fields.context.country, fields.context.zone]
        meaning = digest([channel, to_json(node), str(wanted.segment), searched, understood.versions, read_by])
        whole = {**parts, "filter": [*parts["filter"], compile_filter(understood.node, fields.slots, at, terms)]}
        return Prepared({"bool": whole}, term is not None, meaning, at, fields, {"bool": parts}, node, read)

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

    async def understand(self, channel: str, node: Node, fields: Fields, segment: UUID | None) -> Understood:
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
                raise broken_segment(place, name) from None
            versions[name] = told[name]["definitionVersion"]
            open_ += [(inner, place) for inner in sorted(segment_ids(definitions[name]))]
        whole, beside = inline(node, definitions), And(())
        if segment is not None:
            beside = And(
                (inline(Condition("segment", FieldType.SEGMENT, Operator.IN, (str(segment),), pointer="/segment"), definitions),)
            )
        check_inlined(And((whole, beside)), "/filter" if segment is None or conditions(node) else "/segment")
        names = {name: told[name]["name"] for name in definitions}
        return Understood(whole, beside, definitions, versions, names)


def _place(node: Node, name: str) -> str:
    """Where a filter names a segment."""
    naming = next(c for c in conditions(node) if c.type is FieldType.SEGMENT and name in c.values)
    return f"{naming.pointer}/values/{naming.values.index(name)}"
