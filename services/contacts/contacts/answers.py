"""The shapes of what contacts answers, for the OpenAPI document."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, JsonValue

from common.answers import Problem, Shape, left_out, one_of
from common.clock import Instant
from contacts.bulk.action import Outcome
from contacts.imports.order import RowStatus
from contacts.jobs.job import Status


class BatchResult(Shape):
    """What became of one row of a batch: `id` and `version` are null where `problem` says why it was refused."""

    index: int
    status: int
    id: UUID | None
    version: int | None
    problem: Problem = left_out()


class BatchResults(Shape):
    """What became of each row, in their order."""

    results: list[BatchResult]


class RejectedVisit(Shape):
    """A visit that was not taken in."""

    index: int
    problem: Problem


class VisitsTaken(Shape):
    """How many visits are stored, how many were there before, and which were not taken in."""

    accepted: int
    duplicates: int
    rejected: list[RejectedVisit]


class TakenVisit(Shape):
    """A visit or custom event as it was sent, and whose it is."""

    id: str
    contact_id: UUID
    name: str
    at: Instant
    properties: dict[str, JsonValue]
    url: str | None
    device: dict[str, JsonValue] | None


class ShownChange(Shape):
    """One field's old and new value."""

    key: str
    from_: Annotated[JsonValue, Field(alias="from")]
    to: JsonValue


class ShownVisit(Shape):
    """The visit that moved the contact."""

    id: str
    at: Instant


class HistoryItem(Shape):
    """A version of a contact: when, by whom, why, and what changed; with what is the event's own."""

    version: int
    at: Instant
    by: str
    cause: str
    changes: list[ShownChange]
    type: str
    visit: ShownVisit = left_out()
    absorbed: UUID = left_out()
    merged_into: UUID = left_out()


class ErasureBegun(Shape):
    """An erasure has begun; its receipt tells how far it is."""

    receipt_id: UUID


class StoreErased(Shape):
    """One store, and the last moment by which it holds nothing any more."""

    store: str
    status: Literal["done", "pending"]
    final_by: Instant


class Receipt(Shape):
    """What has become of an erasure, store by store."""

    receipt_id: UUID
    contact_id: UUID
    requested_at: Instant
    requested_by: str
    status: Literal["done", "pending"]
    final_by: Instant
    stores: list[StoreErased]


class UndoShown(Shape):
    """How far the taking back of a bulk action is."""

    total: int
    done: int
    undone: int
    skipped: int


class BulkAction(Shape):
    """A bulk action and how far it is."""

    id: UUID
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


class ImportColumn(Shape):
    """A column and where it goes: a key, several, or null."""

    column: str
    key: str | list[str] | None
    guessed: bool


class Import(Shape):
    """An import and how far it is."""

    id: UUID
    kind: Literal["members", "leads"]
    status: Annotated[str, one_of(Status)]
    total: int | None
    done: int
    made: int
    changed: int
    unchanged: int
    refused: int
    columns: list[ImportColumn]
    ignored: int
    requested_at: Instant
    requested_by: str
    ended_at: Instant | None
    problem: str | None


class RowProblem(Shape):
    """Why a row was refused, and the heading of the column that is to blame."""

    code: str
    detail: str | None
    column: str | None


class ImportRow(Shape):
    """What became of one row; rows are numbered as a spreadsheet program numbers them."""

    row: int
    status: Annotated[str, one_of(RowStatus)]
    contact_id: UUID | None
    problem: RowProblem | None


class SampleRow(Shape):
    """A row as it would be written, or why it would be refused."""

    row: int
    contact: dict[str, JsonValue] = left_out()
    problem: RowProblem = left_out()


class ImportPreview(Shape):
    """How a file would be read (`dryRun`): its columns and first rows."""

    kind: Literal["members", "leads"]
    format: str
    encoding: str | None
    delimiter: str | None
    headings: int
    columns: list[ImportColumn]
    rows: list[SampleRow]


class BrowserKeyShown(Shape):
    """A browser key."""

    id: UUID
    key: str
    name: str
    origins: list[str]
    status: Literal["live", "ending", "revoked"]
    created_at: Instant
    created_by: str
    ends_at: Instant | None


class Identified(Shape):
    """What a browser key is told of an upsert: the `memberId` that it sent."""

    member_id: str
