"""Term sets: many values pasted or sent as a file, each told found or not, kept to stand in filters in place of values."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias
from uuid import UUID

import orjson
from isal import isal_zlib

from common import csv_report
from common.clock import Clock
from common.errors import Gone, NotFound, Problem, Unprocessable
from common.filters import BUILT_INS, FieldType
from common.ids import Ids
from search.compile import Query
from search.document import field_name, term
from search.index import Index
from search.layout import FIELDS
from search.seal import NotOurs, Sealer, digest
from search.store import Fields, Store
from search.term_sets.store import TermChunk, TermSet, TermSetStore
from search.term_sets.terms import MOST_TERMS, SPLITTABLE, STATUSES, Normalise, Pasted, Status, normaliser

_CHUNK = 20_000
_AT_ONCE = 2
_MOST_NAMED = 100
_CODES = {status: code for code, status in enumerate(STATUSES)}
_FOUND, _NOT_FOUND, _AMBIGUOUS, _DUPLICATE, _UNREADABLE = range(len(STATUSES))

Row: TypeAlias = tuple[str, str | None, int]
"""A term as it was written, the form it is compared in, its status as a number."""


@dataclass(frozen=True, slots=True)
class Sorted:
    """A chunk of terms before the index was asked: the terms, their forms, and the places of those to be asked about.

    The status of all others is known already.
    """

    terms: list[str]
    forms: list[str | None]
    statuses: list[int]
    asked: list[int]
    compared: list[str]


def no_term_set() -> NotFound:
    """The refusal of an id that names no term set of the channel."""
    return NotFound("There is no such term set.")


class TermSets:
    """Makes term sets and shows their terms. A term set that nobody uses for thirty days is deleted."""

    def __init__(self, fields: Store, store: TermSetStore, index: Index, sealer: Sealer, clock: Clock, ids: Ids) -> None:
        self._fields = fields
        self._store = store
        self._index = index
        self._sealer = sealer
        self._clock = clock
        self._ids = ids

    async def create(self, channel: str, key: str, terms: Iterable[str] | Pasted, by: str) -> TermSet:
        """Sort the terms and keep them. Raises Unprocessable for a key that takes no term set, no term at all, and too many."""
        fields = await self._fields.fields(channel)
        key, kind = _key(key, fields)
        await self._index.check_readable([FIELDS])
        name = f"{field_name(key, fields.slots)}.term"
        chunks: list[TermChunk] = []
        asked: list[asyncio.Task[TermChunk]] = []
        each = terms.terms(kind) if isinstance(terms, Pasted) else terms
        parts = _sorted(each, normaliser(key, kind, fields.context.country))
        async with _one_refusal(), asyncio.TaskGroup() as group:
            # Reading is work for the processor: in a thread, so that others are answered meanwhile.
            while (part := await asyncio.to_thread(next, parts, None)) is not None:
                asked.append(group.create_task(self._chunk(channel, name, kind, part)))
                if len(asked) >= _AT_ONCE:
                    chunks.append(await asked.pop(0))
                if len(chunks) + len(asked) > MOST_TERMS // _CHUNK + 1:
                    break
        chunks += [task.result() for task in asked]
        total = [sum(counts) for counts in zip(*(c.counts for c in chunks), strict=True)]
        if not total:
            raise Unprocessable("There is no term in this. Send one at least.", code="noTerms")
        if sum(total) > MOST_TERMS:
            words = f"A term set has {MOST_TERMS:,} terms at most. Make several."
            raise Unprocessable(words, code="tooManyTerms", extra={"count": sum(total), "most": MOST_TERMS})
        made = TermSet(self._ids(), key, self._clock.now(), by, tuple(total))
        await self._store.save(channel, made, chunks)
        return made

    async def _chunk(self, channel: str, name: str, kind: FieldType, part: Sorted) -> TermChunk:
        compared = part.compared
        found = await self._index.having(_in(channel, name, compared), name, compared if kind is FieldType.LIST else None)
        return await asyncio.to_thread(_packed, part, found)

    async def terms(
        self, channel: str, term_set: UUID, status: Status | None, limit: int, cursor: str | None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """A page of the report in the order of the terms, and the next cursor. Raises NotFound, Unprocessable."""
        known = await self.get(channel, term_set)
        request = digest([channel, str(term_set), status])
        begin, offset = self._resume(cursor, request)
        page: list[Row] = []
        async for number, rows in self._chunks(channel, term_set, status, begin):
            for at in range(offset if number == begin else 0, len(rows)):
                if status is None or rows[at][2] == _CODES[status]:
                    page.append(rows[at])
                    if len(page) > limit:
                        following = self._sealer.seal("terms", {"request": request, "number": number, "offset": at})
                        return await self._shown(channel, known.key, page[:limit]), following
        return await self._shown(channel, known.key, page), None

    async def report(self, channel: str, made: TermSet, status: Status | None) -> AsyncIterator[bytes]:
        """The whole report as a CSV file, in pieces. Raises Gone where the term set goes meanwhile: none ends short unnoticed."""
        yield csv_report.head(("term", "normalised", "status"))
        told = 0
        async for _, rows in self._chunks(channel, made.id, status, 0):
            chosen = [row for row in rows if status is None or row[2] == _CODES[status]]
            told += len(chosen)
            yield await asyncio.to_thread(_as_csv, chosen)
        if told != (sum(made.counts) if status is None else made.counts[_CODES[status]]):
            raise Gone("This term set is gone by now. Make it again.")

    async def _chunks(
        self, channel: str, term_set: UUID, status: Status | None, begin: int
    ) -> AsyncIterator[tuple[int, list[Row]]]:
        """Chunk after chunk from this one on, those without a term of the status left out; read in a thread, others wait less."""
        number = begin
        code = None if status is None else _CODES[status]
        while (found := await self._store.rows(channel, term_set, number, code)) is not None:
            yield found[0], await asyncio.to_thread(_rows, found[1])
            number = found[0] + 1

    async def get(self, channel: str, term_set: UUID) -> TermSet:
        """A term set's key and counts. Raises NotFound."""
        found = (await self._store.named(channel, [term_set], self._clock.now())).get(term_set)
        if found is None:
            raise no_term_set()
        return found

    async def forms(self, channel: str, term_set: UUID) -> tuple[TermSet, list[str]]:
        """All forms to compare with, for an evaluator. Raises NotFound."""
        known = await self.get(channel, term_set)
        forms: list[str] = []
        async for _, rows in self._chunks(channel, term_set, None, 0):
            forms += [form for _, form, code in rows if form is not None and STATUSES[code] not in _OUT]
        return known, forms

    def _resume(self, cursor: str | None, request: str) -> tuple[int, int]:
        if cursor is None:
            return 0, 0
        another = Unprocessable("This cursor belongs to another request. Begin again without it.", code="badCursor")
        try:
            state: Mapping[str, Any] = self._sealer.open("terms", cursor)
        except NotOurs:
            raise another from None
        if state["request"] != request:
            raise another
        return state["number"], state["offset"]

    async def _shown(self, channel: str, key: str, page: Sequence[Row]) -> list[dict[str, Any]]:
        """The page's terms, each with the contacts that have it now, a hundred of each at most."""
        fields = await self._fields.fields(channel)
        name = f"{field_name(key, fields.slots)}.term"
        await self._index.check_readable([FIELDS])
        compared = sorted({term(form) for _, form, code in page if form is not None and STATUSES[code] not in _OUT})
        having = await self._index.ids_having(_in(channel, name, compared), name, compared, _MOST_NAMED) if compared else {}
        return [
            {
                "term": written,
                "normalised": form,
                "status": STATUSES[code],
                "contactIds": having.get(term(form), []) if form is not None and STATUSES[code] not in _OUT else [],
            }
            for written, form, code in page
        ]


