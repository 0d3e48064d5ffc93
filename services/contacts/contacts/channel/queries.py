"""Reads of a channel's settings."""

from common.events.contacts import Channel
from common.postgres import Database
from contacts.channel import store as channel_store
from contacts.managed_users import store as managed_users_store
from contacts.managed_users.limit import Users


class Queries:
    """What can be read of a channel."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def channel(self, channel: str) -> tuple[Channel, Users, int]:
        """The settings, how many contacts there are against the limit, and the version of both."""
        async with self._database.connection() as connection:
            settings, version = await channel_store.load_channel(connection, channel)
            return settings, await managed_users_store.look(connection, channel), version
