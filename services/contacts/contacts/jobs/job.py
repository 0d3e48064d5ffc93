"""The life of a job that is worked off in the background: what may happen next, and what it is after that. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias, assert_never
from uuid import UUID

import msgspec
from msgspec.structs import replace
from pydantic import JsonValue

from common.clock import WireInstant, from_wire, to_wire
from common.errors import Conflict, NotFound
from common.events.wire import Body, Json
from common.position import Position, kept

MOST_ATTEMPTS = 10
KEPT = timedelta(days=30)
"""An ended job and its report go so long after it was asked for."""

GAVE_UP = "This could not be finished after several attempts. Ask again; if it fails again, tell the operators."


class Status(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNDONE = "undone"


IN_WORK = frozenset({Status.WAITING, Status.RUNNING})


class Job(Body):
    """A job's state. What was asked for is kept beside it, all but its target only as long as `choosing`; `cursor` says how far
    its runner is."""

    id: UUID
    channel: str
    kind: str
    version: int = 1
    status: Status = Status.WAITING
    requested_by: str
    requested_at: WireInstant
    total: int | None = None
    counts: dict[str, int] = msgspec.field(default_factory=dict)
    cursor: Json = None
    undoing: bool = False
    undone_by: str | None = None
    attempts: int = 0
    waits: int = 0
    problem: str | None = None
    ended_at: WireInstant | None = None
    position: str | None = None

    @property
    def in_work(self) -> bool:
        """Whether a worker has still something to do."""
        return self.status in IN_WORK

    @property
    def choosing(self) -> bool:
        """Whether it is still to be settled whom it is for; what was asked about that is needed no longer."""
        return self.in_work and self.cursor is None and not self.undoing


@dataclass(frozen=True, slots=True)
class TakeUp:
    """A worker holds the lease and wants to go on from the cursor."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Advance:
    """A piece of the work is done: its runner is at the cursor now, and each count has grown by so much."""

    cursor: JsonValue
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    total: int | None = None
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing is left to do."""

    at: datetime


@dataclass(frozen=True, slots=True)
class GiveBack:
    """The worker stops in the middle: another goes on where it is. What failed counts as an attempt, what was stopped doesn't."""

    failed: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Wait:
    """What the work needs is away: another attempt is made later, and this one does not count, however many they become."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Fail:
    """It can never come to an end."""

    problem: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Cancel:
    """Somebody wants it stopped where it is."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Undo:
    """Somebody wants what it did taken back."""

    by: str
    at: datetime


ByWorker: TypeAlias = TakeUp | Advance | Finish | GiveBack | Wait | Fail
Command: TypeAlias = ByWorker | Cancel | Undo


def decide(job: Job, command: Command) -> Job:
    """The job after the command, one version on. Raises Conflict."""
    match command:
        case Undo(by=by, at=at):
            _check_undoable(job, at)
            # One that failed while it was being undone goes on where it was.
            where = {"undoing": True, "undone_by": by, "cursor": job.cursor if job.undoing else None}
            return _after(job, status=Status.WAITING, attempts=0, waits=0, problem=None, ended_at=None, **where)
        case Cancel(at=at):
            _check_cancellable(job)
            return _ended(job, Status.CANCELLED, at)
        case _:
            if not job.in_work:
                raise Conflict("The work on this job has ended.", code="ended", extra={"jobStatus": job.status})
            return _decide_work(job, command)


def _decide_work(job: Job, command: ByWorker) -> Job:
    match command:
        case TakeUp(at=at):
            if job.attempts >= MOST_ATTEMPTS:
                return _ended(job, Status.FAILED, at, GAVE_UP)
            return _after(job, status=Status.RUNNING, attempts=job.attempts + 1)
        case Advance():
            counts = {name: job.counts.get(name, 0) + command.counts.get(name, 0) for name in {**job.counts, **command.counts}}
            total = job.total if command.total is None else command.total
            position = _joined(job, command.position)
            begun = {} if command.cursor == job.cursor else {"attempts": 0, "waits": 0}
            return _after(job, cursor=command.cursor, counts=counts, total=total, position=position, **begun)
        case Finish(at=at):
            return _ended(job, Status.UNDONE if job.undoing else Status.DONE, at)
        case GiveBack(failed=failed, at=at):
            if failed and job.attempts >= MOST_ATTEMPTS:
                return _ended(job, Status.FAILED, at, GAVE_UP)
            return _after(job, status=Status.WAITING, attempts=job.attempts if failed else max(0, job.attempts - 1))
        case Wait():
            return _after(job, status=Status.WAITING, attempts=max(0, job.attempts - 1), waits=job.waits + 1)
        case Fail(problem=problem, at=at):
            return _ended(job, Status.FAILED, at, problem)
        case _:
            assert_never(command)


def _after(job: Job, **changes: object) -> Job:
    return replace(job, version=job.version + 1, **changes)


def _ended(job: Job, status: Status, at: datetime, problem: str | None = None) -> Job:
    return _after(job, status=status, ended_at=to_wire(at), problem=problem)


class NotCancellable(Conflict):
    """There is nothing that could be cancelled."""

    code = "notCancellable"


class NotUndoable(Conflict):
    """The job is not, or not yet, one that could be taken back."""

    code = "notUndoable"


class AlreadyUndone(Conflict):
    """The job has been taken back, or is being."""

    code = "alreadyUndone"


def _check_cancellable(job: Job) -> None:
    told = {"jobStatus": job.status}
    if not job.in_work:
        raise NotCancellable("This job has ended already: there is nothing left to cancel.", extra=told)
    if job.undoing:
        raise NotCancellable("This job is being undone, and that cannot be cancelled. Wait until it is done.", extra=told)


def _check_undoable(job: Job, at: datetime) -> None:
    told: dict[str, JsonValue] = {"jobStatus": job.status}
    if job.status is Status.UNDONE:
        raise AlreadyUndone("This job has been undone already.", extra=told)
    if job.in_work and job.undoing:
        raise AlreadyUndone("This job is being undone already. Wait until that is done.", extra=told)
    if job.in_work:
        raise NotUndoable("This job is still at work. Wait until it is done, or cancel it; then undo it.", extra=told)
    if at >= from_wire(job.requested_at) + KEPT:
        # By then its report is being deleted, without which it would be taken back in part.
        raise NotUndoable(
            f"A job can be undone within {KEPT.days} days after it was asked for, and these are over.",
            extra={"jobStatus": job.status, "days": KEPT.days},
        )


def _joined(job: Job, position: Position | None) -> str | None:
    """Where all that the job has written is seen: per topic and partition the last."""
    if position is None or not position.entries:
        return job.position
    return position.wrote().after(kept(job.position, job.channel), job.channel).encode(job.channel)


def no_job() -> NotFound:
    """The same words for another channel's job as for one that never was."""
    return NotFound("There is no such job.")
