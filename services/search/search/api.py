"""The routes of finding."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated, Any, Literal, Self

import orjson
from fastapi import Depends, Response
from fastapi.responses import StreamingResponse
from pydantic import Field, model_validator
from starlette.types import Receive, Send
from starlette.types import Scope as Connection

from common import idempotency
from common.answers import answers, lines
from common.auth import Caller
from common.clock import Instant, from_millis, to_wire
from common.erased import Answer, Question
from common.given import Given
from common.http import AwaitedPosition, Wire, json_response, part, permit, router
from common.ids import Id
from common.shapes import FilterAsked
from search.answers import CountedAnswer, ExplainedAnswer, FilterAnswer, FoundId, FoundPage, ValuesAnswer
from search.distinct import MOST_PREFIX, MOST_VALUES, Distinct
from search.explaining import Explaining
from search.paging import Seek
from search.queries import Finder
from search.request import SortKey
from search.scanning import Rows, Scan
from search.understanding import Wanted

MOST_QUERY = 1000
MOST_IDS = 1_000_000

MOST_EXPLAINED = 20

Reader = Annotated[Caller, Depends(permit("contacts.read"))]
Counter = Annotated[Caller, Depends(permit("contacts.read", "exports.create"))]
Reads = Annotated[Finder, Depends(part(Finder))]
Counts = Annotated[Distinct, Depends(part(Distinct))]
Why = Annotated[Explaining, Depends(part(Explaining))]

routes = router("/v1", tags=["Search"])
internal = router("/internal")


class Sort(Wire):
    """One key to sort by."""

    key: str
    order: Literal["asc", "desc"] = "asc"


class Counted(Wire):
    """Whom a request asks for."""

    filter: FilterAsked = None
    segment: Annotated[Id | None, Given()] = None
    query: Annotated[str | None, Field(max_length=MOST_QUERY), Given()] = None

    def wanted(self, without: list[Any] | None = None) -> Wanted:
        """As the reads take it."""
        return Wanted(self.filter, "filter" in self.model_fields_set, self.segment, self.query, tuple(without or ()))


class Sought(Wire):
    """The row with which a page begins: the first at or after these sort values, and this id among equals."""

    values: Annotated[list[Any], Field(min_length=1, max_length=10)]
    id: Annotated[Id | None, Given()] = None


class Searched(Counted):
    """A page of whom a request asks for."""

    sort: Annotated[list[Sort] | None, Field(max_length=10), Given()] = None
    limit: Annotated[int, Field(ge=1, le=100), Given()] = 100
    cursor: str | None = None
    seek: Annotated[Sought | None, Given()] = None


class CountAsked(Counted):
    """Whom a request asks for, and whether each node of its filter is counted, too."""

    nodes: Annotated[bool, Given()] = False


class ValuesAsked(Counted):
    """Which values are counted, among whom."""

    key: str
    prefix: Annotated[str | None, Field(max_length=MOST_PREFIX), Given()] = None
    limit: Annotated[int, Field(ge=1, le=MOST_VALUES), Given()] = MOST_VALUES


class Checked(Wire):
    """A filter to be read."""

    filter: FilterAsked


class Explained(Checked):
    """A filter, and the contacts for whom it is explained; as they were at `at`, where that is given."""

    contact_ids: Annotated[list[Id], Field(max_length=MOST_EXPLAINED)]
    at: Annotated[Instant | None, Given()] = None


class Audience(Counted):
    """Whom a job is for, with the fingerprint of what its asker saw."""

    without: Annotated[list[Id], Field(max_length=MOST_IDS, alias="except")] = []  # noqa: RUF012 - a pydantic default is copied
    fingerprint: str


class ScanAsked(Counted):
    """Whom to stream: everyone, those of a filter, or these ids. As in a search, no filter at all is everyone."""

    all: Annotated[Literal[True] | None, Given()] = None
    without: Annotated[list[Id], Field(max_length=MOST_IDS, alias="except")] = []  # noqa: RUF012
    contact_ids: Annotated[list[Id] | None, Field(max_length=MOST_IDS), Given()] = None
    whole: bool = True

    @model_validator(mode="after")
    def _one_scope(self) -> Self:
        given = self.model_fields_set
        if len([way for way in ({"all"}, {"contact_ids"}, {"filter", "segment", "query"}) if way & given]) > 1:
            raise ValueError("say only one of `all`, `contactIds`, and `filter` with `segment` and `query`")
        return self


class _Streamed(StreamingResponse):
    """NDJSON of a scan, which is ended with the answer, however that ends: a point in time is not left open."""

    def __init__(self, lines: AsyncIterator[bytes], scanning: AsyncExitStack) -> None:
        super().__init__(lines, media_type="application/x-ndjson")
        self._scanning = scanning

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        async with self._scanning:
            await super().__call__(scope, receive, send)


async def _lines(pages: AsyncIterator[Rows]) -> AsyncIterator[bytes]:
    async for page in pages:
        yield b"\n".join([*page, b""])


async def _framed(scan: Scan) -> AsyncIterator[bytes]:
    """A head, the rows, and an end without which they are not all."""
    yield orjson.dumps({"total": scan.total, "instant": to_wire(from_millis(scan.at))}) + b"\n"
    rows = 0
    async for page in scan.pages:
        rows += len(page)
        yield b"\n".join([*page, b""])
    yield orjson.dumps({"end": True, "rows": rows}) + b"\n"


@routes.post("/search", responses=answers(FoundPage))
@idempotency.repeatable
async def search_contacts(caller: Reader, body: Searched, reads: Reads, awaited: AwaitedPosition) -> Response:
    """Contacts by filter, segment and quick search, a page at a time."""
    if awaited is not None:
        await reads.await_position(caller.channel, awaited)
    sort = [SortKey(s.key, s.order) for s in body.sort] if body.sort else None
    seek = Seek(tuple(body.seek.values), body.seek.id) if body.seek is not None else None
    found = await reads.search(caller.channel, body.wanted(), sort, body.limit, body.cursor, seek)
    told = {"items": found.items, "next": found.next, "previous": found.previous, "total": found.total}
    return json_response({**told, "fingerprint": found.fingerprint})


@routes.post("/search/count", responses=answers(CountedAnswer))
@idempotency.repeatable
async def count_contacts(caller: Counter, body: CountAsked, reads: Reads, awaited: AwaitedPosition) -> Response:
    """How many match, exactly, and the fingerprint of that; with `nodes` how many match each node of the filter, too.

    Of each node it tells how many match it `alone`, and `upTo` it: with all nodes of its group before it, joined as the group is.
    """
    if awaited is not None:
        await reads.await_position(caller.channel, awaited)
    if not body.nodes:
        total, fingerprint = await reads.count(caller.channel, body.wanted())
        return json_response({"total": total, "fingerprint": fingerprint})
    total, fingerprint, nodes = await reads.count_nodes(caller.channel, body.wanted())
    told = [{"pointer": node.pointer, "alone": node.alone, "upTo": node.up_to} for node in nodes]
    return json_response({"total": total, "fingerprint": fingerprint, "nodes": told})


@routes.post("/search/values", responses=answers(ValuesAnswer))
@idempotency.repeatable
async def list_values(caller: Reader, body: ValuesAsked, reads: Reads, counts: Counts, awaited: AwaitedPosition) -> Response:
    """The distinct values of a String, List or Boolean field with their counts, the commonest first; `prefix` also by initials.

    Values that are compared as one count as one, shown as they are written most often. `without` have none; `more` tells whether
    there are other values beyond `limit`.
    """
    if awaited is not None:
        await reads.await_position(caller.channel, awaited)
    found = await counts.values(caller.channel, body.wanted(), body.key, body.prefix, body.limit)
    items = [{"value": value, "count": count} for value, count in found.items]
    return json_response({"items": items, "more": found.more, "without": found.without})


@routes.post("/search/ids", response_class=StreamingResponse, responses=lines(FoundId))
@idempotency.repeatable
async def list_contact_ids(caller: Reader, body: Counted, reads: Reads, awaited: AwaitedPosition) -> Response:
    """The ids and versions of all that match at one instant, as NDJSON."""
    if awaited is not None:
        await reads.await_position(caller.channel, awaited)
    async with AsyncExitStack() as scanning:
        scan = await scanning.enter_async_context(reads.scanner.scan(caller.channel, body.wanted(), None, whole=False))
        return _Streamed(_lines(scan.pages), scanning.pop_all())


@routes.post("/filters/check", responses=answers(FilterAnswer))
@idempotency.repeatable
async def check_filter(caller: Reader, body: Checked, reads: Reads, awaited: AwaitedPosition) -> Response:
    """The filter as it is understood."""
    if awaited is not None:
        await reads.await_position(caller.channel, awaited)
    return json_response({"filter": await reads.understanding.check(caller.channel, body.filter)})


@routes.post("/filters/explain", responses=answers(ExplainedAnswer))
@idempotency.repeatable
async def explain_filter(caller: Reader, body: Explained, reads: Reads, why: Why, awaited: AwaitedPosition) -> Response:
    """The filter for each of these contacts, in their order: every node with its truth, what it saw, when the clock changes it.

    Null for a contact that no search finds. With `at` the contacts and the clock are as they were then.
    """
    if awaited is not None:
        await reads.await_position(caller.channel, awaited)
    trees = await why.explain(caller.channel, body.filter, body.contact_ids, body.at)
    items = [{"contactId": str(each), "tree": tree} for each, tree in zip(body.contact_ids, trees, strict=True)]
    return json_response({"items": items})


@internal.post("/audience")
async def audience(caller: Reader, body: Audience, reads: Reads, awaited: AwaitedPosition) -> Response:
    """How many a job over this filter is for, if the fingerprint is of this very request."""
    if awaited is not None:
        await reads.await_position(caller.channel, awaited)
    return json_response({"total": await reads.audience(caller.channel, body.wanted(body.without), body.fingerprint)})


@internal.post("/scan")
async def scan(caller: Reader, body: ScanAsked, reads: Reads) -> Response:
    """Whole contacts (or their ids and versions) of one instant, not before the request, as NDJSON in the order of their ids."""
    await reads.catch_up(caller.channel)
    wanted = body.wanted(body.without)
    async with AsyncExitStack() as scanning:  # what is refused is refused before the status is sent
        scan = await scanning.enter_async_context(reads.scanner.scan(caller.channel, wanted, body.contact_ids, whole=body.whole))
        return _Streamed(_framed(scan), scanning.pop_all())


@internal.post("/caught-up")
async def caught_up(caller: Reader, reads: Reads) -> Answer:
    """Answers once everything that was committed before this call can be found."""
    await reads.catch_up(caller.channel)
    return Answer(done=True)


@internal.post("/erased")
async def erased(caller: Reader, body: Question, reads: Reads) -> Answer:
    """Whether the index holds nothing any more of these contacts."""
    ended = {f"{caller.channel}/{contact.id}": contact.version for contact in body.contacts}
    return Answer(done=await reads.has_versions(ended))
