"""The routes of exports."""

import asyncio
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import Depends, Header, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator, Field, model_validator

from common import http, idempotency
from common.answers import EVENTS, FILE_TAG, POSITION, answers, content, one_of
from common.auth import Caller
from common.clock import from_wire
from common.erased import Answer, Question
from common.errors import Unprocessable
from common.given import Given
from common.http import AwaitedPosition, Cursor, Limit, Page, Wire, json_response, part, permit, where_written
from common.ids import Id, parse_id
from common.language import language_of
from common.listening import Listening
from common.shapes import FilterAsked
from exports.answers import Allowance, ExportShown, PublicKeys
from exports.export import Export, Status
from exports.handlers import Ask, Exports, Opened, Part
from exports.queries import Allowances, Queries, progress
from exports.refusals import address_of
from exports.sending import Check, Sending
from exports.sight import export_shown, no_export
from exports.signing import ManifestKeys

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_LOOK_SECONDS = 0.3
_FILE = content(_XLSX, binary=True, headers=FILE_TAG) | content(_XLSX, binary=True, status=206, headers=FILE_TAG)


Asker = Annotated[Caller, Depends(permit("exports.create"))]
Seer = Annotated[Caller, Depends(permit("exports.create", "audit.read", "exports.approve"))]
Approver = Annotated[Caller, Depends(permit("exports.approve"))]
Reader = Annotated[Caller, Depends(permit("contacts.read"))]


def _status(text: str) -> str:
    if text not in set(Status):
        raise ValueError("must be a status of exports")
    return text


StatusAsked = Annotated[str, AfterValidator(_status), one_of(Status)] | None
Commands = Annotated[Exports, Depends(part(Exports))]
Reads = Annotated[Queries, Depends(part(Queries))]
AllowanceReads = Annotated[Allowances, Depends(part(Allowances))]
Keys = Annotated[ManifestKeys, Depends(part(ManifestKeys))]
Streams = Annotated[Listening, Depends(part(Listening))]


