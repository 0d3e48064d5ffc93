"""The routes of term sets."""

from collections.abc import Iterable
from typing import Annotated, Any, Self
from uuid import UUID

import orjson
from fastapi import Depends, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from pydantic import ValidationError, model_validator
from starlette.datastructures import UploadFile

from common import csv_report
from common.answers import POSITION, Documented, answers, content
from common.errors import Unprocessable
from common.filters.text import is_blank
from common.http import AwaitedPosition, Cursor, Limit, Page, Wire, json_response, part, router, where_written
from common.ids import parse_id
from common.json_shape import members, refuse_repeated
from common.text_rules import clean_text
from search.api import Reader, Reads
from search.term_sets.answers import TermAnswer, TermSetAnswer
from search.term_sets.handlers import TermSets, no_term_set
from search.term_sets.store import TermSet
from search.term_sets.terms import STATUSES, Pasted, Status, decoded

Sets = Annotated[TermSets, Depends(part(TermSets))]

routes = router("/v1", tags=["Term sets"])
internal = router("/internal")


async def named(term_set: Annotated[str, Path(json_schema_extra={"format": "uuid"})]) -> UUID:
    """The id in a path. Raises NotFound where it can be none."""
    parsed = parse_id(term_set)
    if parsed is None:
        raise no_term_set()
    return parsed


Named = Annotated[UUID, Depends(named)]


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

    def terms(self) -> Iterable[str] | Pasted:
        """Term by term, the empty ones left out."""
        return Pasted(self.text) if self.text is not None else (v for v in self.values or () if not is_blank(v))


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


async def _terms(request: Request) -> tuple[str, Iterable[str] | Pasted]:
    """The key and the terms of a JSON body, or of a file."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        body = await request.body()
        raw = orjson.loads(body) if body else None
        try:
            given = TermsGiven.model_validate(raw)
        except ValidationError as error:
            raise RequestValidationError([{**e, "loc": ("body", *e["loc"])} for e in error.errors()], body=raw) from None
        refuse_repeated(body, members(raw))
        return given.key, given.terms()
    async with request.form(max_files=1, max_fields=1) as form:
        key, file = form.get("key"), form.get("file")
        if not isinstance(key, str) or not isinstance(file, UploadFile):
            raise Unprocessable("Send `key`, the field, and `file`, a text or CSV file.", pointer="/file" if key else "/key")
        return key, Pasted(clean_text(decoded(await file.read()), "/file"))


def _summary(made: TermSet) -> dict[str, Any]:
    return {"id": str(made.id), "key": made.key, "terms": sum(made.counts), **dict(zip(STATUSES, made.counts, strict=True))}


@routes.post("/term-sets", status_code=201, openapi_extra=_TERMS_BODY, responses=answers(TermSetAnswer, 201, headers=POSITION))
async def create_term_set(caller: Reader, request: Request, sets: Sets, reads: Reads, awaited: AwaitedPosition) -> Response:
    """Many values at once, each told found, notFound, ambiguous, unreadable or duplicate; to be used in filters."""
    key, terms = await _terms(request)
    if awaited is not None:
        await reads.await_position(caller.channel, awaited)
    return json_response(_summary(await sets.create(caller.channel, key, terms, caller.subject)), 201, where_written())


@routes.get("/term-sets/{term_set}", responses=answers(TermSetAnswer))
async def get_term_set(caller: Reader, term_set: Named, sets: Sets) -> Response:
    """A term set's counts, as they were when it was made. 30 days after its last use, which reading is too, it is deleted."""
    return json_response(_summary(await sets.get(caller.channel, term_set)))


_TERMS_ANSWER: Documented = {200: {**answers(Page[TermAnswer])[200], **content("text/csv")[200]}}


@routes.get("/term-sets/{term_set}/terms", responses=_TERMS_ANSWER)
async def list_terms(
    caller: Reader,
    term_set: Named,
    sets: Sets,
    reads: Reads,
    awaited: AwaitedPosition,
    status: Annotated[Status | None, Query()] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    as_csv: csv_report.AskedFor = False,
) -> Response:
    """The report, term by term: `status` as it was when it was made, `contactIds` those that have the value now, at most 100.

    With `Accept: text/csv` or `format=csv` all of it is one file, without `contactIds`, `limit` and `cursor`.
    """
    if awaited is not None:
        await reads.await_position(caller.channel, awaited)
    if as_csv:
        made = await sets.get(caller.channel, term_set)
        headers = csv_report.headers(f"dangol-terms-{made.id}")
        report = sets.report(caller.channel, made, status)
        return StreamingResponse(report, headers=headers, media_type=csv_report.MEDIA_TYPE)
    items, following = await sets.terms(caller.channel, term_set, status, limit, cursor)
    return json_response({"items": items, "next": following})


@internal.get("/term-sets/{term_set}")
async def forms(caller: Reader, term_set: Named, sets: Sets) -> Response:
    """A term set as an evaluator needs it: its key, and its terms as they are compared, each once."""
    made, compared = await sets.forms(caller.channel, term_set)
    return json_response({"id": str(made.id), "key": made.key, "terms": compared})
