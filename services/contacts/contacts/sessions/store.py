"""The sessions of contacts: read among their neighbours, replaced by others."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID

from common.postgres import Tx
from contacts.sessions.session import Session

_SESSIONS = """
select s.contact_id, s.kind, s.started_at, s.ended_at
from session s join unnest($2::uuid[], $3::text[], $4::timestamptz[], $5::timestamptz[]) as near (contact_id, kind, low, high)
  on s.contact_id = near.contact_id and s.kind = near.kind and s.started_at <= near.high and s.ended_at >= near.low
where s.channel = $1
"""
_ALL_SESSIONS = "select contact_id, kind, started_at, ended_at from session where channel = $1 and contact_id = any($2::uuid[])"
_DROP_SESSIONS = """
delete from session using unnest($2::uuid[], $3::text[], $4::timestamptz[]) as gone (contact_id, kind, started_at)
where session.channel = $1 and session.contact_id = gone.contact_id and session.kind = gone.kind
  and session.started_at = gone.started_at
"""
_END_SESSIONS = """
update session set ended_at = until.ended_at
from unnest($2::uuid[], $3::text[], $4::timestamptz[], $5::timestamptz[]) as until (contact_id, kind, started_at, ended_at)
where session.channel = $1 and session.contact_id = until.contact_id and session.kind = until.kind
  and session.started_at = until.started_at
"""
_ADD_SESSIONS = """
insert into session (channel, contact_id, kind, started_at, ended_at)
select $1, new.contact_id, new.kind, new.started_at, new.ended_at
from unnest($2::uuid[], $3::text[], $4::timestamptz[], $5::timestamptz[]) as new (contact_id, kind, started_at, ended_at)
"""

Row: TypeAlias = tuple[UUID, str]
"""A contact's sessions in one row: all of them under "", those on one kind of device under its name."""


async def sessions_near(
    tx: Tx, channel: str, reach: Mapping[Row, tuple[datetime, datetime]], window: timedelta
) -> dict[Row, list[Session]]:
    """Per row the sessions that visits between two instants may touch."""
    near = list(reach.items())
    rows = await tx.fetch(
        _SESSIONS, channel, [c for (c, _), _ in near], [kind for (_, kind), _ in near],
        [_shift(low, -window) for _, (low, _) in near], [_shift(high, window) for _, (_, high) in near],
    )  # fmt: skip
    found: dict[Row, list[Session]] = {row: [] for row in reach}
    for row in rows:
        found[row["contact_id"], row["kind"]].append(Session(row["started_at"], row["ended_at"]))
    return found


async def all_sessions(tx: Tx, channel: str, ids: Sequence[UUID]) -> list[tuple[Row, Session]]:
    """Every session of these contacts."""
    rows = await tx.fetch(_ALL_SESSIONS, channel, ids)
    return [((r["contact_id"], r["kind"]), Session(r["started_at"], r["ended_at"])) for r in rows]


def _shift(at: datetime, by: timedelta) -> datetime:
    try:
        return at + by
    except OverflowError:
        return at


async def replace_sessions(tx: Tx, channel: str, gone: Sequence[tuple[Row, Session]], new: Sequence[tuple[Row, Session]]) -> None:
    """Take sessions away and put others in their place; of two that begin at one time the row stays."""
    starts = {(row, s.started_at) for row, s in gone}
    kept = {(row, s.started_at) for row, s in new if (row, s.started_at) in starts}
    if dropped := [(row, s) for row, s in gone if (row, s.started_at) not in kept]:
        await tx.execute(
            _DROP_SESSIONS, channel, [c for (c, _), _ in dropped], [kind for (_, kind), _ in dropped],
            [s.started_at for _, s in dropped],
        )  # fmt: skip
    for statement, some in (
        (_END_SESSIONS, [(row, s) for row, s in new if (row, s.started_at) in kept]),
        (_ADD_SESSIONS, [(row, s) for row, s in new if (row, s.started_at) not in kept]),
    ):
        if some:
            await tx.execute(
                statement, channel, [c for (c, _), _ in some], [kind for (_, kind), _ in some],
                [s.started_at for _, s in some], [s.ended_at for _, s in some],
            )  # fmt: skip
