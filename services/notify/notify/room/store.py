"""The rooms and their messages."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from common.postgres import Database, Tx
from notify.reactions import Notice

_OPEN = """
insert into room (channel, manager) select * from unnest($1::text[], $2::text[]) order by 1, 2 on conflict do nothing
"""
# Locked in one order, so that two who add to several rooms never wait for each other.
_LAST = """
select r.channel, r.manager, r.last from room r
join unnest($1::text[], $2::text[]) as w (channel, manager) on r.channel = w.channel and r.manager = w.manager
order by r.channel, r.manager for update of r
"""
_MOVE = """
update room r set last = r.last + w.number from unnest($1::text[], $2::text[], $3::bigint[]) as w (channel, manager, number)
where r.channel = w.channel and r.manager = w.manager
"""
_ADD = """
insert into message (channel, manager, number, id, event_id, at, kind, text, text_en, link)
select * from unnest(
    $1::text[], $2::text[], $3::bigint[], $4::uuid[], $5::text[], $6::timestamptz[], $7::text[], $8::text[], $9::text[],
    $10::text[]
) on conflict (channel, manager, event_id) do nothing
"""
_COLUMNS = "id, number, at, kind, text, text_en, link, read_at"
_LIST = f"""
select {_COLUMNS} from message
where channel = $1 and manager = $2 and ($3::bigint is null or number < $3) order by number desc limit $4
"""  # noqa: S608 - the columns alone
_FOLLOWING = f"""
select {_COLUMNS} from message where channel = $1 and manager = $2 and number > $3 order by number limit $4
"""  # noqa: S608 - the columns alone
_UNREAD = "select count(*) from message where channel = $1 and manager = $2 and read_at is null"
_NUMBER = "select number from message where channel = $1 and manager = $2 and id = $3"
_END = "select last from room where channel = $1 and manager = $2"
_READ = "update message set read_at = $4 where channel = $1 and manager = $2 and read_at is null and number <= $3"


@dataclass(frozen=True, slots=True)
class Told:
    """A notice with what makes it one of a kind: the event it tells of."""

    channel: str
    event_id: str
    id: UUID
    at: datetime
    notice: Notice


async def put(tx: Tx, told: Sequence[Told]) -> None:
    """Put notices into their rooms, at their ends; a manager who was told of an event already is not told again."""
    counts = Counter((d.channel, d.notice.manager) for d in told)
    rooms = [channel for channel, _ in counts], [manager for _, manager in counts]
    await tx.execute(_OPEN, *rooms)
    last = {(r["channel"], r["manager"]): r["last"] for r in await tx.fetch(_LAST, *rooms)}
    numbers = []
    for d in told:
        last[d.channel, d.notice.manager] += 1
        numbers.append(last[d.channel, d.notice.manager])
    await tx.execute(
        _ADD,
        [d.channel for d in told],
        [d.notice.manager for d in told],
        numbers,
        [d.id for d in told],
        [d.event_id for d in told],
        [d.at for d in told],
        [d.notice.kind for d in told],
        [d.notice.korean for d in told],
        [d.notice.english for d in told],
        [d.notice.link for d in told],
    )
    await tx.execute(_MOVE, *rooms, list(counts.values()))


class Store:
    """The tables of rooms and messages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def messages(self, channel: str, manager: str, before: int | None, limit: int) -> tuple[list[dict[str, Any]], int]:
        """A manager's messages, newest first, and how many of all are unread."""
        async with self._database.connection() as connection:
            found = [dict(r) for r in await connection.fetch(_LIST, channel, manager, before, limit)]
            return found, int(await connection.fetchval(_UNREAD, channel, manager))

    async def following(self, channel: str, manager: str, after: int, limit: int) -> list[dict[str, Any]]:
        """A manager's messages after a place, oldest first."""
        async with self._database.connection() as connection:
            return [dict(r) for r in await connection.fetch(_FOLLOWING, channel, manager, after, limit)]

    async def number(self, channel: str, manager: str, message: UUID) -> int | None:
        """The place of a message in the manager's room; None where it has no such message."""
        async with self._database.connection() as connection:
            found: int | None = await connection.fetchval(_NUMBER, channel, manager, message)
            return found

    async def end(self, channel: str, manager: str) -> int:
        """The place of the last message of a room; 0 before the first."""
        async with self._database.connection() as connection:
            return int(await connection.fetchval(_END, channel, manager) or 0)

    async def read(self, channel: str, manager: str, number: int, at: datetime) -> int:
        """Note that all up to this place are read; answers how many are not."""
        async with self._database.transaction() as tx:
            await tx.execute(_READ, channel, manager, number, at)
            return int(await tx.fetchval(_UNREAD, channel, manager))
