"""The life of an export: what may happen next, and what it is after that. Pure: time and actor are given."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import Field, JsonValue

from common.clock import Instant
from common.errors import Conflict, Forbidden, Gone, NotFound
from common.events.wire import Body

KEPT = timedelta(days=7)
MOST_ROWS = 1_000_000
MOST_ATTEMPTS = 5


class Status(StrEnum):
    """Where an export stands."""

    WAITING = "waiting"
    COUNTING = "counting"
    WRITING = "writing"
    VERIFYING = "verifying"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REVOKED = "revoked"


IN_WORK = frozenset({Status.WAITING, Status.COUNTING, Status.WRITING, Status.VERIFYING})
NOT_COUNTED = frozenset({Status.FAILED, Status.CANCELLED})


class Column(Body):
    """One column: a field's key, its type, and the heading as it stands in the file."""

    key: str
    type: str
    heading: str


class Scope(Body):
    """Who is exported: everyone, those of a filter, or the checked ones. `asked` is the request's members as they came."""

    kind: Literal["all", "filter", "contactIds"]
    asked: dict[str, JsonValue] = Field(default_factory=dict)


class Manifest(Body):
    """The proof that a file is complete; `ids_sha256` is over the sorted contact ids joined by new lines."""

    rows: int
    columns: list[str]
    instant: Instant
    bytes: int
    file_sha256: str
    ids_sha256: str


class Export(Body):
    """An export's state."""

    id: UUID
    channel: str
    version: int
    status: Status = Status.WAITING
    reason: str
    scope: Scope
    columns: list[Column]
    time_zone: str
    requested_by: str
    requested_at: Instant
    rows_done: int = 0
    rows_total: int | None = None
    ready_at: Instant | None = None
    expires_at: Instant | None = None
    problem: str | None = None
    manifest: Manifest | None = None
    attempts: int = 0

    @property
    def in_work(self) -> bool:
        """Whether a worker has still something to do."""
        return self.status in IN_WORK

    def _after(self, **changes: object) -> "Export":
        return self.model_copy(update={"version": self.version + 1, **changes})

    def taken_up(self) -> "Export":
        """A worker begins, from the start: rows of another instant don't mix with what a killed one has written."""
        return self._after(status=Status.COUNTING, rows_done=0, rows_total=None, attempts=self.attempts + 1)

    def counted(self, total: int) -> "Export":
        """The rows of the instant are counted and writing begins."""
        return self._after(status=Status.WRITING, rows_total=total)

    def progressed(self, rows: int) -> "Export":
        """So many rows are written."""
        return self._after(rows_done=rows)

    def written(self, rows: int) -> "Export":
        """All rows are written and the file is being read back."""
        return self._after(status=Status.VERIFYING, rows_done=rows)

    def completed(self, manifest: Manifest, at: datetime) -> "Export":
        """The file is there and proven."""
        return self._after(status=Status.READY, manifest=manifest, ready_at=at, expires_at=at + KEPT)

    def put_back(self) -> "Export":
        """The attempt failed in a way that may pass: wait for another."""
        return self._after(status=Status.WAITING, rows_done=0, rows_total=None)

    def failed(self, problem: str) -> "Export":
        """It failed for good."""
        return self._after(status=Status.FAILED, problem=problem)

    def cancelled(self) -> "Export":
        """Cancelled before it was ready. Raises Conflict where it is past that."""
        if not self.in_work:
            raise Conflict(f"This export is {self.status} and cannot be cancelled any more.", code="notCancellable")
        return self._after(status=Status.CANCELLED)

    def revoked(self) -> "Export":
        """Revoked while its file was there. Raises Conflict where there is no file."""
        if self.status is not Status.READY:
            raise Conflict(f"This export is {self.status}; only a ready one can be revoked.", code="notRevocable")
        return self._after(status=Status.REVOKED)

    def expired(self) -> "Export":
        """Seven days are over."""
        return self._after(status=Status.EXPIRED)

    def downloaded(self) -> "Export":
        """The file was fetched once more."""
        return self._after()

    def check_download(self, by: str, now: datetime) -> None:
        """Raises Forbidden for anybody but the asker, Conflict before it is ready, Gone after its file has gone."""
        if by != self.requested_by:
            raise Forbidden("Only the manager who asked for an export can download it. Ask for one of your own.")
        if self.in_work or self.status in NOT_COUNTED:
            raise Conflict(f"This export is {self.status}; there is no file to download.", code="notReady")
        if self.status in {Status.EXPIRED, Status.REVOKED} or (self.expires_at is not None and now >= self.expires_at):
            raise Gone("This file is gone: the link has expired or was revoked. Ask for a new export.")


def shown(export: Export) -> dict[str, JsonValue]:
    """The export as the API shows it."""
    names = (
        "id", "status", "rowsDone", "rowsTotal", "requestedAt", "readyAt", "expiresAt", "requestedBy", "reason", "problem",
        "manifest",
    )  # fmt: skip
    members = export.members()
    return {name: members[name] for name in names}


def wait_seconds(latest: datetime | None, minutes: int, now: datetime) -> int:
    """How long to wait until the next export is allowed, in whole seconds; 0 for now. The window runs from acceptance."""
    if latest is None or minutes == 0:
        return 0
    left = latest + timedelta(minutes=minutes) - now
    return max(0, -(-left // timedelta(seconds=1)))


def no_export() -> NotFound:
    """The same words for another channel's export as for one that never was."""
    return NotFound("There is no such export.")


def check_visible(export: Export, subject: str, *, auditor: bool) -> None:
    """Raises Forbidden for another manager's export, unless the subject reads the audit log."""
    if export.requested_by != subject and not auditor:
        raise Forbidden("This is another manager's export. Seeing it needs the permission `audit.read`.")
