"""The routes of imports."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect

from common import csv_report, idempotency
from common.answers import POSITION, Documented, answers, content
from common.auth import Caller
from common.errors import Unreadable
from common.http import Cursor, Limit, Page, json_response, part, permit, router, where_written
from common.ids import parse_id
from common.position import NOWHERE, Position, kept
from contacts.imports.answers import Import, ImportPreview, ImportRow
from contacts.imports.handlers import Imports
from contacts.imports.order import RowStatus
from contacts.imports.tables.encoding import NAMES
from contacts.jobs.job import Job, no_job

Editor = Annotated[Caller, Depends(permit("contacts.edit"))]

routes = router("/v1", tags=["Imports"])

_PARTS = {
    "file": {"type": "string", "format": "binary", "description": "CSV or XLSX; the headings come first."},
    "kind": {"type": "string", "enum": ["members", "leads"], "default": "members"},
    "mapping": {
        "type": "string",
        "description": "JSON: a key, a list of keys, or null for each heading whose column is not to be guessed.",
    },
    "password": {"type": "string", "description": "For a workbook that has one."},
    "encoding": {
        "type": "string",
        "enum": list(NAMES),
        "description": "Of a text; found by itself where it is left out, and refused where there is a doubt.",
    },
    "dryRun": {"type": "string", "enum": ["true", "false"], "description": "Answers how the file would be read, and no more."},
}
_SCHEMA = {"type": "object", "required": ["file"], "properties": _PARTS}
_FORM = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _SCHEMA}}}}

Commands = Annotated[Imports, Depends(part(Imports))]


def _answer(shown: dict[str, Any], written: Position = NOWHERE, status: int = 200) -> Response:
    return json_response(shown, status, where_written(written))


async def existing(import_id: str, caller: Editor, commands: Commands) -> tuple[Job, dict[str, Any]]:
    """The import that a path names. Raises NotFound."""
    parsed = parse_id(import_id)
    if parsed is None:
        raise no_job()
    return await commands.job(caller.channel, parsed)


Existing = Annotated[tuple[Job, dict[str, Any]], Depends(existing)]


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    try:
        async for piece in request.stream():
            yield piece
    except ClientDisconnect:
        raise Unreadable("The connection was closed before the body was complete.") from None


@routes.post(
    "/imports",
    status_code=202,
    openapi_extra=_FORM,
    responses=answers(Import, 202, headers=POSITION) | answers(ImportPreview, headers=POSITION),
)
@idempotency.streamed
async def start_import(request: Request, caller: Editor, commands: Commands) -> Response:
    """Import a file of members or leads in the background; with `dryRun`, 200 and how it would be read.

    A column that goes into a field which nobody has defined defines it before any row is judged, with the type that all of its
    cells have; the field stays whatever becomes of the rows. Well-known keys are defined by the first row that is taken.
    """
    async with commands.received(request.headers.get("content-type"), _pieces(request)) as upload:
        dry = upload.form.dry_run
        given = await idempotency.begin(upload.form.digest, repeatable=dry)
        if given is not None:
            return given
        if dry:
            return _answer(await commands.preview(caller, upload))
        return _answer(await commands.start(caller, upload), status=202)


@routes.get("/imports", responses=answers(Page[Import]))
async def list_imports(caller: Editor, commands: Commands, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """The channel's imports, newest first."""
    page = await commands.imports(caller.channel, limit, cursor)
    return json_response({"items": page.items, "next": page.next})


@routes.get("/imports/{import_id}", responses=answers(Import, headers=POSITION))
async def get_import(found: Existing) -> Response:
    """One import; `Dangol-Position` stands for all that it has written so far."""
    job, shown = found
    return _answer(shown, kept(job.position, job.channel))


_ROWS_ANSWER: Documented = {200: {**answers(Page[ImportRow])[200], **content("text/csv")[200]}}


@routes.get("/imports/{import_id}/rows", responses=_ROWS_ANSWER)
async def list_import_rows(
    found: Existing,
    commands: Commands,
    status: RowStatus | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    as_csv: csv_report.AskedFor = False,
) -> Response:
    """What became of each row so far; rows are numbered as a spreadsheet program numbers them.

    With `Accept: text/csv` or `format=csv` all of it is one file, without pages: `limit` and `cursor` are refused.
    """
    job, _ = found
    if as_csv:
        headers = csv_report.headers(f"dangol-import-{job.id}")
        return StreamingResponse(commands.report(job, status), headers=headers, media_type=csv_report.MEDIA_TYPE)
    page = await commands.rows(job, status, limit, cursor)
    return json_response({"items": page.items, "next": page.next})


@routes.post("/imports/{import_id}/cancel", responses=answers(Import, headers=POSITION))
async def cancel_import(found: Existing, caller: Editor, commands: Commands) -> Response:
    """Stop it where it is; what it has written stays."""
    job, _ = found
    return _answer(await commands.cancel(caller, job.id), kept(job.position, job.channel))
