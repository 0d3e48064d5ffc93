"""The shape of what the audit log answers, for the OpenAPI document."""

from typing import Annotated
from uuid import UUID

from common.answers import Shape, one_of
from common.clock import Instant
from exports.audit.entry import Action, Outcome


class AuditEntry(Shape):
    """Who did what to which export from where, and how it ended; `hash` covers the entry before."""

    id: UUID
    at: Instant
    by: str
    action: Annotated[str, one_of(Action)]
    target: str | None
    outcome: Outcome
    address: str | None
    detail: str | None
    hash: str
