"""Switches a destination off that cannot be told any more, and says so to whoever made it."""

from datetime import datetime
from uuid import UUID

from common.postgres import Tx
from notify.destinations.destination import Destination, switched_off
from notify.destinations.store import Destinations
from notify.reactions import destination_off
from notify.room import store as rooms
from notify.room.store import Told


async def switch_off(
    tx: Tx, destinations: Destinations, destination: Destination, now: datetime, problem: str, message_id: UUID
) -> None:
    """The caller has the destination locked."""
    off = switched_off(destination, now, None, problem)
    await destinations.keep(tx, off)
    notice = destination_off(destination.created_by, destination.kind, destination.host, problem)
    await rooms.put(tx, [Told(destination.channel, f"off/{destination.id}/{off.version}", message_id, now, notice)])
