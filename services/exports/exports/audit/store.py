"""The tables of the audit log: lines that are only added, and each channel's last hash, which follows them by itself."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.postgres import Record, Tx
from exports.audit.chain import Head, Line
from exports.audit.entry import FIRST, Action, Entry

_ALONE = "select pg_advisory_xact_lock(hashtext('audit ' || $1))"
_HEAD = "select number, hash from audit_head where channel = $1"
_ADD = """
insert into audit (channel, number, id, at, by, action, target, outcome, address, detail, hash)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
_LIST = """
select number, id, at, by, action, target, outcome, address, detail, hash from audit
where channel = $1 and ($2::bigint is null or number < $2)
  and ($3::text is null or action = $3) and ($4::text is null or by = $4) and ($5::text is null or target = $5)
  and ($6::timestamptz is null or at >= $6) and ($7::timestamptz is null or at < $7)
order by number desc limit $8
"""
_HEADS = "select channel, number, hash from audit_head where $1::text is null or channel = $1"
_LINES = """
select channel, number, id, at, by, action, target, outcome, address, detail, hash from audit
where $1::text is null or channel = $1 order by channel, number
"""
_MAY_CHANGE = """
select has_table_privilege('audit', 'update, delete, truncate')
    or has_table_privilege('audit_head', 'insert, update, delete, truncate')
    or pg_has_role(relowner, 'usage')
from pg_class where oid = 'audit'::regclass
"""
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines: all where nothing is said; `begin` ≤ at < `end`."""

    action: Action | None = None
    by: str | None = None
    target: str | None = None
    begin: datetime | None = None
    end: datetime | None = None


async def add(tx: Tx, channel: str, entry: Entry) -> None:
    """Add a line; others of the channel wait until the transaction ends, so that each stands on the one before."""
    await tx.execute(_ALONE, channel)
    head = await tx.fetchrow(_HEAD, channel)
    number, before = (0, FIRST) if head is None else (head["number"], head["hash"])
    await tx.execute(
        _ADD, channel, number + 1, entry.id, entry.at, entry.by, entry.action, entry.target, entry.outcome, entry.address,
        entry.detail, entry.hash(before),
    )  # fmt: skip


async def listed(tx: Tx, channel: str, wanted: Wanted, before: int | None, limit: int) -> list[dict[str, Any]]:
    """Lines with their numbers and hashes, newest first."""
    rows = await tx.fetch(
        _LIST, channel, before, wanted.action, wanted.by, wanted.target, wanted.begin, wanted.end, limit,
    )  # fmt: skip
    return [dict(row) for row in rows]


async def heads(tx: Tx, channel: str | None) -> dict[str, Head]:
    """What each channel's last line is to be, or that of one channel."""
    return {row["channel"]: Head(row["number"], row["hash"]) for row in await tx.fetch(_HEADS, channel)}


async def lines(tx: Tx, channel: str | None) -> AsyncIterator[tuple[str, Line]]:
    """Every line, channel after channel, each from its first line on, or those of one channel; some at once."""
    async for row in tx.cursor(_LINES, channel, prefetch=_AT_ONCE):
        yield row["channel"], Line(row["number"], _entry(row), row["hash"])


async def may_change(tx: Tx) -> bool:
    """Whether the role that asks could change or delete lines."""
    return bool(await tx.fetchval(_MAY_CHANGE))


def _entry(row: Record) -> Entry:
    return Entry(
        row["id"], row["at"], row["by"], row["action"], row["target"], row["outcome"], row["address"], row["detail"],
    )  # fmt: skip
