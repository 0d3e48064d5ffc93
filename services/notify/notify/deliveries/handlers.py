"""A manager sends again what was parked."""

from uuid import UUID

from common.auth import Caller
from common.clock import Clock
from common.errors import Conflict, NotFound
from common.postgres import Database, Tx
from notify.deliveries import store
from notify.deliveries.delivery import Status
from notify.deliveries.store import Shown
from notify.destinations.destination import no_destination
from notify.destinations.store import Destinations


class Deliveries:
    """The commands."""

    def __init__(self, database: Database, destinations: Destinations, clock: Clock) -> None:
        self._database = database
        self._destinations = destinations
        self._clock = clock

    async def resend(self, caller: Caller, delivery_id: UUID) -> Shown:
        """Try one anew. Raises NotFound, and Conflict where it is not parked or its destination is switched off."""
        async with self._database.transaction() as tx:
            found = await store.load(tx, caller.channel, delivery_id)
            if found is None:
                raise NotFound("There is no such delivery.")
            if found.delivery.status is not Status.PARKED:
                detail = "Only what is parked is sent again. This was delivered, or is still being tried."
                raise Conflict(detail, code="notParked", extra={"deliveryStatus": found.delivery.status})
            await self._check_active(tx, caller, found.destination_id)
            await store.again(tx, caller.channel, found.destination_id, delivery_id, self._clock.now())
            after = await store.load(tx, caller.channel, delivery_id)
            assert after is not None, "it is locked"
            return after

    async def resend_all(self, caller: Caller, destination_id: UUID) -> int:
        """Try all that is parked for a destination anew; answers how many. Raises NotFound, Conflict."""
        async with self._database.transaction() as tx:
            await self._check_active(tx, caller, destination_id)
            return await store.again(tx, caller.channel, destination_id, None, self._clock.now())

    async def _check_active(self, tx: Tx, caller: Caller, destination_id: UUID) -> None:
        destination = await self._destinations.load(tx, caller.channel, destination_id)
        if destination is None:
            raise no_destination()
        if not destination.active:
            raise Conflict("This destination is switched off. Switch it on first.", code="destinationDisabled")
