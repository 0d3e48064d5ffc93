"""What happened, written down: the events, the states after them and the messages that tell of them, for every command alike."""

from collections.abc import Sequence

from common import eventstore, outbox
from common.partition import partition_of
from common.position import Position, last_by_partition
from contacts import publish, store
from contacts.publish import Step
from contacts.store import Tx


async def append(tx: Tx, channel: str, steps: Sequence[Step], by: str, cause: str) -> Position:
    """Append the steps of any number of contacts, whose rows the caller holds locked, each contact's in their order.

    Which fields are archived is read last, with the rows already locked: an archiving that commits later finds these
    contacts when it sets their values aside, and one that committed before is seen here.
    """
    latest = {s.after.id: s.after for s in steps}
    if steps:
        await eventstore.append(tx, publish.recorded(channel, steps, by, cause))
        await store.save(tx, channel, list(latest.values()), by)
        await outbox.put(tx, publish.contact_messages(channel, steps, await store.archived_keys(tx, channel)))
    return last_by_partition((partition_of(f"{channel}/{s.after.id}"), publish.applied(s.after)) for s in steps)