class Scope(Wire):
    """Who is exported: everyone, those of a filter that was seen, or the checked ones."""

    all: Literal[True] | None = None
    filter: FilterAsked = None
    segment: Annotated[Id | None, Given()] = None
    query: Annotated[str | None, Field(max_length=1000), Given()] = None
    without: Annotated[list[Id] | None, Field(alias="except"), Given()] = None
    fingerprint: str | None = None
    contact_ids: Annotated[list[Id] | None, Field(min_length=1)] = None

    @model_validator(mode="after")
    def _one_kind(self) -> "Scope":
        given = self.model_fields_set
        if given & {"all", "contact_ids"} and (len(given) != 1 or (self.all is None and self.contact_ids is None)):
            # Null is no kind of scope: read as "not given" it could mean everyone.
            raise ValueError("must be `all: true` alone, `contactIds` alone, or what was searched with its `fingerprint`")
        return self

    def check_seen(self) -> None:
        """Raises Unprocessable where nobody has seen who would be exported."""
        if self.all is None and self.contact_ids is None and self.fingerprint is None:
            detail = "Send the `fingerprint` that the search answered with; `all: true` and `contactIds` go without."
            raise Unprocessable(detail, pointer="/scope/fingerprint")

    def asked(self) -> dict[str, Any]:
        """The members that were given, as JSON values; a filter that is null is no filter, and search refuses it."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


class NewExport(Wire):
    """A request for an export."""

    reason: Annotated[str, Field(max_length=1000)]
    password: Annotated[str, Field(repr=False)]
    scope: Scope
    columns: Annotated[list[str] | None, Field(min_length=1, max_length=500), Given()] = None
    headings: Literal["names", "keys"] = "names"


class Declining(Wire):
    """Why an export is declined: its asker is told."""

    reason: Annotated[str | None, Field(max_length=1000)] = None


routes = http.router("/v1", tags=["Exports"])
keys = http.router(tags=["Exports"])


def _written(export: Export, status: int = 200) -> Response:
    """The answer of a write. Exports are read where they are written, so that no reader has to wait for anything."""
    return json_response(export_shown(export), status, where_written())


async def existing(export_id: str, caller: Seer, reads: Reads) -> Export:
    """The export that a path names, if the caller may see it. Raises NotFound, Forbidden."""
    parsed = parse_id(export_id)
    if parsed is None:
        raise no_export()
    return await reads.export(caller, parsed)


Existing = Annotated[Export, Depends(existing)]


@routes.post("/exports", status_code=202, responses=answers(ExportShown, 202, headers=POSITION))
async def create_export(
    request: Request,
    caller: Asker,
    body: NewExport,
    commands: Commands,
    awaited: AwaitedPosition,
    accept_language: Annotated[str | None, Header(description="Of the headings by name: Korean where it is left out.")] = None,
) -> Response:
    """Ask for an export; the file is written in the background."""
    body.scope.check_seen()
    language = language_of(accept_language)
    wanted = Ask(body.reason, body.password, body.scope.asked(), body.columns, body.headings == "names", language, awaited)
    return _written(await commands.ask(caller, wanted, address_of(request.scope)), 202)


@routes.get("/exports", responses=answers(Page[ExportShown]))
async def list_exports(
    caller: Seer, reads: Reads, status: StatusAsked = None, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """One's own exports, or with `audit.read` or `exports.approve` everybody's, newest first; all, or those of a `status`."""
    found, following = await reads.exports(caller, limit, cursor, status)
    return json_response({"items": [export_shown(e) for e in found], "next": following})


@routes.get("/exports/allowance", responses=answers(Allowance))
async def get_export_allowance(caller: Asker, reads: AllowanceReads) -> Response:
    """Tell whether one may ask for an export now, and else from when."""
    return json_response(await reads.allowance(caller))


@routes.get("/exports/{export_id}", responses=answers(ExportShown))
async def get_export(export: Existing) -> Response:
    """One export."""
    return json_response(export_shown(export))


@routes.get("/exports/{export_id}/progress", response_class=StreamingResponse, responses=content(EVENTS))
async def follow_export(export: Existing, caller: Seer, reads: Reads, listening: Streams) -> Response:
    """The export each time it changes, as server-sent events, until its work is over or your token ends."""

    async def wait() -> None:
        await asyncio.sleep(_LOOK_SECONDS)

    lines = progress(reads, caller, export.id, listening.of(caller), wait)
    return StreamingResponse(lines, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


@routes.post("/exports/{export_id}/download", response_class=StreamingResponse, responses=_FILE)
@idempotency.repeatable
async def download_export(
    request: Request,
    caller: Asker,
    export: Existing,
    commands: Commands,
    range_: Annotated[str | None, Header(alias="Range", description="The bytes that are wanted.")] = None,
    if_range: Annotated[str | None, Header(description="The file's `ETag`: of another file all bytes are sent.")] = None,
) -> Response:
    """The file, by whoever asked for it; with `Range` a part of it."""
    part = Part(range_, if_range)
    opened = await commands.download(caller, export.id, part, address_of(request.scope))
    return _file(opened, partial(commands.check_download, caller, export.id))


def _file(opened: Opened, check: Check) -> Response:
    sent = opened.part or range(opened.size)
    name = f"dangol-{from_wire(opened.export.requested_at):%Y%m%d}-{opened.export.id}.xlsx"
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Length": str(len(sent)),
        "ETag": opened.tag,
        "X-Content-Type-Options": "nosniff",
    }
    if opened.part is not None:
        headers["Content-Range"] = f"bytes {sent.start}-{sent.stop - 1}/{opened.size}"
    return Sending(opened.reading, len(sent), 206 if opened.part else 200, check=check, headers=headers, media_type=_XLSX)


@routes.post("/exports/{export_id}/cancel", responses=answers(ExportShown, headers=POSITION))
async def cancel_export(request: Request, export: Existing, caller: Seer, commands: Commands) -> Response:
    """Cancel an export before it is ready."""
    return _written(await commands.cancel(caller, export.id, address_of(request.scope)))


@routes.post("/exports/{export_id}/revoke", responses=answers(ExportShown, headers=POSITION))
async def revoke_export(request: Request, export: Existing, caller: Seer, commands: Commands) -> Response:
    """Take a ready file away."""
    return _written(await commands.revoke(caller, export.id, address_of(request.scope)))


@routes.post("/exports/{export_id}/approve", responses=answers(ExportShown, headers=POSITION))
async def approve_export(request: Request, caller: Approver, export: Existing, commands: Commands) -> Response:
    """Allow another manager's export that is for more contacts than go without a second person's word."""
    return _written(await commands.approve(caller, export.id, address_of(request.scope)))


@routes.post("/exports/{export_id}/decline", responses=answers(ExportShown, headers=POSITION))
async def decline_export(
    request: Request, caller: Approver, export: Existing, commands: Commands, body: Declining | None = None
) -> Response:
    """Decline it: its asker is told, with the `reason` if there is one, and may ask for another at once."""
    reason = None if body is None or body.reason is None else body.reason.strip() or None
    return _written(await commands.decline(caller, export.id, reason, address_of(request.scope)))


@keys.get("/.well-known/jwks.json", responses=answers(PublicKeys))
async def get_manifest_keys(keys: Keys) -> Response:
    """The public keys by which anybody can check the `signature` of a manifest."""
    return json_response(keys.public(), headers={"Cache-Control": "public, max-age=300"})


internal = http.router("/internal")


@internal.post("/erased")
async def erased(caller: Reader, body: Question, reads: Reads) -> Answer:
    """Whether no file holds any of these contacts any more."""
    return Answer(done=await reads.holds_nothing(caller.channel, [contact.id for contact in body.contacts]))
