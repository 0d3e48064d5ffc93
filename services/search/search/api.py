"""The routes of finding."""

from collections.abc import AsyncIterator, Iterable
from typing import Annotated, Any, Literal, Self

import orjson
from fastapi import Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from pydantic import Field, ValidationError, model_validator
from starlette.datastructures import UploadFile

from common import csv_report, idempotency
from common.answers import Documented, answers, content, lines
from common.auth import Caller
from common.clock import from_millis, to_wire
from common.erased import Answer, Question
from common.errors import Unprocessable
from common.filters.text import is_blank
from common.given import Given
from common.http import AwaitedPosition, Cursor, Limit, Page, Wire, json_response, permit, router
from common.ids import Id
from common.text_rules import clean_text
from search.answers import CountAnswer, FilterAnswer, FoundId, FoundPage, TermAnswer, TermSetAnswer
from search.queries import Finder, Wanted
from search.request import SortKey
from search.store import TermSet
from search.term_sets.handlers import TermSets
from search.term_sets.terms import STATUSES, Status, decoded, split

MOST_QUERY = 1000
MOST_IDS = 1_000_000

Reader = Annotated[Caller, Depends(permit("contacts.read"))]

routes = router("/v1")
internal = router("/internal")


def finder(request: Request) -> Finder:
    """The reads."""
    found: Finder = request.app.state.finder
    return found


def term_sets(request: Request) -> TermSets:
    """The term sets."""
    found: TermSets = request.app.state.term_sets
    return found


Reads = Annotated[Finder, Depends(finder)]
Sets = Annotated[TermSets, Depends(term_sets)]


class Sort(Wire):
    """One key to sort by."""

    key: str
    order: Literal["asc", "desc"] = "asc"


class Counted(Wire):
    """Whom a request asks for."""

    filter: Any = None
    segment: Annotated[Id | None, Given()] = None
    query: Annotated[str | None, Field(max_length=MOST_QUERY), Given()] = None

    def wanted(self, without: list[Any] | None = None) -> Wanted:
        """As the reads take it."""
        return Wanted(self.filter, "filter" in self.model_fields_set, self.segment, self.query, tuple(without or ()))


class Searched(Counted):
    """A page of whom a request asks for."""

    sort: Annotated[list[Sort] | None, Field(max_length=10), Given()] = None
    limit: Annotated[int, Field(ge=1, le=100), Given()] = 100
    cursor: str | None = None


class Checked(Wire):
    """A filter to be read."""

    filter: Any


class Audience(Counted):
    """Whom a job is for, with the fingerprint of what its asker saw."""

    without: Annotated[list[Id], Field(max_length=MOST_IDS, alias="except")] = []  # noqa: RUF012 - a pydantic default is copied
    fingerprint: str


class Scan(Counted):
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


class TermsGiven(Wire):
    """Terms for a field: a text to be split, or one by one."""

    key: str
    text: str | None = None
    values: list[str] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.text is None) == (self.values is None):
            raise ValueError("give either `text` or `values`")
        return self

    def terms(self) -> Iterable[str]:
        """Term by term, the empty ones left out."""
        return split(self.text) if self.text is not None else (v for v in self.values or () if not is_blank(v))


_TERMS_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": TermsGiven.model_json_schema()},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["key", "file"],
                    "properties": {"key": {"type": "string"}, "file": {"type": "string", "format": "binary"}},
                }
            },
        },
    }
}


