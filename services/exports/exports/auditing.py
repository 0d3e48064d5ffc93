"""What the audit log is told of an export that asks for a second person, whoever finds out that it must. Pure."""

from datetime import datetime
from uuid import UUID

from exports.audit.entry import Action, Entry
from exports.export import Export

BY = "service:exports"


def approval_asked(export: Export, entry_id: UUID, at: datetime) -> Entry:
    """So many contacts are for somebody else to allow."""
    assert export.approval is not None, "it was asked"
    return Entry(entry_id, at, BY, Action.APPROVAL_ASKED, str(export.id), "accepted", None, f"{export.approval.rows:,} contacts")
