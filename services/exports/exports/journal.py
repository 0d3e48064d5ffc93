"""What happened, written down: an export's events, its state after them and the messages that tell of them."""

from collections.abc import Sequence
from datetime import datetime

from common import eventstore, outbox
from common.envelope import Message
from common.postgres import Tx
from common.recorded import Recorded
from exports import store
from exports.events import Event
from exports.export import Export, evolve
from exports.publish import export_message
from exports.store import Needed


async def append(
    tx: Tx, before: Export | None, events: Sequence[Event], at: datetime, by: str, *, needed: Needed | None = None
) -> Export:
    """Write what an export is after these events, the events and their messages; `needed` comes with a new one. Raises Lost."""
    after, recorded, messages = before, list[Recorded](), list[Message]()
    for event in events:
        after = evolve(after, event)
        recorded.append(Recorded(after.channel, after.id, after.version, event.type, event.encode(), at, by, "export"))
        messages.append(export_message(after, event, at))
    assert after is not None, "there is an export or an event that makes it one"
    if before is None:
        assert needed is not None, "a new export is given with what its work needs"
        await store.insert(tx, after, needed)
    elif events:
        await store.update(tx, before.version, after)
    await eventstore.append(tx, recorded)
    await outbox.put(tx, messages)
    return after
