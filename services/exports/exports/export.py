"""The life of an export: what may happen next, and what it is after that. Pure: time and actor are given."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias, assert_never
from uuid import UUID

from msgspec.structs import replace

from common.clock import WireInstant, from_wire, to_wire
from common.errors import Conflict, Forbidden, Gone
from common.events.wire import Body
from common.language import Language
from exports.approval import Approval, Approve, AskApproval, Decline, check_decision, decided, is_needed
from exports.events import (
    WITHDRAWN,
    ApprovalAsked,
    Approved,
    Cancelled,
    Column,
    Completed,
    Counted,
    Declined,
    Downloaded,
    Event,
    Expired,
    Failed,
    Manifest,
    Progressed,
    PutBack,
    Requested,
    Revoked,
    Scope,
    TakenUp,
    Withdrawn,
    Written,
)
from exports.said import AGAIN, GAVE_UP, UNANSWERED, Said, too_many
from exports.status import IN_WORK as IN_WORK
from exports.status import NOT_COUNTED as NOT_COUNTED
from exports.status import Status as Status

KEPT = timedelta(days=7)
MOST_ROWS = 1_000_000
MOST_ATTEMPTS = 10
MOST_LOST = 30
"""So many attempts may end with their workers, which says little of the export. After more, it may be what kills them."""


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
    requested_at: WireInstant
    rows_done: int = 0
    rows_total: int | None = None
    ready_at: WireInstant | None = None
    expires_at: WireInstant | None = None
    problem: str | None = None
    """Why it failed or was withdrawn; of one in work, what it waits for."""
    problem_ko: str | None = None
    """The same in Korean, where that is known."""
    manifest: Manifest | None = None
    attempts: int = 0
    spared: int = 0
    lost: int = 0
    approval_rows: int | None = None
    approval: Approval | None = None
    revoked_by: str | None = None

    @property
    def tried_enough(self) -> bool:
        """Whether it is given up."""
        return self.own_attempts >= MOST_ATTEMPTS or self.lost >= MOST_LOST

    @property
    def own_attempts(self) -> int:
        """Attempts that came to nothing by themselves: neither for what was away, nor with a worker that was killed."""
        return self.attempts - self.spared - self.lost

    @property
    def in_work(self) -> bool:
        """Whether a worker has still something to do."""
        return self.status in IN_WORK

    @property
    def goes_on(self) -> bool:
        """Whether there may be a file yet: a worker has something to do, or will once a second person has allowed it."""
        return self.in_work or self.status is Status.AWAITING_APPROVAL

    @property
    def ends_at(self) -> str | None:
        """When it ends by itself: a file that is there, or waiting for somebody to allow it."""
        if self.status is Status.AWAITING_APPROVAL:
            return to_wire(from_wire(self.requested_at) + KEPT)
        return self.expires_at

    def needs_approval(self, rows: int) -> bool:
        """Whether so many contacts are for a second person to allow, who has not allowed about as many already."""
        return is_needed(self.approval_rows, self.approval, rows)


def evolve(export: Export | None, event: Event) -> Export:
    """What the export is after an event; only the first has nothing before it."""
    if isinstance(event, Requested):
        return Export(
            id=event.id, channel=event.channel, version=1, reason=event.reason, scope=event.scope, columns=event.columns,
            time_zone=event.time_zone, language=event.language, requested_by=event.by, requested_at=event.at,
            approval_rows=event.approval_rows,
        )  # fmt: skip
    assert export is not None, "an export begins with its request"
    return replace(export, version=export.version + 1, **_changes(export, event))


def _changes(export: Export, event: Event) -> dict[str, object]:
    match event:
        case ApprovalAsked(rows=rows):
            asked = Approval(rows=rows)
            return {"status": Status.AWAITING_APPROVAL, "approval": asked, "rows_done": 0, "rows_total": None} | _WELL
        case Approved(by=by, at=at):
            return {"status": Status.WAITING, "approval": decided(export.approval, "approved", by, at)}
        case Declined(by=by, at=at, reason=reason):
            return {"status": Status.DECLINED, "approval": decided(export.approval, "declined", by, at), "problem": reason}
        case TakenUp(attempt=attempt):
            lost = export.lost + (export.status is not Status.WAITING)  # its worker has fallen silent
            return {"status": Status.COUNTING, "attempts": attempt, "rows_done": 0, "rows_total": None, "lost": lost}
        case Counted(total=total):
            return {"status": Status.WRITING, "rows_total": total} | _WELL
        case Progressed(rows=rows):
            return {"rows_done": rows}
        case Written(rows=rows):
            return {"status": Status.VERIFYING, "rows_done": rows}
        case Completed(manifest=manifest, at=at, expires_at=expires_at):
            return {"status": Status.READY, "manifest": manifest, "ready_at": at, "expires_at": expires_at}
        case PutBack(spared=spared, problem=problem, problem_ko=korean):
            waits = {"spared": export.spared + spared, "problem": problem, "problem_ko": korean}
            return {"status": Status.WAITING, "rows_done": 0, "rows_total": None} | waits
        case Failed(problem=problem, problem_ko=korean):
            return {"status": Status.FAILED, "problem": problem, "problem_ko": korean}
        case Cancelled():
            return {"status": Status.CANCELLED} | _WELL
        case Withdrawn(problem=problem) | Expired(problem=str(problem)):
            return {"status": Status.WITHDRAWN, "problem": problem}
        case Expired():
            return {"status": Status.EXPIRED}
        case Revoked(by=by):
            return {"status": Status.REVOKED, "revoked_by": by}
        case Downloaded() | Requested():
            return {}
        case _:
            assert_never(event)


_WELL: Final[dict[str, object]] = {"problem": None, "problem_ko": None}


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
    """The attempt came to nothing by itself, for a reason that may pass."""


@dataclass(frozen=True, slots=True)
class Wait:
    """What the attempt needs is away, as is said, or its worker stops: it does not count, however many they become."""

    problem: Said | None = None


@dataclass(frozen=True, slots=True)
class Fail:
    """It can never come to anything."""

    problem: Said


@dataclass(frozen=True, slots=True)
class Cancel:
    """Somebody wants it stopped."""


@dataclass(frozen=True, slots=True)
class Revoke:
    """Somebody wants its file gone."""

    by: str


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


ByWorker: TypeAlias = TakeUp | Count | Progress | Finish | Complete | GiveBack | Wait | Fail
ByPerson: TypeAlias = Cancel | Revoke | Download | Approve | Decline
Command: TypeAlias = ByWorker | ByPerson | AskApproval | Expire | Withdraw


def decide(export: Export, command: Command) -> list[Event]:
    """Which events follow. Raises Conflict, and where a person asks Forbidden and Gone as well."""
    match command:
        case Cancel() | Revoke() | Download() | Approve() | Decline():
            return _decide_for(export, command)
        case AskApproval(rows=rows):
            return [ApprovalAsked(rows=rows)] if export.in_work and export.needs_approval(rows) else []
        case Withdraw():
            return [Withdrawn()] if export.status is Status.READY else []
        case Expire(at=at):
            return _end(export, at)
        case _:
            if not export.in_work:
                raise Conflict("The work on this export has ended.", code="ended", extra={"exportStatus": export.status})
            return _decide_work(export, command)


def _decide_for(export: Export, command: ByPerson) -> list[Event]:
    match command:
        case Cancel():
            if not export.goes_on:
                raise Conflict(
                    "Only an export that is not ready yet can be cancelled. Revoke the file of one that is ready.",
                    code="notCancellable",
                    extra={"exportStatus": export.status},
                )
            return [Cancelled()]
        case Revoke(by=by):
            if export.status is not Status.READY:
                raise Conflict(
                    "Only the file of an export that is ready can be revoked. Cancel one that is not ready yet.",
                    code="notRevocable",
                    extra={"exportStatus": export.status},
                )
            return [Revoked(by=by)]
        case Download():
            _check_download(export, command)
            return [Downloaded()]
        case Approve(by=by, at=at):
            check_decision(by, export.requested_by, export.status, awaited=export.status is Status.AWAITING_APPROVAL)
            return [Approved(by=by, at=to_wire(at))]
        case Decline(by=by, at=at, reason=reason):
            check_decision(by, export.requested_by, export.status, awaited=export.status is Status.AWAITING_APPROVAL)
            return [Declined(by=by, at=to_wire(at), reason=reason)]
        case _:
            assert_never(command)


def _end(export: Export, at: datetime) -> list[Event]:
    if not is_over(export, at):
        return []
    if export.status is Status.AWAITING_APPROVAL:
        return [_failed(UNANSWERED)]
    return [Expired()] if export.status is Status.READY else []


def _decide_work(export: Export, command: ByWorker) -> list[Event]:
    match command:
        case TakeUp():
            return [_failed(GAVE_UP) if export.tried_enough else TakenUp(attempt=export.attempts + 1)]
        case Count(total=total):
            if total > MOST_ROWS:
                return [_failed(too_many(total, MOST_ROWS))]
            return [ApprovalAsked(rows=total)] if export.needs_approval(total) else [Counted(total=total)]
        case Progress(rows=rows):
            return [Progressed(rows=rows)] if rows != export.rows_done else []
        case Finish(rows=rows):
            _require_all(export, rows)
            return [Written(rows=rows)]
        case Complete(manifest=manifest, at=at):
            if export.status is not Status.VERIFYING:
                raise Conflict(
                    "The file is not written to its end yet.", code="incomplete", extra={"exportStatus": export.status}
                )
            _require_all(export, manifest.rows)
            return [Completed(manifest=manifest, at=to_wire(at), expires_at=to_wire(at + KEPT))]
        case GiveBack():
            return [_failed(GAVE_UP) if export.tried_enough else PutBack(problem=AGAIN.english, problem_ko=AGAIN.korean)]
        case Wait(problem=Said(english=english, korean=korean)):
            return [PutBack(spared=True, problem=english, problem_ko=korean)]
        case Wait():
            return [PutBack(spared=True)]
        case Fail(problem=problem):
            return [_failed(problem)]
        case _:
            assert_never(command)


def _failed(said: Said) -> Failed:
    return Failed(problem=said.english, problem_ko=said.korean)


def _require_all(export: Export, rows: int) -> None:
    if rows != export.rows_total:
        raise Conflict(
            "The file does not hold all the contacts that were counted. Ask again; if it fails again, tell the operators.",
            code="incomplete",
            extra={"rows": rows, "total": export.rows_total},
        )


def is_over(export: Export, at: datetime) -> bool:
    """Whether its seven days are over: of a file that is there, or of waiting for approval."""
    return export.ends_at is not None and to_wire(at) >= export.ends_at


def _check_download(export: Export, command: Download) -> None:
    """Raises Forbidden for another manager, Gone for a file that was there, Conflict where there was none."""
    if command.by != export.requested_by:
        raise Forbidden("Only the manager who asked for an export can download it. Ask for one of your own.")
    # Its seven days may be over before the keeper has noticed.
    status = Status.EXPIRED if export.status is Status.READY and is_over(export, command.at) else export.status
    match status:
        case Status.READY:
            return
        case Status.EXPIRED:
            raise Gone("This file is gone: its seven days are over. Ask for a new export.", extra={"exportStatus": status})
        case Status.REVOKED:
            raise Gone("This file is gone: it was revoked. Ask for a new export.", extra={"exportStatus": status})
        case Status.WITHDRAWN:
            raise Gone(WITHDRAWN, code="withdrawn", extra={"exportStatus": status})
        case Status.FAILED:
            why = f"This export failed and has no file. {export.problem or GAVE_UP.english}"
        case Status.CANCELLED:
            why = "This export was cancelled and has no file. Ask for a new one."
        case Status.DECLINED:
            why = "Another manager declined this export, so it has no file. Ask for fewer contacts."
        case Status.AWAITING_APPROVAL:
            why = "Another manager has to approve this export before its file is made."
        case Status.WAITING | Status.COUNTING | Status.WRITING | Status.VERIFYING:
            why = "This export is not ready yet. Wait until its status is `ready`."
        case _:
            assert_never(status)
    raise Conflict(why, code="notReady", extra={"exportStatus": status})
