"""The one command on a room: its manager has read it."""

from uuid import UUID

from common.auth import Caller
from common.clock import Clock
from common.errors import NotFound
from notify.room.store import Store


class Rooms:
    """The commands."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def read(self, caller: Caller, until: UUID) -> int:
        """All messages up to this one are read; answers how many are not. Raises NotFound where the room has no such."""
        number = await self._store.number(caller.channel, caller.subject, until)
        if number is None:
            raise NotFound("There is no such message in your room.")
        return await self._store.read(caller.channel, caller.subject, number, self._clock.now())
