"""The tables of the audit log: lines that are only added, and each channel's last hash."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.postgres import Tx
from exports.audit.entry import FIRST, Action, Entry

_BEGIN = "insert into audit_head (channel, number, hash) values ($1, 0, $2) on conflict do nothing"
_HEAD = "select number, hash from audit_head where channel = $1 for update"
_MOVE = "update audit_head set number = $2, hash = $3 where channel = $1"
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
    await tx.execute(_BEGIN, channel, FIRST)
    head = await tx.fetchrow(_HEAD, channel)
    assert head is not None, "the head was made"
    number, hash_ = head["number"] + 1, entry.hash(head["hash"])
    await tx.execute(
        _ADD, channel, number, entry.id, entry.at, entry.by, entry.action, entry.target, entry.outcome, entry.address,
        entry.detail, hash_,
    )  # fmt: skip
    await tx.execute(_MOVE, channel, number, hash_)


async def listed(tx: Tx, channel: str, wanted: Wanted, before: int | None, limit: int) -> list[dict[str, Any]]:
    """Lines with their numbers and hashes, newest first."""
    rows = await tx.fetch(
        _LIST, channel, before, wanted.action, wanted.by, wanted.target, wanted.begin, wanted.end, limit,
    )  # fmt: skip
    return [dict(row) for row in rows]
