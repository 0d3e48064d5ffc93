"""Commands on a channel's settings, and on its managed-user limit."""

from collections.abc import Callable

from common import outbox
from common.auth import Caller
from common.clock import Clock
from common.events.contacts import Channel
from common.position import Position
from common.postgres import Database
from contacts.channel import store as channel_store
from contacts.channel.publish import channel_message, channel_position
from contacts.managed_users import store as managed_users_store

NEW_CHANNEL = Channel()


class Channels:
    """The commands on channels."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._known: set[str] = set()

    async def ensure(self, channel: str) -> None:
        """A channel exists from the first valid token that names it."""
        if channel in self._known:
            return
        async with self._database.transaction() as tx:
            now = self._clock.now()
            if await channel_store.make_channel(tx, channel, NEW_CHANNEL, now):
                await outbox.put(tx, [channel_message(channel, NEW_CHANNEL, 1, now)])
        self._known.add(channel)

    async def change(self, caller: Caller, update: Callable[[Channel], Channel]) -> Position:
        """Change the channel's settings."""
        async with self._database.transaction() as tx:
            settings, version = await channel_store.load_channel(tx, caller.channel, lock=True)
            changed = update(settings)
            if changed != settings:
                version += 1
                await channel_store.save_channel(tx, caller.channel, changed, version)
                await outbox.put(tx, [channel_message(caller.channel, changed, version, self._clock.now())])
        where = channel_position(version)
        return where if changed == settings else where.wrote()

    async def limit_users(self, caller: Caller, limit: int | None) -> None:
        """Give the channel another managed-user limit, or none. Those who are hidden are shown again as there is room."""
        async with self._database.transaction() as tx:
            await managed_users_store.set_limit(tx, caller.channel, limit, self._clock.now())
