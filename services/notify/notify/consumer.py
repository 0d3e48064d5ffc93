"""exports.v1 into the managers' rooms: each event told once, however often it is delivered."""

from collections.abc import Sequence
from dataclasses import dataclass

from common.clock import Clock
from common.envelope import Delivered, UnreadableMessage
from common.events.exports import ExportMessage
from common.events.wire import read
from common.ids import Ids
from notify.reactions import react
from notify.room.store import Delivery, Store

_NUL = rb"\u0000"
"""As JSON writes it."""


@dataclass(frozen=True, slots=True)
class Item:
    """A decoded message and the id that every delivery of it carries."""

    channel: str
    event_id: str
    message: ExportMessage


def decode(delivered: Delivered) -> Item:
    """Read a message of exports.v1. Raises UnreadableMessage."""
    item = Item(delivered.channel, delivered.id, read(ExportMessage, delivered))
    if _NUL in (delivered.value or b"") or "\0" in delivered.key + delivered.id:
        raise UnreadableMessage("a text holds NUL, which no table takes")
    return item


class Notifier:
    """Applies batches."""

    def __init__(self, store: Store, public_url: str, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._public_url = public_url
        self._clock = clock
        self._ids = ids

    async def apply(self, items: Sequence[Item]) -> None:
        """Put what managers are told into their rooms."""
        now = self._clock.now()
        deliveries = [
            Delivery(item.channel, item.event_id, self._ids(), now, notice)
            for item in items
            if (notice := react(item.message.event, self._public_url)) is not None
        ]
        if deliveries:
            await self._store.add(deliveries)
