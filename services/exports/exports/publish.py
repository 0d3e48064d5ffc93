"""The export's life as events: what the event store keeps and what exports.v1 tells, written in one transaction."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid5

from common import eventstore, outbox
from common.envelope import Message, message
from common.events import exports as wire
from common.postgres import Tx
from common.recorded import Recorded, as_data
from common.telemetry import trace_headers
from common.topics import EXPORTS
from exports import export as life
from exports import store
from exports.export import Event, Export, evolve
from exports.store import Needed

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
        case life.Expired():
            return wire.ExportExpired.model_validate(common)
        case life.Revoked():
            return wire.ExportRevoked.model_validate(common)
        case life.TakenUp() | life.Counted() | life.Progressed() | life.Written() | life.PutBack():
            rows = {"rows_done": export.rows_done, "rows_total": export.rows_total or 0}
            return wire.ExportProgressed.model_validate(common | rows)


async def keep(
    tx: Tx, before: Export | None, events: Sequence[Event], at: datetime, by: str, *, needed: Needed | None = None
) -> Export:
    """Write what an export is after these events, the events and their messages; `needed` comes with a new one. Raises Lost."""
    after, recorded, messages = before, list[Recorded](), list[Message]()
    for event in events:
        after = evolve(after, event)
        data = as_data(event.encode())
        recorded.append(Recorded(after.channel, after.id, after.version, event.type, data, at, by, "export"))
        messages.append(_message(after, told(after, event, at), at))
    assert after is not None, "there is an export or an event that makes it one"
    if before is None:
        assert needed is not None, "a new export is given with what its work needs"
        await store.insert(tx, after, needed)
    elif events:
        await store.update(tx, before.version, after)
    await eventstore.append(tx, recorded)
    await outbox.put(tx, messages)
    return after


def _message(export: Export, event: wire.ExportEvent, at: datetime) -> Message:
    return message(
        EXPORTS, channel=export.channel, subject=str(export.id), source="exports", type=event.type,
        id=uuid5(_NAMES, f"{export.id}/{export.version}"), version=export.version, at=at,
        value=wire.ExportMessage(event=event, version=export.version).encode(), trace=trace_headers(),
    )  # fmt: skip
