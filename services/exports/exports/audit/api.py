"""The route of the audit log."""

from typing import Annotated

from fastapi import Depends, Query, Response
from fastapi.responses import StreamingResponse

from common import csv_report, http
from common.answers import Documented, answers, content
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


_ANSWER: Documented = {200: {**answers(Page[AuditEntry])[200], **content("text/csv")[200]}}


@routes.get("/audit", responses=_ANSWER)
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
    as_csv: csv_report.AskedFor = False,
) -> Response:
    """List who asked for, was refused, downloaded or revoked what, newest first; `from` ≤ at < `to`, and all filters hold.

    With `Accept: text/csv` or `format=csv` all of it is one file, without pages: `limit` and `cursor` are refused.
    """
    wanted = Wanted(action, by, None if target is None else target.lower(), begin, end)
    if as_csv:
        return StreamingResponse(
            reads.report(caller, wanted), headers=csv_report.headers("dangol-audit"), media_type=csv_report.MEDIA_TYPE
        )
    found = await reads.entries(caller, wanted, limit, cursor)
    return json_response({"items": found.items, "next": found.next})
