"""The routes of exports and of the audit log."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal, cast

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, StreamingResponse
from pydantic import Field, JsonValue, model_validator

from common import http
from common.auth import Caller
from common.errors import Problem
from common.http import Limit, Wire, permit
from common.ids import Id, parse_id
from common.position import HEADER
from exports import page
from exports.columns import language_of
from exports.export import MOST_ROWS, Export, no_export, shown
from exports.handlers import Ask, Exports
from exports.queries import Queries, progress

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_LOOK_SECONDS = 0.3


def exports(request: Request) -> Exports:
    """The commands."""
    found: Exports = request.app.state.exports
    return found


def queries(request: Request) -> Queries:
    """The reads."""
    found: Queries = request.app.state.queries
    return found


Asker = Annotated[Caller, Depends(permit("exports.create"))]
Seer = Annotated[Caller, Depends(permit("exports.create", "audit.read"))]
Auditor = Annotated[Caller, Depends(permit("audit.read"))]
Commands = Annotated[Exports, Depends(exports)]
Reads = Annotated[Queries, Depends(queries)]
Cursor = Annotated[str | None, Query(max_length=500)]


def address_of(request: Request) -> str | None:
    """The caller's address as the gateway tells it."""
    forwarded = request.headers.get("X-Forwarded-For")
    if forwarded:
        return forwarded.split(",")[0].strip()[:64]
    return request.client.host if request.client else None


class AuditedRoute(http.Route):
    """A route whose refusals stand in the audit log, whoever refuses: permission, body, rule."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, its refusals noted."""
        handle = super().get_route_handler()
        action = "export." + self.name

        async def handling(request: Request) -> Response:
            try:
                return await handle(request)
            except (Problem, RequestValidationError) as problem:
                code = problem.code if isinstance(problem, Problem) else "invalid"
                target = request.path_params.get("export_id")
                await exports(request).refused(http.caller(), action, target, code, address_of(request))
                raise

        return handling


class Scope(Wire):
    """Who is exported: everyone, those of a filter that was seen, or the checked ones."""

    all: Literal[True] | None = None
    filter: Any = None
    segment: Id | None = None
    query: Annotated[str, Field(max_length=1000)] | None = None
    without: Annotated[list[Id], Field(max_length=MOST_ROWS, alias="except")] | None = None
    fingerprint: str | None = None
    contact_ids: Annotated[list[Id], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "Scope":
        given = self.model_fields_set
        if self.all is not None or self.contact_ids is not None:
            if len(given) != 1:
                raise ValueError("`all` and `contactIds` each go alone")
        elif self.fingerprint is None:
            raise ValueError("a filter's result needs the `fingerprint` that the search answered with")
        return self

    def asked(self) -> dict[str, Any]:
        """The members that were given, as JSON values."""
        return cast("dict[str, JsonValue]", self.model_dump(mode="json", by_alias=True, exclude_unset=True))


class NewExport(Wire):
    """A request for an export."""

    reason: Annotated[str, Field(max_length=1000)]
    password: str
    scope: Scope
    columns: Annotated[list[str], Field(min_length=1, max_length=500)] | None = None
    headings: Literal["names", "keys"] = "names"


audited = APIRouter(prefix="/v1", route_class=AuditedRoute)
routes = http.router("/v1")
pages = http.router()


def _json(value: object, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")


async def existing(export_id: str, caller: Seer, reads: Reads) -> Export:
    """The export that a path names, if the caller may see it. Raises NotFound, Forbidden."""
    parsed = parse_id(export_id)
    if parsed is None:
        raise no_export()
    return await reads.export(caller, parsed)


Existing = Annotated[Export, Depends(existing)]


@audited.post("/exports", status_code=202)
async def ask(request: Request, caller: Asker, body: NewExport, commands: Commands) -> Response:
    """Ask for an export; the file is written in the background."""
    language = language_of(request.headers.get("Accept-Language"))
    wanted = Ask(
        body.reason, body.password, body.scope.asked(), body.columns, body.headings == "names", language,
        request.headers.get(HEADER),
    )  # fmt: skip
    return _json(shown(await commands.ask(caller, wanted, address_of(request))), 202)


@routes.get("/exports")
async def list_exports(caller: Seer, reads: Reads, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """One's own exports, or with `audit.read` everybody's, newest first."""
    found, following = await reads.exports(caller, limit, cursor)
    return _json({"items": [shown(e) for e in found], "next": following})


@routes.get("/exports/{export_id}")
async def get_export(export: Existing) -> Response:
    """One export."""
    return _json(shown(export))


@routes.get("/exports/{export_id}/progress")
async def follow(export: Existing, caller: Seer, reads: Reads) -> Response:
    """The export each time it changes, as server-sent events, until its work is over."""

    async def wait() -> None:
        await asyncio.sleep(_LOOK_SECONDS)

    lines = progress(reads, caller, export.id, wait)
    return StreamingResponse(lines, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


@audited.post("/exports/{export_id}/download")
async def download(request: Request, export: Existing, caller: Asker, commands: Commands) -> Response:
    """The file, by whoever asked for it."""
    path, found = await commands.download(caller, export.id, address_of(request))
    name = f"dangol-{found.requested_at:%Y%m%d}-{found.id}.xlsx"
    return FileResponse(path, media_type=_XLSX, filename=name, headers={"Cache-Control": "no-store"})


@audited.post("/exports/{export_id}/cancel")
async def cancel(request: Request, export: Existing, caller: Seer, commands: Commands) -> Response:
    """Cancel an export before it is ready."""
    return _json(shown(await commands.cancel(caller, export.id, address_of(request))))


@audited.post("/exports/{export_id}/revoke")
async def revoke(request: Request, export: Existing, caller: Seer, commands: Commands) -> Response:
    """Take a ready file away."""
    return _json(shown(await commands.revoke(caller, export.id, address_of(request))))


@routes.get("/audit")
async def list_audit(caller: Auditor, reads: Reads, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """Who asked for, was refused, downloaded or revoked what, newest first."""
    items, following = await reads.audit(caller, limit, cursor)
    return _json({"items": items, "next": following})


@pages.get("/exports/{export_id}", response_class=HTMLResponse)
async def link_page(export_id: str) -> HTMLResponse:
    """The page that a chat link opens: a button, no data."""
    if parse_id(export_id) is None:
        raise no_export()
    return HTMLResponse(page.PAGE, headers=page.HEADERS)


ROUTERS: list[APIRouter] = [audited, routes, pages]
