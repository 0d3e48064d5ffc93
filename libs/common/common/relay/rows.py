"""Reads of the outbox, and notes of what is sent. What they cost depends on the rows that wait, not on those that were sent."""

from collections.abc import Collection
from dataclasses import dataclass

import asyncpg

from common.envelope import Message
from common.postgres import Connection
from common.relay.sent import NOTHING, Held, Mark, Sent, Snapshot, gone_on, late

BATCH, BYTES = 2000, 16 * 1024 * 1024
"""Of what is sent at once."""

# What is sent stays until its tray is emptied, so a scan of a whole table is never right, whatever the planner guesses of tables
# that nobody analyses. A note that is lost with the server makes rows be sent again, so it need not be waited for. A relay that
# stands still or is cut off is thrown out, with its locks: on a tray that it empties within 3 seconds, on its shards within 25.
_SETTINGS = """
select set_config('enable_seqscan', 'off', false), set_config('enable_bitmapscan', 'off', false),
    set_config('plan_cache_mode', 'force_generic_plan', false), set_config('synchronous_commit', 'off', false),
    set_config('idle_in_transaction_session_timeout', '3s', false), set_config('tcp_user_timeout', '25s', false),
    set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),
    set_config('tcp_keepalives_count', '3', false)
"""
_CLUSTER = "select system_identifier from pg_control_system()"
_LAST_ID = "select last_value from outbox_id"
_LOOK = "select snapshot, last from outbox_look($1::pg_snapshot, $2::bigint, $3::float8, $4::float8)"

_ROW = "topic, key, value, headers, shard, id"
_SIZE = "coalesce(octet_length(value), 0)"
_FRESH = f"""
select {_ROW} from outbox
where id > greatest($1::bigint, $4::bigint) and id <= $5::bigint and xid >= $6::xid8
    and pg_visible_in_snapshot(xid, $7::pg_snapshot) and shard = any($2::smallint[])
order by id limit $3::int
"""  # noqa: S608 - the names of columns
_LATE = f"""
select {", ".join(f"o.{name}" for name in _ROW.split(", "))} from unnest($9::xid8[]) as late (xid) cross join lateral (
    select {_ROW} from outbox
    where outbox.xid = late.xid and id > $1::bigint and shard = any($2::smallint[]) order by id limit $3::int
) o
"""  # noqa: S608


def _page(rows: str) -> str:
    return f"""
    select {_ROW} from (
        select {_ROW}, sum({_SIZE}) over (order by id rows unbounded preceding) - {_SIZE} as before
        from ({rows}) page
    ) summed where before < $8::bigint order by id
    """  # noqa: S608


_PAGE = _page(_FRESH)
_PAGE_WITH_LATE = _page(f"select {_ROW} from (({_LATE}) union all ({_FRESH})) either order by id limit $3::int")  # noqa: S608

_LOAD = """
select shards, until, until_floor, toward, toward_floor, toward_ceiling, reached from outbox_sent_now
where shards && $1::smallint[]
"""
_NOTE = """
insert into outbox_sent (id, tray, cluster, shards, until, until_floor, toward, toward_floor, toward_ceiling, reached)
select nextval('outbox_sent_id'), (select last_value from outbox_tray), $1::bigint, $2::smallint[], $3::pg_snapshot, $4::bigint,
    $5::pg_snapshot, $6::bigint, $7::bigint, $8::bigint
"""
_PUT_ASIDE = """
with row as (delete from outbox where id = $1)
insert into outbox_aside (id, shard, topic, key, value, headers, reason) values ($1, $2, $3, $4, $5, $6, $7)
"""
_FORGET_ASIDE = "delete from outbox_aside where key = any($1::text[])"

# Numbers of transactions mean nothing in another cluster. Rows that came by a dump from one that was further would wait for long.
_FOREIGN = "select exists (select from outbox where xid >= pg_snapshot_xmax(pg_current_snapshot()))"
_ALONE = "lock table outbox in share row exclusive mode"
_RENUMBER = "update outbox set xid = pg_current_xact_id() where xid >= pg_snapshot_xmax(pg_current_snapshot())"


