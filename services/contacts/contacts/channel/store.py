"""The channels' settings."""

from datetime import datetime

from common.epoch import lifted
from common.events.contacts import Channel
from common.postgres import Tx
from contacts.epochs import store as epoch

_NEW_CHANNEL = """
insert into channel (channel, settings, version, created_at) values ($1, $2, $4, $3) on conflict do nothing returning version
"""
_CHANNEL = "select settings, version, (select number from epoch) as epoch from channel where channel = $1"
_ORDER = "select fields_order from channel where channel = $1"
_NEXT_ORDER = "update channel set fields_order = fields_order + 1 where channel = $1 returning fields_order"
_SAVE_CHANNEL = "update channel set settings = $2, version = $3 where channel = $1"


async def make_channel(tx: Tx, channel: str, settings: Channel, at: datetime) -> int | None:
    """Make the channel with these settings; answers their version, None where it is there already."""
    made: int | None = await tx.fetchval(_NEW_CHANNEL, channel, settings.encode(), at, lifted(1, await epoch.number(tx)))
    return made


async def load_channel(tx: Tx, channel: str, *, lock: bool = False) -> tuple[Channel, int]:
    """The settings and their version."""
    row = await tx.fetchrow(_CHANNEL + (" for update" if lock else ""), channel)
    assert row is not None, "a channel is made before anything else of it is asked"
    return Channel.of(row["settings"]), lifted(row["version"], row["epoch"])


async def save_channel(tx: Tx, channel: str, settings: Channel, version: int) -> None:
    """Keep changed settings."""
    await tx.execute(_SAVE_CHANNEL, channel, settings.encode(), version)


async def fields_order(tx: Tx, channel: str) -> int:
    """The version of the order of the channel's fields."""
    return int(await tx.fetchval(_ORDER, channel))


async def next_fields_order(tx: Tx, channel: str) -> int:
    """The next version of that order. The channel's row is locked."""
    return int(await tx.fetchval(_NEXT_ORDER, channel))
