"""The shapes of what exports answers, for the OpenAPI document."""

from typing import Annotated, Literal
from uuid import UUID

from common.answers import Shape, one_of
from common.clock import Instant
from exports.approval import Outcome
from exports.export import Status


class ManifestShown(Shape):
    """The proof that a file is complete; `idsSha256` is over the sorted contact ids joined by new lines.

    `longValues` counts the texts that are longer than a cell: they stand whole, in pieces, on the file's second sheet.
    `signature` is the manifest as a compact JWS (Ed25519), checked with the keys of `/.well-known/jwks.json`; null for files that
    were made before manifests were signed.
    """

    rows: int
    columns: list[str]
    instant: Instant
    bytes: int
    file_sha256: str
    ids_sha256: str
    long_values: int
    signature: str | None


class PublicKeys(Shape):
    """The public keys that check manifests, as a JWKS (RFC 7517)."""

    keys: list[dict[str, str]]


class ApprovalShown(Shape):
    """A second person's word on so many contacts: `by` and `at` once it was given."""

    rows: int
    outcome: Outcome
    by: str | None
    at: Instant | None


class ExportShown(Shape):
    """An export and how far it is."""

    id: UUID
    status: Annotated[str, one_of(Status)]
    rows_done: int
    rows_total: int | None
    requested_at: Instant
    ready_at: Instant | None
    expires_at: Instant | None
    requested_by: str
    reason: str
    problem: str | None
    manifest: ManifestShown | None
    approval: ApprovalShown | None


class Allowance(Shape):
    """Whether one may ask for an export now: `openAt` is null, or the instant from which one may.

    One of more contacts than `approvalRows` waits for a second person's word; null is off.
    """

    minutes: int
    scope: Literal["manager", "channel"]
    open_at: Instant | None
    limit: int
    approval_rows: int | None