@dataclass(frozen=True, slots=True)
class Wait:
    """For how long rows are waited for, and the pause from look to look."""

    pause: float
    seconds: float


AT_ONCE = Wait(0, 0)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows as messages, in the order of their ids, and what is sent once they are; `more` where others wait behind them."""

    messages: list[Message]
    ids: list[int]
    then: Held
    more: bool


async def prepare(connection: Connection) -> int:
    """Make the connection read as it should; answers the cluster that transactions are numbered in."""
    await connection.execute(_SETTINGS)
    if await connection.fetchval(_FOREIGN):
        async with connection.transaction():
            await connection.execute(_ALONE)
            await connection.execute(_RENUMBER)
    cluster: int = await connection.fetchval(_CLUSTER)
    return cluster


async def last_id(connection: Connection) -> int:
    """The last id that was given to a row, committed or not."""
    last: int = await connection.fetchval(_LAST_ID)
    return last


async def mark(connection: Connection, floor: int, known: Mark | None = None, wait: Wait = AT_ONCE) -> Mark:
    """This moment, as soon as rows may have come since the `known` one, or once it was waited for them.

    `floor` is a last id that was read before a transaction of one's own, which is over.
    """
    asked = (None, 0) if known is None else (known.snapshot, known.floor)
    now = await connection.fetchrow(_LOOK, *asked, wait.pause, wait.seconds)
    assert now is not None, "it answers one row"
    return Mark(Snapshot(*now["snapshot"]), floor, now["last"])


async def page(connection: Connection, held: Held) -> Page:
    """The first rows that wait on the way to the moment that is to be reached, as many as are sent at once."""
    sent, toward = held.sent, held.sent.toward
    assert toward is not None, "there is a moment to be reached"
    came_late = late(sent)
    found = await connection.fetch(
        _PAGE_WITH_LATE if came_late else _PAGE,
        sent.reached, held.shards, BATCH, sent.until.floor, toward.ceiling, sent.until.snapshot.end, toward.snapshot, BYTES,
        *([came_late] if came_late else []),
    )  # fmt: skip
    messages = [Message(topic, key, value, headers, shard) for topic, key, value, headers, shard, _ in found]
    ids = [row["id"] for row in found]
    more = len(found) == BATCH or sum(len(m.value or b"") for m in messages) >= BYTES
    return Page(messages, ids, Held(held.shards, gone_on(sent, ids[-1] if more else None)), more)


async def load(connection: Connection, shards: Collection[int]) -> list[Held]:
    """How far these shards are sent, as it was noted last."""
    return [
        Held(tuple(s for s in row["shards"] if s in shards), _read(row)) for row in await connection.fetch(_LOAD, list(shards))
    ]


def _read(row: asyncpg.Record) -> Sent:
    until = Mark(Snapshot(*row["until"]), row["until_floor"], NOTHING.until.ceiling)
    if row["toward"] is None:
        return Sent(until)
    return Sent(until, Mark(Snapshot(*row["toward"]), row["toward_floor"], row["toward_ceiling"]), row["reached"])


async def note(connection: Connection, cluster: int, held: Held) -> None:
    """Note how far these shards are sent."""
    sent, toward = held.sent, held.sent.toward
    way = (None, None, None) if toward is None else (toward.snapshot, toward.floor, toward.ceiling)
    await connection.execute(_NOTE, cluster, held.shards, sent.until.snapshot, sent.until.floor, *way, sent.reached)


async def put_aside(connection: Connection, row: int, m: Message, reason: str) -> None:
    """Take a row out, for an operator to look at."""
    await connection.execute(_PUT_ASIDE, row, m.partition, m.topic, m.key, m.value, m.headers, reason)


async def forget_aside(connection: Connection, keys: Collection[str]) -> None:
    """Forget what was put aside of these keys."""
    await connection.execute(_FORGET_ASIDE, list(keys))
