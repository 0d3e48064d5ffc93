"""A line of the audit log, and the hash that ties it to the line before. Pure."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, TypeAlias
from uuid import UUID

import orjson
from pydantic import JsonValue

from common.clock import to_wire

FIRST = ""
"""What stands for the hash before the first line of a channel."""

Outcome: TypeAlias = Literal["accepted", "refused", "done", "failed"]


class Action(StrEnum):
    """What was done, or tried."""

    ASKED = "export.asked"
    APPROVAL_ASKED = "export.approvalAsked"
    APPROVED = "export.approved"
    DECLINED = "export.declined"
    READY = "export.ready"
    FAILED = "export.failed"
    CANCELLED = "export.cancelled"
    DOWNLOADED = "export.downloaded"
    REVOKED = "export.revoked"
    EXPIRED = "export.expired"
    WITHDRAWN = "export.withdrawn"
    READ = "export.read"
    AUDIT_READ = "audit.read"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: who did what to which export, how it ended, from which address."""

    id: UUID
    at: datetime
    by: str
    action: Action
    target: str | None
    outcome: Outcome
    address: str | None = None
    detail: str | None = None

    def members(self) -> dict[str, JsonValue]:
        """The line as the API shows it, without its hash."""
        return {
            "id": str(self.id), "at": to_wire(self.at), "by": self.by, "action": self.action, "target": self.target,
            "outcome": self.outcome, "address": self.address, "detail": self.detail,
        }  # fmt: skip

    def hash(self, before: str) -> str:
        """SHA-256, in hexadecimal, over the hash of the line before, a new line, and the members as JSON.

        Canonical: the names in alphabetical order, no white space, UTF-8, nothing escaped that JSON lets stand.
        """
        canonical = orjson.dumps(self.members(), option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(before.encode() + b"\n" + canonical).hexdigest()
