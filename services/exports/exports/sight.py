"""Who may see an export, and what is seen of it."""

from pydantic import JsonValue

from common.caller import Caller
from common.errors import Forbidden, NotFound
from exports.export import Export


def export_shown(export: Export) -> dict[str, JsonValue]:
    """The export as the API shows it."""
    names = (
        "id", "status", "rowsDone", "rowsTotal", "requestedAt", "readyAt", "expiresAt", "requestedBy", "reason", "problem",
        "manifest", "approval",
    )  # fmt: skip
    members = export.members()
    return {name: members[name] for name in names}


def no_export() -> NotFound:
    """The same words for another channel's export as for one that never was."""
    return NotFound("There is no such export.")


def sees_all(caller: Caller) -> bool:
    """Whether somebody sees the exports of others too: who reads the audit log, and who decides on large ones."""
    return caller.may("audit.read") or caller.may("exports.approve")


def check_visible(export: Export, subject: str, *, auditor: bool) -> None:
    """Raises Forbidden for another manager's export, unless the subject may see those of others."""
    if export.requested_by != subject and not auditor:
        raise Forbidden(
            "This is another manager's export. Seeing it needs the permission `audit.read`.",
            extra={"permissions": ["audit.read"]},
        )
