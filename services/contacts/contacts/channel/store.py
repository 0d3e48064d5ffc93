"""The channels' settings."""

from datetime import datetime

from common.events.contacts import Channel
from common.postgres import Tx

_NEW_CHANNEL = """
insert into channel (channel, settings, version, created_at) values ($1, $2, 1, $3) on conflict do nothing returning version
"""
_CHANNEL = "select settings, version from channel where channel = $1"
_ORDER = "select fields_order from channel where channel = $1"
_NEXT_ORDER = "update channel set fields_order = fields_order + 1 where channel = $1 returning fields_order"
_SAVE_CHANNEL = "update channel set settings = $2, version = $3 where channel = $1"


async def make_channel(tx: Tx, channel: str, settings: Channel, at: datetime) -> bool:
    """Make the channel with these settings; False where it is there already."""
    return await tx.fetchval(_NEW_CHANNEL, channel, settings.encode(), at) is not None


async def load_channel(tx: Tx, channel: str, *, lock: bool = False) -> tuple[Channel, int]:
    """The settings and their version."""
    row = await tx.fetchrow(_CHANNEL + (" for update" if lock else ""), channel)
    assert row is not None, "a channel is made before anything else of it is asked"
    return Channel.of(row["settings"]), row["version"]


async def save_channel(tx: Tx, channel: str, settings: Channel, version: int) -> None:
    """Keep changed settings."""
    await tx.execute(_SAVE_CHANNEL, channel, settings.encode(), version)


async def fields_order(tx: Tx, channel: str) -> int:
    """The version of the order of the channel's fields."""
    return int(await tx.fetchval(_ORDER, channel))


async def next_fields_order(tx: Tx, channel: str) -> int:
    """The next version of that order. The channel's row is locked."""
    return int(await tx.fetchval(_NEXT_ORDER, channel))
