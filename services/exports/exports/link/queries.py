"""What the page asks for."""

from uuid import UUID

from common.clock import Clock
from common.postgres import Database
from exports.link import store
from exports.link.facts import Facts, facts_of


class Links:
    """Reads what anybody may see who has an export's address."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def facts(self, export_id: UUID) -> Facts | None:
        """What may be told of an export; None where there is none."""
        async with self._database.connection() as connection:
            export = await store.of_link(connection, export_id)
        return None if export is None else facts_of(export, self._clock.now())
