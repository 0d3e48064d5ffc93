"""What exports tells: the life of an export, from the request to the end of its file."""

from uuid import UUID

from common.clock import WireInstant
from common.events.wire import Body, Event


class _Told(Event):
    export_id: UUID
    requested_by: str
    at: WireInstant


class ExportRequested(_Told, tag="export.requested"):
    """Somebody asked for an export."""


class ExportApprovalAsked(_Told, tag="export.approvalAsked"):
    """So many contacts need a second person's word before the file is written."""

    rows: int


class ExportApproved(_Told, tag="export.approved"):
    """A second person approved it."""

    rows: int
    approved_by: str


class ExportDeclined(_Told, tag="export.declined"):
    """A second person declined it: there will be no file. `problem` is the reason that was given, if any."""

    rows: int
    declined_by: str
    problem: str | None = None


class ExportProgressed(_Told, tag="export.progressed"):
    """Rows are being written."""

    rows_done: int
    rows_total: int


class ExportCompleted(_Told, tag="export.completed"):
    """The file is ready until `expires_at`."""

    rows: int
    expires_at: WireInstant


class ExportFailed(_Told, tag="export.failed"):
    """The export failed for good; `problem` says why, without personal data, `problem_ko` in Korean."""

    problem: str
    problem_ko: str | None = None


class ExportCancelled(_Told, tag="export.cancelled"):
    """Somebody cancelled it before it was ready."""


class ExportDownloaded(_Told, tag="export.downloaded"):
    """The file was fetched."""


class ExportExpired(_Told, tag="export.expired"):
    """The file is gone, seven days after completion."""


class ExportRevoked(_Told, tag="export.revoked"):
    """The file is gone, because `revoked_by` revoked it (not told before that member was)."""

    revoked_by: str | None = None


class ExportWithdrawn(_Told, tag="export.withdrawn"):
    """The file is gone, because a contact in it was erased."""


ExportEvent = (
    ExportRequested
    | ExportApprovalAsked
    | ExportApproved
    | ExportDeclined
    | ExportProgressed
    | ExportCompleted
    | ExportFailed
    | ExportCancelled
    | ExportDownloaded
    | ExportExpired
    | ExportRevoked
    | ExportWithdrawn
)


class ExportMessage(Body):
    """The value of `exports.v1`, keyed channel/export."""

    event: ExportEvent
    version: int
