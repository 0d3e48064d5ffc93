"""Reads of the deliveries."""

from uuid import UUID

from common.auth import Caller
from common.postgres import Database
from notify.deliveries import store
from notify.deliveries.delivery import Status
from notify.deliveries.store import Shown


class Queries:
    """What can be read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def listed(
        self, caller: Caller, status: Status | None, destination: UUID | None, before: UUID | None, limit: int
    ) -> list[Shown]:
        """Deliveries, newest first."""
        async with self._database.connection() as connection:
            return await store.listed(connection, caller.channel, status, destination, before, limit)
