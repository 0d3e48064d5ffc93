"""Reads of fields."""

from common.postgres import Database
from contacts.channel import store as channel_store
from contacts.fields import store as field_store
from contacts.fields.answers import ShownField
from contacts.fields.built_in import BUILT_IN_FIELDS, no_field


class Queries:
    """What can be read of a channel's fields."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fields(self, channel: str) -> list[ShownField]:
        """All fields in the channel's order, built-ins too."""
        return (await self.ordered(channel))[0]

    async def ordered(self, channel: str) -> tuple[list[ShownField], int]:
        """The fields, and the version of their order, which is read first: never a newer one than that of what is shown."""
        async with self._database.connection() as connection:
            order = await channel_store.fields_order(connection, channel)
            written = await field_store.fields(connection, channel)
        all_ = {key: (definition, 0) for key, definition in BUILT_IN_FIELDS.items()} | written
        shown = [ShownField(**definition.model_dump(), version=version) for definition, version in all_.values()]
        return sorted(shown, key=lambda d: (d.order, d.key)), order

    async def field(self, channel: str, key: str) -> ShownField:
        """One field. Raises NotFound."""
        for each in await self.fields(channel):
            if each.key == key:
                return each
        raise no_field()
