"""The life of an export: what may happen next, and what it is after that. Pure: time and actor are given."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal, TypeAlias, assert_never
from uuid import UUID

from pydantic import Field, TypeAdapter

from common.clock import Instant
from common.errors import Conflict, Forbidden, Gone
from common.events.wire import Body

KEPT = timedelta(days=7)
MOST_ROWS = 1_000_000
MOST_ATTEMPTS = 10

WITHDRAWN = "A contact in this file was erased, so the file is gone. Ask for a new export."
GAVE_UP = "The file could not be finished after several attempts. Ask again; if it fails again, tell the operators."


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
"""Those that do not count for the window between two exports."""


class Column(Body):
    """One column: a field's key, its type, and the heading as it stands in the file."""

    key: str
    type: str
    heading: str


Kind: TypeAlias = Literal["all", "filter", "contactIds"]
Language: TypeAlias = Literal["ko", "en"]


class Scope(Body):
    """Who is exported: everyone, those of a filter, or the checked ones. What filter is in no event: it may name a person."""

    kind: Kind


class Manifest(Body):
    """The proof that a file is complete; `ids_sha256` is over the sorted contact ids joined by new lines.

    `long_values` counts the texts that are longer than a cell: they stand whole on a sheet of their own.
    """

    rows: int
    columns: list[str]
    instant: Instant
    bytes: int
    file_sha256: str
    ids_sha256: str
    long_values: int = 0


class Requested(Body):
    """Somebody asked for an export and it was accepted."""

    type: Literal["export.requested"] = "export.requested"
    id: UUID
    channel: str
    at: Instant
    by: str
    reason: str
    scope: Scope
    columns: list[Column]
    time_zone: str
    language: Language = "ko"


class TakenUp(Body):
    """A worker begins, from the start: rows of another instant don't mix with what a killed one has written."""

    type: Literal["export.taken_up"] = "export.taken_up"
    attempt: int


class Counted(Body):
    """The rows of the instant are counted and writing begins."""

    type: Literal["export.counted"] = "export.counted"
    total: int


class Progressed(Body):
    """So many rows are written."""

    type: Literal["export.progressed"] = "export.progressed"
    rows: int


class Written(Body):
    """All rows are written and the file is being read back."""

    type: Literal["export.written"] = "export.written"
    rows: int


class Completed(Body):
    """The file is there and proven."""

    type: Literal["export.completed"] = "export.completed"
    at: Instant
    expires_at: Instant
    manifest: Manifest


class PutBack(Body):
    """An attempt ended without a file, in a way that may pass: the export waits for another."""

    type: Literal["export.put_back"] = "export.put_back"


class Failed(Body):
    """It failed for good; `problem` tells the manager why, without personal data."""

    type: Literal["export.failed"] = "export.failed"
    problem: str


class Cancelled(Body):
    """Cancelled before it was ready."""

    type: Literal["export.cancelled"] = "export.cancelled"


class Downloaded(Body):
    """The file, or a part of it, was fetched."""

    type: Literal["export.downloaded"] = "export.downloaded"


class Expired(Body):
    """Seven days are over, or `problem` says why the file went before."""

    type: Literal["export.expired"] = "export.expired"
    problem: str | None = None


class Revoked(Body):
    """Taken away while its file was there."""

    type: Literal["export.revoked"] = "export.revoked"


Event: TypeAlias = (
    Requested
    | TakenUp
    | Counted
    | Progressed
    | Written
    | Completed
    | PutBack
    | Failed
    | Cancelled
    | Downloaded
    | Expired
    | Revoked
)
EVENTS: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])


class Export(Body):
    """An export's state: the fold of its events."""

    id: UUID
    channel: str
    version: int
    status: Status = Status.WAITING
    reason: str
    scope: Scope
    columns: list[Column]
    time_zone: str
    language: Language = "ko"
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


def evolve(export: Export | None, event: Event) -> Export:
    """What the export is after an event; only the first has nothing before it."""
    if isinstance(event, Requested):
        return Export(
            id=event.id, channel=event.channel, version=1, reason=event.reason, scope=event.scope, columns=event.columns,
            time_zone=event.time_zone, language=event.language, requested_by=event.by, requested_at=event.at,
        )  # fmt: skip
    assert export is not None, "an export begins with its request"
    return export.model_copy(update={"version": export.version + 1, **_changes(event)})


def _changes(event: Event) -> dict[str, object]:
    match event:
        case TakenUp(attempt=attempt):
            return {"status": Status.COUNTING, "attempts": attempt, "rows_done": 0, "rows_total": None}
        case Counted(total=total):
            return {"status": Status.WRITING, "rows_total": total}
        case Progressed(rows=rows):
            return {"rows_done": rows}
        case Written(rows=rows):
            return {"status": Status.VERIFYING, "rows_done": rows}
        case Completed(manifest=manifest, at=at, expires_at=expires_at):
            return {"status": Status.READY, "manifest": manifest, "ready_at": at, "expires_at": expires_at}
        case PutBack():
            return {"status": Status.WAITING, "rows_done": 0, "rows_total": None}
        case Failed(problem=problem):
            return {"status": Status.FAILED, "problem": problem}
        case Cancelled():
            return {"status": Status.CANCELLED}
        case Expired(problem=problem):
            return {"status": Status.EXPIRED, "problem": problem}
        case Revoked():
            return {"status": Status.REVOKED}
        case Downloaded() | Requested():
            return {}
        case _:
            assert_never(event)


