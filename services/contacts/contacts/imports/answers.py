"""The shapes of what is answered of imports, for the OpenAPI document."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, JsonValue

from common.answers import Shape, left_out, one_of
from common.clock import Instant
from contacts.answers import NotWrittenValue
from contacts.imports.mapping import LeftOut
from contacts.imports.order import RowStatus
from contacts.jobs.job import Status

_REASONS = (
    "`unknown`: the heading stands for no field; `sharedName`: two fields have this name; `notEditable`: the field of this name "
    "is not written; `twice`: another column goes into that field; `forMembers`: a lead has no `memberId`; `mapping`: said there."
)


class ImportColumn(Shape):
    """A column and where it goes: a key, several, or null and the reason."""

    column: str
    key: str | list[str] | None
    guessed: bool
    reason: Annotated[str, one_of(LeftOut), Field(description=_REASONS)] = left_out()


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
    not_written: Annotated[int, Field(description="Rows that were taken but for a value: `notWritten` of the row tells which.")]
    columns: list[ImportColumn]
    ignored: int
    ignored_reasons: Annotated[dict[str, int], Field(description=f"How many columns are left out by each reason. {_REASONS}")]
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
    not_written: list[NotWrittenValue] = left_out()


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
