"""Commands on a channel's settings, and on its managed-user limit."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from common import outbox
from common.auth import Caller
from common.clock import Clock
from common.errors import check_expected
from common.events.contacts import Channel
from common.position import Position
from common.postgres import Database, Tx
from contacts.channel import store as channel_store
from contacts.channel.publish import channel_message, channel_position
from contacts.managed_users import store as managed_users_store

NEW_CHANNEL = Channel()


@dataclass(frozen=True, slots=True)
class NewLimit:
    """How many contacts the plan shows; None is any number."""

    users: int | None


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
            if (version := await channel_store.make_channel(tx, channel, NEW_CHANNEL, now)) is not None:
                await outbox.put(tx, [channel_message(channel, NEW_CHANNEL, version, now)])
        self._known.add(channel)

    async def change(
        self, caller: Caller, updates: Mapping[str, object], *, limit: NewLimit | None = None, expected: int | None = None
    ) -> Position:
        """Change some of the settings, the managed-user limit, or both, or nothing at all. Raises StaleVersion.

        Where there is a new limit, those who are hidden are shown again as there is room.
        """
        async with self._database.transaction() as tx:
            settings, version = await channel_store.load_channel(tx, caller.channel, lock=True)
            check_expected(expected, version)
            changed, now = replace(settings, **updates), self._clock.now()
            is_new = limit is not None and await self._limited(tx, caller.channel, limit, now)
            is_new = is_new or changed != settings
            if is_new:
                version += 1
                await channel_store.save_channel(tx, caller.channel, changed, version)
                await outbox.put(tx, [channel_message(caller.channel, changed, version, now)])
        where = channel_position(version)
        return where.wrote() if is_new else where

    async def _limited(self, tx: Tx, channel: str, limit: NewLimit, at: datetime) -> bool:
        """Give the channel the limit; whether it is another than before."""
        if (await managed_users_store.look(tx, channel)).limit == limit.users:
            return False
        await managed_users_store.set_limit(tx, channel, limit.users, at)
        return True
