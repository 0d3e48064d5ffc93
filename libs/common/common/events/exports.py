"""What exports tells: the life of an export, from the request to the end of its file."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from common.clock import Instant
from common.events.wire import Body


class _Told(Body):
    export_id: UUID
    requested_by: str
    at: Instant


class ExportRequested(_Told):
    """Somebody asked for an export."""

    type: Literal["export.requested"] = "export.requested"


class ExportProgressed(_Told):
    """Rows are being written."""

    type: Literal["export.progressed"] = "export.progressed"
    rows_done: int
    rows_total: int


class ExportCompleted(_Told):
    """The file is ready until `expires_at`."""

    type: Literal["export.completed"] = "export.completed"
    rows: int
    expires_at: Instant


class ExportFailed(_Told):
    """The export failed for good; `problem` says why, without personal data."""

    type: Literal["export.failed"] = "export.failed"
    problem: str


class ExportCancelled(_Told):
    """Somebody cancelled it before it was ready."""

    type: Literal["export.cancelled"] = "export.cancelled"


class ExportDownloaded(_Told):
    """The file was fetched."""

    type: Literal["export.downloaded"] = "export.downloaded"


class ExportExpired(_Told):
    """The file is gone, seven days after completion."""

    type: Literal["export.expired"] = "export.expired"


class ExportRevoked(_Told):
    """The file is gone, because `revoked_by` revoked it (not told before that member was)."""

    type: Literal["export.revoked"] = "export.revoked"
    revoked_by: str | None = None


class ExportWithdrawn(_Told):
    """The file is gone, because a contact in it was erased."""

    type: Literal["export.withdrawn"] = "export.withdrawn"


ExportEvent = (
    ExportRequested
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

    event: ExportEvent = Field(discriminator="type")
    version: int
