"""A second person's word on an export of many contacts: asked before anything is written, never given by who asked. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from msgspec.structs import replace

from common.clock import WireInstant
from common.errors import Conflict, Forbidden
from common.events.wire import Body

Outcome: TypeAlias = Literal["asked", "approved", "declined"]


class Approval(Body):
    """What became of asking a second person: so many contacts, and by whom, when and how it was decided, once it was."""

    rows: int
    outcome: Outcome = "asked"
    by: str | None = None
    at: WireInstant | None = None


@dataclass(frozen=True, slots=True)
class AskApproval:
    """So many contacts were found for what is asked."""

    rows: int


@dataclass(frozen=True, slots=True)
class Approve:
    """Somebody allows it."""

    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Decline:
    """Somebody does not."""

    by: str
    at: datetime
    reason: str | None


def decided(approval: Approval | None, outcome: Outcome, by: str, at: str) -> Approval:
    """What it is once somebody has decided."""
    assert approval is not None, "it is decided after it was asked"
    return replace(approval, outcome=outcome, by=by, at=at)


def is_needed(without: int | None, approval: Approval | None, rows: int) -> bool:
    """Whether somebody is to be asked about so many, where some go `without`. A tenth more than were told may have come.

    Beyond that it is another export: what a filter or segment means may have been changed since it was allowed.
    """
    if without is None or rows <= without:
        return False
    return approval is None or rows * 10 > approval.rows * 11


def check_decision(by: str, requested_by: str, status: str, *, awaited: bool) -> None:
    """Raises Forbidden for the manager who asked, Conflict where there is nothing to decide."""
    if by == requested_by:
        raise Forbidden(
            "You asked for this export yourself. Another manager with the permission `exports.approve` decides on it.",
            code="ownExport",
        )
    if not awaited:
        raise Conflict(
            "This export does not wait for approval. Read it again to see what became of it.",
            code="notAwaitingApproval",
            extra={"exportStatus": status},
        )
