"""Messages written in the transaction of their cause; the relay sends them after it."""

import asyncio
from collections.abc import Sequence

import asyncpg

from common.envelope import Message
from common.errors import Unavailable
from common.partition import SHARDS, partition_of
from common.postgres import Connection, Tx

# The transaction has its number before its rows have ids: the relay counts on that.
_PUT = """
with writing as materialized (select pg_current_xact_id() as xid, last_value as tray from outbox_tray)
insert into outbox (xid, id, tray, shard, topic, key, value, headers)
select writing.xid, nextval('outbox_id'), writing.tray, message.*
from writing, unnest($1::smallint[], $2::text[], $3::text[], $4::bytea[], $5::json[]) as message
"""
_WRITING = "select pg_current_xact_id() as xid, last_value as tray from outbox_tray"
_COPIED = ("xid", "tray", "shard", "topic", "key", "value", "headers")
_MANY = 50
"""So many rows are copied, at one question more."""
# What was sent lies there until its tray is emptied, so a scan of it all is never right, whatever the planner guesses of tables
# that nobody analyses.
_BY_INDEX, _AS_BEFORE = "set local enable_seqscan = off", "set local enable_seqscan to default"
_TAKE_BACK = """
delete from outbox using unnest($1::text[]) as gone (key)
where hashtext(outbox.key) = hashtext(gone.key) and outbox.key = gone.key and outbox.topic = any($2::text[])
"""
_TAKE_BACK_ASIDE = "delete from outbox_aside where key = any($1::text[]) and topic = any($2::text[])"
_NOW = "select pg_current_snapshot() as snapshot, last_value as last from outbox_id"
_WAITS = "select exists (select from outbox_waiting where id <= $2::bigint and pg_visible_in_snapshot(xid, $1::pg_snapshot))"
_COUNT = "select count(*) from (select from outbox_waiting limit $1::bigint) waiting"
_SENDING_SECONDS, _POLL_SECONDS = 10.0, 0.02


async def put(tx: Tx, messages: Sequence[Message]) -> None:
    """Add messages to the outbox at once, in their order."""
    if not messages:
        return
    if len(messages) >= _MANY:
        xid, tray = await tx.fetchrow(_WRITING)  # type: ignore[misc]  # a sequence has a row
        rows = [(xid, tray, partition_of(m.key, SHARDS), m.topic, m.key, m.value, m.headers) for m in messages]
        await tx.copy_records_to_table("outbox", records=rows, columns=_COPIED)
        return
    await tx.execute(
        _PUT,
        [partition_of(m.key, SHARDS) for m in messages],
        [m.topic for m in messages],
        [m.key for m in messages],
        [m.value for m in messages],
        [m.headers for m in messages],
    )


async def take_back(tx: Tx, keys: Sequence[str], topics: Sequence[str]) -> None:
    """Delete what these topics' messages of these keys have in the outbox: waiting, sent or put aside."""
    await tx.execute(_BY_INDEX)
    await tx.execute(_TAKE_BACK, keys, topics)
    await tx.execute(_AS_BEFORE)
    await tx.execute(_TAKE_BACK_ASIDE, keys, topics)


async def all_sent(connection: Connection) -> None:
    """Returns when every message committed before this call is with Kafka. Raises Unavailable after 10 seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _SENDING_SECONDS
    now = await connection.fetchrow(_NOW)
    assert now is not None, "a sequence has a row"
    while await _waits(connection, now):
        if loop.time() > deadline:
            raise Unavailable("Changes wait to be handed over to Kafka. Try again in a moment.", code="notCaughtUp")
        await asyncio.sleep(_POLL_SECONDS)


async def waiting(connection: Connection, most: int) -> int:
    """How many messages wait to be sent; no more than so many are counted."""
    async with connection.transaction():
        await connection.execute(_BY_INDEX)
        count: int = await connection.fetchval(_COUNT, most)
    return count


async def _waits(connection: Connection, before: asyncpg.Record) -> bool:
    async with connection.transaction():
        await connection.execute(_BY_INDEX)
        waits: bool = await connection.fetchval(_WAITS, before["snapshot"], before["last"])
    return waits
