"""Reads of the destinations."""

from collections.abc import Sequence
from uuid import UUID

from common.auth import Caller
from common.postgres import Database
from notify.destinations.destination import no_destination
from notify.destinations.store import Destinations, Seen


class Queries:
    """What can be read."""

    def __init__(self, database: Database, store: Destinations) -> None:
        self._database = database
        self._store = store

    async def listed(self, caller: Caller, after: UUID | None, limit: int) -> list[Seen]:
        """The channel's destinations in the order of making."""
        async with self._database.connection() as connection:
            return await self._store.listed(connection, caller.channel, after, limit)

    async def one(self, caller: Caller, destination_id: UUID) -> Seen:
        """One destination. Raises NotFound."""
        async with self._database.connection() as connection:
            seen = await self._store.seen(connection, caller.channel, destination_id)
        if seen is None:
            raise no_destination()
        return seen

    async def told_of(self, caller: Caller, segments: Sequence[UUID]) -> list[dict[str, str]]:
        """The destinations that are told of these segments, in the order of making."""
        async with self._database.connection() as connection:
            found = await self._store.told_of(connection, caller.channel, segments)
        return [
            {
                "segmentId": str(row["segment_id"]), "id": str(row["id"]), "kind": row["kind"],
                "state": "active" if row["active"] else "disabled",
            }
            for row in found
        ]  # fmt: skip
