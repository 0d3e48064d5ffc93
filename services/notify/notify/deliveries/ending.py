"""Ends what destinations are told of a segment that is no more: the last counts, that it was deleted, and nothing after it."""

from datetime import datetime
from uuid import UUID

from common.ids import Ids
from common.postgres import Tx
from notify.announcing import deleted
from notify.deliveries import gathering, store
from notify.deliveries.delivery import Status
from notify.deliveries.store import Addressed
from notify.destinations.destination import Destination, without_segment
from notify.destinations.store import Destinations
from notify.reactions import segment_gone
from notify.room import store as rooms
from notify.room.store import Told

SEGMENT_GONE = "The segment that it tells of was deleted."


async def end_segment(
    tx: Tx, destinations: Destinations, channel: str, segment: UUID, event_id: str, at: datetime, now: datetime, ids: Ids
) -> None:
    """A destination that is told of nothing else is switched off once it has heard that (`round`); others go on without it.

    Whoever calls this has the segment for itself (`Destinations.alone`).
    """
    await destinations.note_gone(tx, channel, segment, now)
    name = await destinations.name_of(tx, channel, segment) or str(segment)
    told = await destinations.of_segment(tx, channel, segment)
    await gathering.tell_last(tx, channel, segment, now, ids)
    for destination in told:
        if destination.active or destination.disabled_by is None:
            status = Status.WAITING if destination.active else Status.PARKED
            last = Addressed(channel, destination.id, ids(), event_id, at, deleted(str(segment), name), status)
            await store.add(tx, [last], now)
        if not destination.of_segment_alone:
            await _go_on(tx, destinations, destination, name, now, ids)


async def _go_on(tx: Tx, destinations: Destinations, destination: Destination, name: str, now: datetime, ids: Ids) -> None:
    after = without_segment(destination)
    await destinations.keep(tx, after)
    await destinations.unwatch(tx, destination.channel)
    notice = segment_gone(destination.created_by, destination.kind, destination.host, name)
    await rooms.put(tx, [Told(destination.channel, f"gone/{destination.id}/{after.version}", ids(), now, notice)])
