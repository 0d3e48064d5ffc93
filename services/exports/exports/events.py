"""What happens to an export, as the event store keeps it: past tense, for ever readable."""

from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import Field, TypeAdapter

from common.clock import Instant
from common.events.wire import Body
from common.language import Language

WITHDRAWN = "A contact in this file was erased, so the file was withdrawn. Ask for a new export."


class Column(Body):
    """One column: a field's key, its type, and the heading as it stands in the file."""

    key: str
    type: str
    heading: str


Kind: TypeAlias = Literal["all", "filter", "contactIds"]


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
    """An attempt ended without a file, in a way that may pass: the export waits for another.

    It is `spared` where nothing was wrong with it: what it needs was away, or its worker had to stop.
    """

    type: Literal["export.put_back"] = "export.put_back"
    spared: bool = False


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
    """Seven days are over. With a `problem` it is a withdrawal, as it was told before that had an event of its own."""

    type: Literal["export.expired"] = "export.expired"
    problem: str | None = None


class Revoked(Body):
    """Taken away by somebody while its file was there."""

    type: Literal["export.revoked"] = "export.revoked"
    by: str | None = None


class Withdrawn(Body):
    """Taken away because a contact in its file was erased."""

    type: Literal["export.withdrawn"] = "export.withdrawn"
    problem: str = WITHDRAWN


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
    | Withdrawn
)
EVENTS: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])
