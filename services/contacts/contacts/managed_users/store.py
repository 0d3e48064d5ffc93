"""The count of a channel that has a limit: one row, locked last, so that it is exact whoever creates contacts at one time.

A channel without a limit has no such row, for whose sake writers would wait for one another: how many contacts it has is a sum
of what each of them added. Who makes or takes away contacts shares the channel's lock until the commit; a limit that comes or
goes takes it alone, and so counts all.
"""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from common import outbox
from common.envelope import Message, message
from common.events.contacts import ManagedUsersMessage, ManagedUsersWarning
from common.postgres import Tx
from common.telemetry import trace_headers
from common.topics import CHANNEL
from contacts.managed_users.limit import Moves, Users, count, warn

_NAMES = UUID("c2f0a1de-51f3-4d6f-8a6b-3a4cfb0de8a1")
_SUBJECT = "managedUsers"

_KEY = "hashtextextended('managed users ' || current_schema() || ' ' || $1, 0)"
_TOGETHER = f"select pg_advisory_xact_lock_shared({_KEY})"
_ALONE = f"select pg_advisory_xact_lock({_KEY})"
_READ = 'select "limit", count, hidden, warned, version from managed_users where channel = $1'
_LOCK = _READ + " for update"
_KEEP = """
insert into managed_users (channel, "limit", count, hidden, warned, version) values ($1, $2, $3, $4, $5, $6)
on conflict (channel) do update set "limit" = excluded."limit", count = excluded.count, hidden = excluded.hidden,
    warned = excluded.warned, version = excluded.version
"""
_DROP = "delete from managed_users where channel = $1"
_COUNT = "select coalesce(sum(contacts), 0)::bigint from contact_count where channel = $1"
# Who reads meanwhile sees the rows or their sum; of two who add up at one time each sums what it has deleted itself.
_ADD_UP = """
with many as (select channel from contact_count group by channel having count(*) > $1),
gone as (delete from contact_count c using many where c.channel = many.channel returning c.channel, c.contacts)
insert into contact_count (channel, contacts) select channel, sum(contacts) from gone group by channel
"""
_ROWS_LEFT = 100
_WITH_ROOM = """
select channel from managed_users where hidden > 0 and ("limit" is null or count - hidden < "limit") order by channel
"""
_OLDEST_HIDDEN = """
select id from contact where channel = $1 and hidden and merged_into is null and erased_at is null order by id limit $2
"""


async def look(tx: Tx, channel: str) -> Users:
    """How many there are now."""
    row = await tx.fetchrow(_READ, channel)
    return _users(row) if row is not None else Users(None, await tx.fetchval(_COUNT, channel), 0)


async def add_up(tx: Tx) -> None:
    """Put one row in the place of many in every channel that has many, so that a sum stays short."""
    await tx.execute(_ADD_UP, _ROWS_LEFT)


async def load(tx: Tx, channel: str) -> Users | None:
    """The count, locked until the commit; None where the channel has no limit. The caller has its contacts locked already."""
    await tx.execute(_TOGETHER, channel)
    row = await tx.fetchrow(_LOCK, channel)
    return None if row is None else _users(row)


async def move(tx: Tx, channel: str, moved: Moves, at: datetime) -> frozenset[UUID]:
    """Count what happens to contacts; answers who of the new is hidden."""
    if not moved:
        return frozenset()
    await tx.execute(_TOGETHER, channel)
    row = await tx.fetchrow(_LOCK, channel)
    if row is None:
        return frozenset()
    users, hidden = count(_users(row), moved)
    await _keep(tx, channel, users, row["version"], at)
    return hidden


async def set_limit(tx: Tx, channel: str, limit: int | None, at: datetime) -> None:
    """Give the channel another limit, or none."""
    await tx.execute(_ALONE, channel)
    row = await tx.fetchrow(_READ, channel)
    before = _users(row) if row is not None else Users(None, await tx.fetchval(_COUNT, channel), 0)
    if limit is None and before.hidden == 0:
        await tx.execute(_DROP, channel)
    else:
        users = Users(limit, before.count, before.hidden, before.warned)
        await _keep(tx, channel, users, row["version"] if row is not None else 0, at)


async def with_room(tx: Tx) -> list[str]:
    """The channels where hidden contacts can be shown."""
    return [r["channel"] for r in await tx.fetch(_WITH_ROOM)]


async def oldest_hidden(tx: Tx, channel: str, most: int) -> list[UUID]:
    """Hidden contacts, the first made first: ids are in the order of making."""
    return [r["id"] for r in await tx.fetch(_OLDEST_HIDDEN, channel, most)]


async def drop_if_done(tx: Tx, channel: str) -> None:
    """Stop counting where the limit is gone and nobody is hidden any more."""
    users = await load(tx, channel)
    if users is not None and users.limit is None and users.hidden == 0:
        await tx.execute(_DROP, channel)


async def _keep(tx: Tx, channel: str, users: Users, version: int, at: datetime) -> None:
    users, marks = warn(users)
    told = [_warning(channel, users, mark, version + n, at) for n, mark in enumerate(marks, 1)]
    await tx.execute(_KEEP, channel, users.limit, users.count, users.hidden, users.warned, version + len(marks))
    await outbox.put(tx, told)


def _users(row: Any) -> Users:
    return Users(row["limit"], row["count"], row["hidden"], row["warned"])


def _warning(channel: str, users: Users, percent: Any, version: int, at: datetime) -> Message:
    assert users.limit is not None, "there is nothing to warn of without a limit"
    event = ManagedUsersWarning(percent=percent, limit=users.limit, count=users.count, hidden=users.hidden)
    return message(
        CHANNEL, channel=channel, subject=_SUBJECT, source="contacts", type=event.type,
        id=uuid5(_NAMES, f"{channel}/{version}"), version=version, at=at,
        value=ManagedUsersMessage(event=event, version=version).encode(), trace=trace_headers(),
    )  # fmt: skip