def fold(events: Iterable[Event]) -> Export | None:
    """The state that these events, from the first, lead to."""
    export: Export | None = None
    for event in events:
        export = evolve(export, event)
    return export


@dataclass(frozen=True, slots=True)
class TakeUp:
    """A worker holds the lease and wants to begin."""


@dataclass(frozen=True, slots=True)
class Count:
    """The rows of the instant are so many."""

    total: int


@dataclass(frozen=True, slots=True)
class Progress:
    """So many rows are written."""

    rows: int


@dataclass(frozen=True, slots=True)
class Finish:
    """All rows are written, so many."""

    rows: int


@dataclass(frozen=True, slots=True)
class Complete:
    """The file was read back and agrees with the manifest."""

    manifest: Manifest
    at: datetime


@dataclass(frozen=True, slots=True)
class GiveBack:
    """The attempt came to nothing, for a reason that may pass."""


@dataclass(frozen=True, slots=True)
class Fail:
    """It can never come to anything."""

    problem: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Somebody wants it stopped."""


@dataclass(frozen=True, slots=True)
class Revoke:
    """Somebody wants its file gone."""


@dataclass(frozen=True, slots=True)
class Download:
    """Somebody wants its file."""

    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Withdraw:
    """A contact in the file was erased."""


@dataclass(frozen=True, slots=True)
class Expire:
    """The time may be over."""

    at: datetime


ByWorker: TypeAlias = TakeUp | Count | Progress | Finish | Complete | GiveBack | Fail
Command: TypeAlias = ByWorker | Cancel | Revoke | Download | Expire | Withdraw


def decide(export: Export, command: Command) -> list[Event]:
    """Which events follow. Raises Conflict, and for a download Forbidden and Gone as well."""
    match command:
        case Cancel():
            _require(export, export.in_work, "cannot be cancelled any more", "notCancellable")
            return [Cancelled()]
        case Revoke():
            _require(export, export.status is Status.READY, "has no file that could be revoked", "notRevocable")
            return [Revoked()]
        case Download():
            _check_download(export, command)
            return [Downloaded()]
        case Withdraw():
            return [Expired(problem=WITHDRAWN)] if export.status is Status.READY else []
        case Expire(at=at):
            return [Expired()] if export.status is Status.READY and _over(export, at) else []
        case _:
            _require(export, export.in_work, "needs no work any more", "ended")
            return _decide_work(export, command)


def _decide_work(export: Export, command: ByWorker) -> list[Event]:
    match command:
        case TakeUp():
            return [Failed(problem=GAVE_UP) if export.attempts >= MOST_ATTEMPTS else TakenUp(attempt=export.attempts + 1)]
        case Count(total=total):
            return [Failed(problem=too_many(total)) if total > MOST_ROWS else Counted(total=total)]
        case Progress(rows=rows):
            return [Progressed(rows=rows)] if rows != export.rows_done else []
        case Finish(rows=rows):
            _require(export, rows == export.rows_total, "has other rows than were counted", "incomplete")
            return [Written(rows=rows)]
        case Complete(manifest=manifest, at=at):
            _require(export, export.status is Status.VERIFYING, "is not written yet", "incomplete")
            _require(export, manifest.rows == export.rows_total, "has other rows than were counted", "incomplete")
            return [Completed(manifest=manifest, at=at, expires_at=at + KEPT)]
        case GiveBack():
            return [Failed(problem=GAVE_UP) if export.attempts >= MOST_ATTEMPTS else PutBack()]
        case Fail(problem=problem):
            return [Failed(problem=problem)]
        case _:
            assert_never(command)


def _require(export: Export, holds: bool, otherwise: str, code: str) -> None:
    if not holds:
        raise Conflict(f"This export is {export.status} and {otherwise}.", code=code)


def _over(export: Export, at: datetime) -> bool:
    return export.expires_at is not None and at >= export.expires_at


def _check_download(export: Export, command: Download) -> None:
    if command.by != export.requested_by:
        raise Forbidden("Only the manager who asked for an export can download it. Ask for one of your own.")
    if export.status in {Status.EXPIRED, Status.REVOKED} or _over(export, command.at):
        raise Gone("This file is gone: its seven days are over or it was revoked. Ask for a new export.")
    _require(export, export.status is Status.READY, "has no file to download", "notReady")


def too_many(total: int) -> str:
    """What is said of more rows than a file takes."""
    return f"{total:,} contacts match, more than the {MOST_ROWS:,} that one file takes. Narrow it down and ask again."
