"""What exports.v1 tells of an export's life."""

from datetime import datetime
from uuid import UUID, uuid5

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
    common = {"export_id": export.id, "requested_by": export.requested_by, "at": at}
    match event:
        case life.Requested():
            return wire.ExportRequested.model_validate(common)
        case life.Completed(manifest=manifest, expires_at=expires_at):
            return wire.ExportCompleted.model_validate(common | {"rows": manifest.rows, "expires_at": expires_at})
        case life.Failed(problem=problem):
            return wire.ExportFailed.model_validate(common | {"problem": problem})
        case life.Cancelled():
            return wire.ExportCancelled.model_validate(common)
        case life.Downloaded():
            return wire.ExportDownloaded.model_validate(common)
        case life.Withdrawn() | life.Expired(problem=str()):
            return wire.ExportWithdrawn.model_validate(common)
        case life.Expired():
            return wire.ExportExpired.model_validate(common)
        case life.Revoked(by=by):
            return wire.ExportRevoked.model_validate(common | {"revoked_by": by})
        case life.TakenUp() | life.Counted() | life.Progressed() | life.Written() | life.PutBack():
            rows = {"rows_done": export.rows_done, "rows_total": export.rows_total or 0}
            return wire.ExportProgressed.model_validate(common | rows)


def export_message(export: Export, event: Event, at: datetime) -> Message:
    """The message of an event; `export` is the state after it."""
    return message(
        EXPORTS, channel=export.channel, subject=str(export.id), source="exports", type=event.type,
        id=uuid5(_NAMES, f"{export.id}/{export.version}"), version=export.version, at=at,
        value=wire.ExportMessage(event=told(export, event, at), version=export.version).encode(), trace=trace_headers(),
    )  # fmt: skip
