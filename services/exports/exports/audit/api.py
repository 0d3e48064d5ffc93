"""The route of the audit log."""

from typing import Annotated

from fastapi import Depends, Query, Response

from common import http
from common.answers import answers
from common.auth import Caller
from common.http import Cursor, Limit, Page, json_response, part, permit
from common.query import InstantAsked
from exports.audit.answers import AuditEntry
from exports.audit.entry import Action
from exports.audit.queries import AuditLog
from exports.audit.store import Wanted

_LONGEST = 256

routes = http.router("/v1", tags=["Audit log"])


Auditor = Annotated[Caller, Depends(permit("audit.read"))]
Reads = Annotated[AuditLog, Depends(part(AuditLog))]
Word = Annotated[str | None, Query(max_length=_LONGEST)]


@routes.get("/audit", responses=answers(Page[AuditEntry]))
async def list_audit_entries(
    caller: Auditor,
    reads: Reads,
    action: Action | None = None,
    by: Word = None,
    target: Word = None,
    begin: Annotated[InstantAsked | None, Query(alias="from")] = None,
    end: Annotated[InstantAsked | None, Query(alias="to")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List who asked for, was refused, downloaded or revoked what, newest first; `from` ≤ at < `to`, and all filters hold."""
    wanted = Wanted(action, by, None if target is None else target.lower(), begin, end)
    found = await reads.entries(caller, wanted, limit, cursor)
    return json_response({"items": found.items, "next": found.next})
