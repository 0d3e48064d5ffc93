"""What happens to an export, as the event store keeps it: past tense, for ever readable."""

from typing import Literal, TypeAlias
from uuid import UUID

from common.clock import WireInstant
from common.events import wire
from common.language import Language

WITHDRAWN = "A contact in this file was erased, so the file was withdrawn. Ask for a new export."


class Column(wire.Body):
    """One column: a field's key, its type, and the heading as it stands in the file."""

    key: str
    type: str
    heading: str


Kind: TypeAlias = Literal["all", "filter", "contactIds"]


class Scope(wire.Body):
    """Who is exported: everyone, those of a filter, or the checked ones. What filter is in no event: it may name a person."""

    kind: Kind


class Manifest(wire.Body):
    """The proof that a file is complete; `ids_sha256` is over the sorted contact ids joined by new lines.

    `long_values` counts the texts that are longer than a cell: they stand whole on a sheet of their own. `signature` is all of
    this as a JWS (`signing`); None for a file that was made before manifests were signed.
    """

    rows: int
    columns: list[str]
    instant: WireInstant
    bytes: int
    file_sha256: str
    ids_sha256: str
    long_values: int = 0
    signature: str | None = None


class Requested(wire.Event, tag="export.requested"):
    """Somebody asked for an export and it was accepted."""

    id: UUID
    channel: str
    at: WireInstant
    by: str
    reason: str
    scope: Scope
    columns: list[Column]
    time_zone: str
    language: Language = "ko"
    approval_rows: int | None = None
    """More contacts than these need a second person's word; None: any number goes without."""


class ApprovalAsked(wire.Event, tag="export.approval_asked"):
    """So many contacts are for a second person to allow: nothing is written before that."""

    rows: int


class Approved(wire.Event, tag="export.approved"):
    """A second person allowed it."""

    by: str
    at: WireInstant


class Declined(wire.Event, tag="export.declined"):
    """A second person declined it; `reason` is what they said, if anything."""

    by: str
    at: WireInstant
    reason: str | None = None


class TakenUp(wire.Event, tag="export.taken_up"):
    """A worker begins, from the start: rows of another instant don't mix with what a killed one has written."""

    attempt: int


class Counted(wire.Event, tag="export.counted"):
    """The rows of the instant are counted and writing begins."""

    total: int


class Progressed(wire.Event, tag="export.progressed"):
    """So many rows are written."""

    rows: int


class Written(wire.Event, tag="export.written"):
    """All rows are written and the file is being read back."""

    rows: int


class Completed(wire.Event, tag="export.completed"):
    """The file is there and proven."""

    at: WireInstant
    expires_at: WireInstant
    manifest: Manifest


class PutBack(wire.Event, tag="export.put_back"):
    """An attempt ended without a file, in a way that may pass: the export waits for another.

    It is `spared` where nothing was wrong with it: what it needs was away, or its worker had to stop. `problem` says what is
    waited for, `problem_ko` in Korean.
    """

    spared: bool = False
    problem: str | None = None
    problem_ko: str | None = None


class Failed(wire.Event, tag="export.failed"):
    """It failed for good; `problem` tells the manager why, without personal data, `problem_ko` in Korean."""

    problem: str
    problem_ko: str | None = None


class Cancelled(wire.Event, tag="export.cancelled"):
    """Cancelled before it was ready."""


class Downloaded(wire.Event, tag="export.downloaded"):
    """The file, or a part of it, was fetched."""


class Expired(wire.Event, tag="export.expired"):
    """Seven days are over. With a `problem` it is a withdrawal, as it was told before that had an event of its own."""

    problem: str | None = None


class Revoked(wire.Event, tag="export.revoked"):
    """Taken away by somebody while its file was there."""

    by: str | None = None


class Withdrawn(wire.Event, tag="export.withdrawn"):
    """Taken away because a contact in its file was erased."""

    problem: str = WITHDRAWN


Event: TypeAlias = (
    Requested
    | ApprovalAsked
    | Approved
    | Declined
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
