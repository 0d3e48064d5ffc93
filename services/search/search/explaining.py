"""Why a filter finds a contact or not: each condition with its truth, the value it saw, and when the clock will change it."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from common.clock import Clock, to_millis
from common.errors import NotFound
from common.filters import NamedSegment, explain, used_term_sets
from common.query import not_later
from search.index import Index
from search.neighbours import Neighbours
from search.term_sets.handlers import TermSets
from search.understanding import Understanding


class Explaining:
    """Explains filters by the evaluator that segments are judged by."""

    def __init__(
        self, understanding: Understanding, term_sets: TermSets, index: Index, neighbours: Neighbours, clock: Clock
    ) -> None:
        self._understanding = understanding
        self._term_sets = term_sets
        self._index = index
        self._neighbours = neighbours
        self._clock = clock

    async def explain(
        self, channel: str, raw: object, contact_ids: Sequence[UUID], at: datetime | None
    ) -> list[dict[str, object] | None]:
        """The filter's tree for each contact, in their order; None for one that no search finds, or could have found then.

        With `at` the contacts are as they were then, and so is the clock; the filter, its segments and term sets are those of
        now. Raises Unprocessable for an instant that is still to come.
        """
        now = self._clock.now()
        if at is not None:
            not_later(at, now, "at", "/at")
        node, understood = await self._understanding.read(channel, raw)
        terms = {name: await self._terms(channel, UUID(name)) for name in used_term_sets(understood.node)}
        shown = await self._contacts(channel, contact_ids, at)
        instant = to_millis(now if at is None else at)
        named = {name: NamedSegment(understood.names[name], own) for name, own in understood.definitions.items()}

        def explained() -> list[dict[str, object] | None]:
            return [None if contact is None else explain(node, contact, instant, terms, named) for contact in shown]

        return await asyncio.to_thread(explained)  # every node is judged by itself, with all that the segments in it lead to

    async def _terms(self, channel: str, term_set: UUID) -> frozenset[str]:
        _, forms = await self._term_sets.forms(channel, term_set)
        return frozenset(forms)

    async def _contacts(self, channel: str, ids: Sequence[UUID], at: datetime | None) -> list[Mapping[str, Any] | None]:
        found = await self._index.sources([f"{channel}/{each}" for each in dict.fromkeys(ids)]) if ids else {}
        known: list[Mapping[str, Any] | None] = [found.get(f"{channel}/{each}") for each in ids]
        if at is None:
            return known
        return await asyncio.gather(*(self._past(channel, each, contact, at) for each, contact in zip(ids, known, strict=True)))

    async def _past(
        self, channel: str, contact_id: UUID, known: Mapping[str, Any] | None, at: datetime
    ) -> Mapping[str, Any] | None:
        """A contact as it was, if searches find it now, and could then."""
        if known is None:
            return None
        try:
            was = await self._neighbours.contact(channel, contact_id, at)
        except NotFound:
            return None
        return None if was.get("hidden") else was
