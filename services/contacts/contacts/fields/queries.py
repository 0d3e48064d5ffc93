"""Reads of fields."""

from common.events.contacts import FieldDefinition
from common.postgres import Database
from contacts.fields import store as field_store
from contacts.fields.built_in import BUILT_IN_FIELDS


class Queries:
    """What can be read of a channel's fields."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fields(self, channel: str) -> list[FieldDefinition]:
        """All fields in the channel's order, built-ins too."""
        async with self._database.connection() as connection:
            written = {key: d for key, (d, _) in (await field_store.fields(connection, channel)).items()}
        return sorted({**BUILT_IN_FIELDS, **written}.values(), key=lambda d: (d.order, d.key))
