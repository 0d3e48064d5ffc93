"""The sessions of contacts: read among their neighbours, replaced by others."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from common.postgres import Tx
from contacts.sessions.session import Session

_SESSIONS = """
select s.contact_id, s.started_at, s.ended_at
from session s join unnest($2::uuid[], $3::timestamptz[], $4::timestamptz[]) as near (contact_id, low, high)
  on s.contact_id = near.contact_id and s.started_at <= near.high and s.ended_at >= near.low
where s.channel = $1
"""
_ALL_SESSIONS = "select contact_id, started_at, ended_at from session where channel = $1 and contact_id = any($2::uuid[])"
_DROP_SESSIONS = """
delete from session using unnest($2::uuid[], $3::timestamptz[]) as gone (contact_id, started_at)
where session.channel = $1 and session.contact_id = gone.contact_id and session.started_at = gone.started_at
"""
_ADD_SESSIONS = """
insert into session (channel, contact_id, started_at, ended_at)
select $1, new.contact_id, new.started_at, new.ended_at
from unnest($2::uuid[], $3::timestamptz[], $4::timestamptz[]) as new (contact_id, started_at, ended_at)
"""


async def sessions_near(
    tx: Tx, channel: str, reach: Mapping[UUID, tuple[datetime, datetime]], window: timedelta
) -> dict[UUID, list[Session]]:
    """Per contact the sessions that visits between two instants may touch."""
    near = list(reach.items())
    rows = await tx.fetch(
        _SESSIONS, channel, [c for c, _ in near], [_shift(low, -window) for _, (low, _) in near],
        [_shift(high, window) for _, (_, high) in near],
    )  # fmt: skip
    found: dict[UUID, list[Session]] = {contact: [] for contact in reach}
    for row in rows:
        found[row["contact_id"]].append(Session(row["started_at"], row["ended_at"]))
    return found


async def all_sessions(tx: Tx, channel: str, ids: Sequence[UUID]) -> list[tuple[UUID, Session]]:
    """Every session of these contacts."""
    rows = await tx.fetch(_ALL_SESSIONS, channel, ids)
    return [(r["contact_id"], Session(r["started_at"], r["ended_at"])) for r in rows]


def _shift(at: datetime, by: timedelta) -> datetime:
    try:
        return at + by
    except OverflowError:
        return at


async def replace_sessions(
    tx: Tx, channel: str, gone: Sequence[tuple[UUID, Session]], new: Sequence[tuple[UUID, Session]]
) -> None:
    """Take sessions away and put others in their place."""
    if gone:
        await tx.execute(_DROP_SESSIONS, channel, [c for c, _ in gone], [s.started_at for _, s in gone])
    if new:
        await tx.execute(
            _ADD_SESSIONS, channel, [c for c, _ in new], [s.started_at for _, s in new], [s.ended_at for _, s in new]
        )
