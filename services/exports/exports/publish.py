"""What exports.v1 tells of an export's life."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from common.clock import to_wire
from common.envelope import Message, message
from common.events import exports as wire
from common.telemetry import trace_headers
from common.topics import EXPORTS
from exports import events as life
from exports.events import Event
from exports.export import Export

_NAMES = UUID("0b9ad7b1-9d35-4d7c-8b1e-6a8f7d5c2e10")
"""Ids of messages are made from export and version under this name, so that a message has one id however often it is made."""


def told(export: Export, event: Event, at: datetime) -> wire.ExportEvent:
    """What an event means to others; `export` is the state after it."""
    common: dict[str, Any] = {"export_id": export.id, "requested_by": export.requested_by, "at": to_wire(at)}
    match event:
        case life.Requested():
            return wire.ExportRequested(**common)
        case life.ApprovalAsked(rows=rows):
            return wire.ExportApprovalAsked(**common, rows=rows)
        case life.Approved(by=by):
            return wire.ExportApproved(**common, rows=_rows_to_approve(export), approved_by=by)
        case life.Declined(by=by, reason=reason):
            return wire.ExportDeclined(**common, rows=_rows_to_approve(export), declined_by=by, problem=reason)
        case life.Completed(manifest=manifest, expires_at=expires_at):
            return wire.ExportCompleted(**common, rows=manifest.rows, expires_at=expires_at)
        case life.Failed(problem=problem, problem_ko=korean):
            return wire.ExportFailed(**common, problem=problem, problem_ko=korean)
        case life.Cancelled():
            return wire.ExportCancelled(**common)
        case life.Downloaded():
            return wire.ExportDownloaded(**common)
        case life.Withdrawn() | life.Expired(problem=str()):
            return wire.ExportWithdrawn(**common)
        case life.Expired():
            return wire.ExportExpired(**common)
        case life.Revoked(by=by):
            return wire.ExportRevoked(**common, revoked_by=by)
        case life.TakenUp() | life.Counted() | life.Progressed() | life.Written() | life.PutBack():
            return wire.ExportProgressed(**common, rows_done=export.rows_done, rows_total=export.rows_total or 0)


def _rows_to_approve(export: Export) -> int:
    assert export.approval is not None, "it is decided after it was asked"
    return export.approval.rows


def export_message(export: Export, event: Event, at: datetime) -> Message:
    """The message of an event; `export` is the state after it."""
    return message(
        EXPORTS, channel=export.channel, subject=str(export.id), source="exports", type=event.type,
        id=uuid5(_NAMES, f"{export.id}/{export.version}"), version=export.version, at=at,
        value=wire.ExportMessage(event=told(export, event, at), version=export.version).encode(), trace=trace_headers(),
    )  # fmt: skip
