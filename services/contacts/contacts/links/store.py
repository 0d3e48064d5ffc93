"""The table of links: kept a year after their last use, and for as long as a view is made of them."""

from datetime import datetime

from pydantic import JsonValue

from common.postgres import Tx

_KEEP = """
insert into link (channel, id, content, used_at) values ($1, $2, $3, $4) on conflict (channel, id) do nothing returning id
"""
_READ = "select content from link where channel = $1 and id = $2"
_USE = "update link set used_at = $3 where channel = $1 and id = $2 and used_at < $4"
_PURGE = """
delete from link where (channel, id) in (
    select l.channel, l.id from link l
    where l.used_at < $1 and not exists (select from list_view v where v.channel = l.channel and v.link = l.id)
    limit $2 for update skip locked
)
"""
_AT_ONCE = 1000


async def keep(tx: Tx, channel: str, link_id: str, content: dict[str, JsonValue], now: datetime) -> bool:
    """Keep a link; answers whether it is new."""
    return await tx.fetchval(_KEEP, channel, link_id, content, now) is not None


async def read(tx: Tx, channel: str, link_id: str) -> dict[str, JsonValue] | None:
    """The content of a link."""
    content: dict[str, JsonValue] | None = await tx.fetchval(_READ, channel, link_id)
    return content


async def use(tx: Tx, channel: str, link_id: str, now: datetime, noted_before: datetime) -> None:
    """Note that a link was used, where the last note is older than that."""
    await tx.execute(_USE, channel, link_id, now, noted_before)


async def purge(tx: Tx, before: datetime) -> bool:
    """Delete links that nobody has used since then; answers whether there may be more."""
    return await tx.execute(_PURGE, before, _AT_ONCE) == f"DELETE {_AT_ONCE}"
