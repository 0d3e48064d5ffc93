"""The shapes of what is answered of bulk actions, for the OpenAPI document."""

from typing import Annotated
from uuid import UUID

from pydantic import JsonValue

from common.answers import Problem, Shape, one_of
from common.clock import Instant
from contacts.bulk.action import Outcome
from contacts.jobs.job import Status


class UndoShown(Shape):
    """How far the taking back of a bulk action is."""

    total: int
    done: int
    undone: int
    skipped: int


class BulkAction(Shape):
    """A bulk action and how far it is."""

    id: UUID
    action: dict[str, JsonValue]
    status: Annotated[str, one_of(Status)]
    total: int | None
    done: int
    changed: int
    unchanged: int
    failed: int
    undo: UndoShown | None
    requested_by: str
    requested_at: Instant
    ended_at: Instant | None
    problem: str | None


class HowMany(Shape):
    """For how many contacts a bulk action would be (`dryRun`)."""

    total: int


class ResultUndone(Shape):
    """What became of a contact in the undo."""

    status: Annotated[str, one_of(Outcome)]
    problem: Problem | None


class BulkResult(Shape):
    """What became of one contact in a bulk action."""

    contact_id: UUID
    status: Annotated[str, one_of(Outcome)]
    version: int | None
    problem: Problem | None
    undo: ResultUndone | None