@asynccontextmanager
async def _one_refusal() -> AsyncIterator[None]:
    """Of tasks that fail together the first refusal stands for all: a caller can do nothing with a group of them."""
    try:
        yield
    except ExceptionGroup as failed:
        refusals, others = failed.split(Problem)
        if refusals is None or others is not None:
            raise
        raise refusals.exceptions[0] from None


_OUT = ("duplicate", "unreadable")


def _key(written: str, fields: Fields) -> tuple[str, FieldType]:
    key = written.removeprefix("user.")
    definition = fields.context.fields.get(key[8:]) if key.startswith("profile.") else None
    kind = BUILT_INS.get(key) if definition is None else definition.type
    if kind is None:
        raise Unprocessable("There is no such field.", code="unknownField", pointer="/key")
    if definition is not None and definition.archived:
        raise Unprocessable("This field is archived. Restore it first.", code="archivedField", pointer="/key")
    if kind not in SPLITTABLE:
        raise Unprocessable(
            "Terms are looked for in String, List, Phone and Email fields alone. Choose one of those.",
            code="wrongType",
            pointer="/key",
        )
    return key, kind


def _sorted(terms: Iterable[str], normalise: Normalise) -> Iterator[Sorted]:
    """The terms in chunks; of those with one form the first is asked about, the others are duplicates."""
    seen: set[str] = set()
    walk = iter(terms)
    while part := list(islice(walk, _CHUNK)):
        forms = normalise(part)
        statuses = [_UNREADABLE] * len(part)
        asked: list[int] = []
        compared: list[str] = []
        for place, form in enumerate(forms):
            if form is None:
                continue
            if form in seen:
                statuses[place] = _DUPLICATE
            else:
                seen.add(form)
                asked.append(place)
                compared.append(term(form))
        yield Sorted(part, forms, statuses, asked, compared)


def _packed(part: Sorted, found: Mapping[str, int]) -> TermChunk:
    """The chunk, told what was found: how many contacts have each of the forms."""
    statuses = part.statuses
    for place, form in zip(part.asked, part.compared, strict=True):
        contacts = found.get(form)
        statuses[place] = _NOT_FOUND if contacts is None else _FOUND if contacts == 1 else _AMBIGUOUS
    return TermChunk(
        tuple(map(statuses.count, range(len(STATUSES)))),
        isal_zlib.compress(orjson.dumps(list(zip(part.terms, part.forms, statuses, strict=True))), 1),
        isal_zlib.compress(orjson.dumps(part.compared), 1),
    )


def _rows(report: bytes) -> list[Row]:
    rows: list[Row] = orjson.loads(zlib.decompress(report))
    return rows


def _as_csv(rows: Sequence[Row]) -> bytes:
    inert = csv_report.inert
    return csv_report.lines((inert(written), inert(form), STATUSES[code]) for written, form, code in rows)


def _in(channel: str, name: str, compared: Sequence[str]) -> Query:
    return {"bool": {"filter": [{"term": {"channel": channel}}, {"term": {"deleted": False}}, {"terms": {name: compared}}]}}
