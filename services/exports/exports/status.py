"""Where an export stands."""

from enum import StrEnum


class Status(StrEnum):
    """Where an export stands."""

    AWAITING_APPROVAL = "awaitingApproval"
    WAITING = "waiting"
    COUNTING = "counting"
    WRITING = "writing"
    VERIFYING = "verifying"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DECLINED = "declined"
    EXPIRED = "expired"
    REVOKED = "revoked"
    WITHDRAWN = "withdrawn"


IN_WORK = frozenset({Status.WAITING, Status.COUNTING, Status.WRITING, Status.VERIFYING})
NOT_COUNTED = frozenset({Status.FAILED, Status.CANCELLED, Status.DECLINED, Status.WITHDRAWN})
"""Those that do not count for the window between two exports."""
