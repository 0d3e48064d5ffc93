"""The export's life as events: what the event store keeps and what exports.v1 tells."""

from datetime import datetime
from uuid import UUID, uuid5

from common import eventstore, outbox
from common.envelope import message
from common.events.exports import (
    ExportCancelled,
    ExportCompleted,
    ExportDownloaded,
    ExportEvent,
    ExportExpired,
    ExportFailed,
    ExportMessage,
    ExportProgressed,
    ExportRequested,
    ExportRevoked,
)  # fmt: skip
from common.eventstore import Recorded, as_data
from common.telemetry import trace_headers
from common.topics import EXPORTS
from exports import store
from exports.export import Export, Status
from exports.store import Tx

_NAMES = UUID("0b9ad7b1-9d35-4d7c-8b1e-6a8f7d5c2e10")


def event_of(export: Export, at: datetime, *, downloaded: bool = False) -> ExportEvent:
    """What an export's latest change means to others."""
    who, by = export.id, export.requested_by
    if downloaded:
        return ExportDownloaded(export_id=who, requested_by=by, at=at)
    match export.status:
        case Status.WAITING if export.version == 1:
            return ExportRequested(export_id=who, requested_by=by, at=at)
        case Status.READY:
            assert export.manifest is not None
            assert export.expires_at is not None
            return ExportCompleted(export_id=who, requested_by=by, at=at, rows=export.manifest.rows, expires_at=export.expires_at)
        case Status.FAILED:
            return ExportFailed(export_id=who, requested_by=by, at=at, problem=export.problem or "")
        case Status.CANCELLED:
            return ExportCancelled(export_id=who, requested_by=by, at=at)
        case Status.EXPIRED:
            return ExportExpired(export_id=who, requested_by=by, at=at)
        case Status.REVOKED:
            return ExportRevoked(export_id=who, requested_by=by, at=at)
        case _:
            done, total = export.rows_done, export.rows_total or 0
            return ExportProgressed(export_id=who, requested_by=by, at=at, rows_done=done, rows_total=total)


async def keep(tx: Tx, export: Export, at: datetime, by: str, *, lock: bytes | None = None, downloaded: bool = False) -> None:
    """Write an export's next version, its event and its message; `lock` is given with a new one. Raises Lost."""
    if lock is not None:
        await store.insert(tx, export, lock)
    else:
        await store.update(tx, export)
    event = event_of(export, at, downloaded=downloaded)
    data = as_data(event.encode())
    await eventstore.append(tx, [Recorded(export.channel, export.id, export.version, event.type, data, at, by, "export")])
    told = message(
        EXPORTS, channel=export.channel, subject=str(export.id), source="exports", type=event.type,
        id=uuid5(_NAMES, f"{export.id}/{export.version}"), version=export.version, at=at,
        value=ExportMessage(event=event, version=export.version).encode(), trace=trace_headers(),
    )  # fmt: skip
    await outbox.put(tx, [told])