async def _lines(rows: AsyncIterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    held: list[bytes] = []
    async for row in rows:
        held.append(orjson.dumps(row))
        if len(held) >= 500:
            yield b"\n".join(held) + b"\n"
            held.clear()
    if held:
        yield b"\n".join(held) + b"\n"


async def _stream(rows: AsyncIterator[dict[str, Any]], head: dict[str, Any] | None = None) -> Response:
    """NDJSON; the first row is asked for before the status is sent, so that a refusal still has one."""

    async def chained(first: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        yield first
        async for row in rows:
            yield row

    first = head if head is not None else await anext(rows)
    return StreamingResponse(_lines(chained(first)), media_type="application/x-ndjson")


@routes.post("/search", responses=answers(FoundPage))
@idempotency.repeatable
async def search(caller: Reader, body: Searched, reads: Reads, awaited: AwaitedPosition) -> Response:
    """Contacts by filter, segment and quick search, a page at a time."""
    if awaited is not None:
        await reads.await_position(caller.channel, awaited)
    sort = [SortKey(s.key, s.order) for s in body.sort] if body.sort else None
    found = await reads.search(caller.channel, body.wanted(), sort, body.limit, body.cursor)
    return json_response({"items": found.items, "next": found.next, "total": found.total, "fingerprint": found.fingerprint})


@routes.post("/search/count", responses=answers(CountAnswer))
@idempotency.repeatable
async def count(caller: Reader, body: Counted, reads: Reads, awaited: AwaitedPosition) -> Response:
    """How many match, exactly, and the fingerprint of that."""
    if awaited is not None:
        await reads.await_position(caller.channel, awaited)
    total, fingerprint = await reads.count(caller.channel, body.wanted())
    return json_response({"total": total, "fingerprint": fingerprint})


@routes.post("/search/ids", response_class=StreamingResponse, responses=lines(FoundId))
@idempotency.repeatable
async def ids(caller: Reader, body: Counted, reads: Reads, awaited: AwaitedPosition) -> Response:
    """The ids and versions of all that match at one instant, as NDJSON."""
    if awaited is not None:
        await reads.await_position(caller.channel, awaited)
    rows = reads.scan(caller.channel, body.wanted(), None, whole=False)
    await anext(rows)

    async def without_end() -> AsyncIterator[dict[str, Any]]:
        async for row in rows:
            if "end" not in row:
                yield row

    return StreamingResponse(_lines(without_end()), media_type="application/x-ndjson")


@routes.post("/filters/check", responses=answers(FilterAnswer))
@idempotency.repeatable
async def check(caller: Reader, body: Checked, reads: Reads, awaited: AwaitedPosition) -> Response:
    """The filter as it is understood."""
    if awaited is not None:
        await reads.await_position(caller.channel, awaited)
    return json_response({"filter": await reads.check(caller.channel, body.filter)})


async def _terms(request: Request) -> tuple[str, Iterable[str]]:
    """The key and the terms of a JSON body, or of a file."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        try:
            body = await request.body()
            given = TermsGiven.model_validate(orjson.loads(body) if body else None)
        except ValidationError as error:
            raise RequestValidationError([{**e, "loc": ("body", *e["loc"])} for e in error.errors()]) from None
        return given.key, given.terms()
    async with request.form(max_files=1, max_fields=1) as form:
        key, file = form.get("key"), form.get("file")
        if not isinstance(key, str) or not isinstance(file, UploadFile):
            raise Unprocessable("Send `key`, the field, and `file`, a text or CSV file.", pointer="/file" if key else "/key")
        return key, split(clean_text(decoded(await file.read()), "/file"))


def _summary(made: TermSet) -> dict[str, Any]:
    return {"id": str(made.id), "key": made.key, "terms": sum(made.counts), **dict(zip(STATUSES, made.counts, strict=True))}


@routes.post("/term-sets", status_code=201, openapi_extra=_TERMS_BODY, responses=answers(TermSetAnswer, 201))
async def make_term_set(caller: Reader, request: Request, sets: Sets, reads: Reads, awaited: AwaitedPosition) -> Response:
    """Many values at once, each told found, notFound, ambiguous, unreadable or duplicate; to be used in filters."""
    key, terms = await _terms(request)
    if awaited is not None:
        await reads.await_position(caller.channel, awaited)
    return json_response(_summary(await sets.create(caller.channel, key, terms, caller.subject)), 201)


@routes.get("/term-sets/{term_set}", responses=answers(TermSetAnswer))
async def term_set(caller: Reader, term_set: Id, sets: Sets) -> Response:
    """A term set's counts, as they were when it was made. 30 days after its last use, which reading is too, it is deleted."""
    return json_response(_summary(await sets.get(caller.channel, term_set)))


_TERMS_ANSWER: Documented = {200: {**answers(Page[TermAnswer])[200], **content("text/csv")[200]}}


def _wants_csv(request: Request, named: str | None) -> bool:
    """Whether a file is asked for: by name, as a link in a page must, or by `Accept`, where JSON does not come first."""
    if named is not None:
        return named == "csv"
    accepted = [each.partition(";")[0].strip().lower() for each in request.headers.get("accept", "").split(",")]
    return next((each for each in accepted if each in {"text/csv", "application/json"}), None) == "text/csv"


@routes.get("/term-sets/{term_set}/terms", responses=_TERMS_ANSWER)
async def terms(
    caller: Reader,
    request: Request,
    term_set: Id,
    sets: Sets,
    reads: Reads,
    awaited: AwaitedPosition,
    status: Annotated[Status | None, Query()] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    named: Annotated[Literal["json", "csv"] | None, Query(alias="format")] = None,
) -> Response:
    """The report, term by term: `status` as it was when it was made, `contactIds` those that have the value now, at most 100.

    With `Accept: text/csv` or `format=csv` all of it is one file, without pages and `contactIds`.
    """
    if awaited is not None:
        await reads.await_position(caller.channel, awaited)
    if _wants_csv(request, named):
        made = await sets.get(caller.channel, term_set)
        headers = csv_report.headers(f"dangol-terms-{made.id}") | {"Vary": "Accept"}
        report = sets.report(caller.channel, made, status)
        return StreamingResponse(report, headers=headers, media_type=csv_report.MEDIA_TYPE)
    items, following = await sets.terms(caller.channel, term_set, status, limit, cursor)
    return json_response({"items": items, "next": following})


@internal.get("/term-sets/{term_set}")
async def forms(caller: Reader, term_set: Id, sets: Sets) -> Response:
    """A term set as an evaluator needs it: its key, and its terms as they are compared, each once."""
    made, compared = await sets.forms(caller.channel, term_set)
    return json_response({"id": str(made.id), "key": made.key, "terms": compared})


@internal.post("/audience")
async def audience(caller: Reader, body: Audience, reads: Reads, awaited: AwaitedPosition) -> Response:
    """How many a job over this filter is for, if the fingerprint is of this very request."""
    if awaited is not None:
        await reads.await_position(caller.channel, awaited)
    return json_response({"total": await reads.audience(caller.channel, body.wanted(body.without), body.fingerprint)})


@internal.post("/scan")
async def scan(caller: Reader, body: Scan, reads: Reads) -> Response:
    """Whole contacts (or their ids and versions) of one instant, not before the request, as NDJSON in the order of their ids."""
    await reads.catch_up(caller.channel)
    rows = reads.scan(caller.channel, body.wanted(body.without), body.contact_ids, whole=body.whole)
    head = await anext(rows)
    return await _stream(rows, {"total": head["total"], "instant": to_wire(from_millis(head["at"]))})


@internal.post("/erased")
async def erased(caller: Reader, body: Question, reads: Reads) -> Answer:
    """Whether the index holds nothing any more of these contacts."""
    ended = {f"{caller.channel}/{contact.id}": contact.version for contact in body.contacts}
    return Answer(done=await reads.has_versions(ended))
