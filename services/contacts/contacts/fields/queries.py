"""Reads of fields."""

from common.events.contacts import FieldDefinition
from common.postgres import Database
from contacts.channel import store as channel_store
from contacts.fields import store as field_store
from contacts.fields.built_in import BUILT_IN_FIELDS, no_field


class Queries:
    """What can be read of a channel's fields."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fields(self, channel: str) -> list[FieldDefinition]:
        """All fields in the channel's order, built-ins too."""
        return [definition for definition, _ in (await self.ordered(channel))[0]]

    async def ordered(self, channel: str) -> tuple[list[tuple[FieldDefinition, int]], int]:
        """The fields with their versions, 0 for a built-in one that nobody has changed; and the version of their order.

        That is read first: never a newer one than that of what is shown.
        """
        async with self._database.connection() as connection:
            order = await channel_store.fields_order(connection, channel)
            written = await field_store.fields(connection, channel)
        all_ = {key: (definition, 0) for key, definition in BUILT_IN_FIELDS.items()} | written
        return sorted(all_.values(), key=lambda each: (each[0].order, each[0].key)), order

    async def field(self, channel: str, key: str) -> tuple[FieldDefinition, int]:
        """One field and its version. Raises NotFound."""
        for definition, version in (await self.ordered(channel))[0]:
            if definition.key == key:
                return definition, version
        raise no_field()
