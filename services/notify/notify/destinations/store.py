"""The table of destinations, their addresses sealed, and how it goes with each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from common.postgres import Record, Tx
from common.sealing import Seal, Unsealable
from notify.destinations.destination import Destination
from notify.kinds.kind import Kind

_COLUMNS = """
d.id, d.channel, d.version, d.kind, d.address, d.events, d.segment_id, d.language, d.created_at, d.created_by, d.disabled_at,
d.disabled_by, d.problem
"""
_KEEP = """
insert into destination (
    id, channel, version, kind, address, events, segment_id, language, created_at, created_by, disabled_at, disabled_by, problem
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
on conflict (channel, id) do update set version = excluded.version, address = excluded.address, events = excluded.events,
    segment_id = excluded.segment_id, language = excluded.language, disabled_at = excluded.disabled_at,
    disabled_by = excluded.disabled_by, problem = excluded.problem
"""
_OPEN_LANE = "insert into lane (channel, destination_id) values ($1, $2) on conflict do nothing"
_LOAD = f"select {_COLUMNS} from destination d where d.channel = $1 and d.id = $2"  # noqa: S608 - the columns alone
_LIST = f"""
select {_COLUMNS}, l.failures, l.last_answer from destination d join lane l on l.channel = d.channel and l.destination_id = d.id
where d.channel = $1 and ($2::uuid is null or d.id > $2) order by d.id limit $3
"""  # noqa: S608 - the columns alone
_SEEN = f"""
select {_COLUMNS}, l.failures, l.last_answer from destination d join lane l on l.channel = d.channel and l.destination_id = d.id
where d.channel = $1 and d.id = $2
"""  # noqa: S608 - the columns alone
_VERSION = "select version from destination where channel = $1 and id = $2"
_COUNT = "select count(*) from destination where channel = $1"
_DELETE = "delete from destination where channel = $1 and id = $2"
_ANSWERED = "update lane set last_answer = $3 where channel = $1 and destination_id = $2"
_WATCH = """
insert into watched (channel, segment_id, name) values ($1, $2, $3)
on conflict (channel, segment_id) do update set name = excluded.name
"""
_RENAME = "update watched set name = $3 where channel = $1 and segment_id = $2"
_OF_SEGMENT = f"""
select {_COLUMNS} from destination d where d.channel = $1 and d.segment_id = $2 order by d.id for update
"""  # noqa: S608 - the columns alone
_TOLD_OF = """
select segment_id, id, kind, disabled_at is null as active from destination
where channel = $1 and segment_id = any($2) order by id
"""
_ALONE = "select pg_advisory_xact_lock(hashtextextended('segment ' || $1 || ' ' || $2::uuid::text, 0))"
_GONE = "insert into segment_gone (channel, segment_id, at) values ($1, $2, $3) on conflict do nothing"
_IS_GONE = "select exists (select from segment_gone where channel = $1 and segment_id = $2)"
_FORGET_GONE = "delete from segment_gone where at < $1"
_WATCHED = "select name from watched where channel = $1 and segment_id = $2"
_UNWATCH = """
delete from watched w where w.channel = $1 and not exists (
    select from destination d where d.channel = w.channel and d.segment_id = w.segment_id
)
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A destination, and how it goes with it."""

    destination: Destination
    failures: int = 0
    last_answer: dict[str, Any] | None = None


class Destinations:
    """Reads and writes them in a transaction that it is given."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal

    async def keep(self, tx: Tx, d: Destination) -> None:
        """Keep a destination as it is now; a new one has nothing to send. What could not be opened stays as it is kept."""
        address = d.sealed
        if d.url is not None:
            address = self._seal.close(orjson.dumps({"url": d.url, "secret": d.secret}), _place(d.channel, d.id))
        await tx.execute(
            _KEEP, d.id, d.channel, d.version, d.kind, address, d.events, d.segment_id, d.language, d.created_at, d.created_by,
            d.disabled_at, d.disabled_by, d.problem,
        )  # fmt: skip
        await tx.execute(_OPEN_LANE, d.channel, d.id)

    async def load(self, tx: Tx, channel: str, destination_id: UUID, *, lock: bool = False) -> Destination | None:
        """One destination, locked until the commit where that is asked for."""
        row = await tx.fetchrow(_LOAD + (" for update" if lock else ""), channel, destination_id)
        return None if row is None else self._read(row)

    async def seen(self, tx: Tx, channel: str, destination_id: UUID) -> Seen | None:
        """One destination, and how it goes with it."""
        row = await tx.fetchrow(_SEEN, channel, destination_id)
        return None if row is None else self._seen(row)

    async def listed(self, tx: Tx, channel: str, after: UUID | None, limit: int) -> list[Seen]:
        """The channel's destinations in the order of making."""
        return [self._seen(row) for row in await tx.fetch(_LIST, channel, after, limit)]

    async def version(self, tx: Tx, channel: str, destination_id: UUID) -> int:
        """At which version it is; 0 where it is gone."""
        return int(await tx.fetchval(_VERSION, channel, destination_id) or 0)

    async def answered(self, tx: Tx, d: Destination, answer: dict[str, Any]) -> None:
        """Keep what came back."""
        await tx.execute(_ANSWERED, d.channel, d.id, answer)

    async def watch(self, tx: Tx, channel: str, segment: UUID, name: str) -> None:
        """Keep the name of a segment that a destination is told of."""
        await tx.execute(_WATCH, channel, segment, name)

    async def rename(self, tx: Tx, channel: str, segment: UUID, name: str) -> None:
        """Another name of a segment, where a destination is told of it."""
        await tx.execute(_RENAME, channel, segment, name)

    async def of_segment(self, tx: Tx, channel: str, segment: UUID) -> list[Destination]:
        """The destinations that are told of a segment, switched off or not, locked."""
        return [self._read(row) for row in await tx.fetch(_OF_SEGMENT, channel, segment)]

    async def told_of(self, tx: Tx, channel: str, segments: Sequence[UUID]) -> list[Record]:
        """Of these segments who is told of them: `segment_id`, `id`, `kind` and `active` of each destination."""
        found: list[Record] = await tx.fetch(_TOLD_OF, channel, list(segments))
        return found

    async def alone(self, tx: Tx, channel: str, segment: UUID) -> None:
        """Until the commit nobody else begins to be told of this segment, or ends it."""
        await tx.execute(_ALONE, channel, segment)

    async def name_of(self, tx: Tx, channel: str, segment: UUID) -> str | None:
        """The name of a segment that somebody is told of."""
        name: str | None = await tx.fetchval(_WATCHED, channel, segment)
        return name

    async def note_gone(self, tx: Tx, channel: str, segment: UUID, at: datetime) -> None:
        """The segment is no more: whoever was just told that there is such a one finds it here."""
        await tx.execute(_GONE, channel, segment, at)

    async def is_gone(self, tx: Tx, channel: str, segment: UUID) -> bool:
        """Whether the segment was deleted a short while ago."""
        return bool(await tx.fetchval(_IS_GONE, channel, segment))

    async def unwatch(self, tx: Tx, channel: str) -> None:
        """Forget the segments that no destination is told of any more."""
        await tx.execute(_UNWATCH, channel)

    async def count(self, tx: Tx, channel: str) -> int:
        """How many the channel has."""
        return int(await tx.fetchval(_COUNT, channel))

    async def delete(self, tx: Tx, channel: str, destination_id: UUID) -> None:
        """It goes, with all that is on its way to it."""
        await tx.execute(_DELETE, channel, destination_id)

    def _seen(self, row: Record) -> Seen:
        return Seen(self._read(row), row["failures"], row["last_answer"])

    def _read(self, row: Record) -> Destination:
        address, sealed = self._opened(row)
        return Destination(
            row["id"], row["channel"], row["version"], Kind(row["kind"]), address["url"], address["secret"], tuple(row["events"]),
            row["segment_id"], row["language"], row["created_at"], row["created_by"], row["disabled_at"], row["disabled_by"],
            row["problem"], sealed,
        )  # fmt: skip

    def _opened(self, row: Record) -> tuple[dict[str, Any], bytes | None]:
        """URL and secret; where they cannot be opened none, and what is kept of them. One such destination stops no other."""
        none: dict[str, Any] = {"url": None, "secret": None}
        if row["address"] is None:
            return none, None
        try:
            return orjson.loads(self._seal.open(row["address"], _place(row["channel"], row["id"]))), None
        except Unsealable:
            return none, row["address"]


def _place(channel: str, destination_id: UUID) -> str:
    return f"destination/{channel}/{destination_id}"


_CLOCKS_APART = timedelta(seconds=5)
"""So far the clocks of two machines may be apart: what happens right after a destination was made is told."""


@dataclass(frozen=True, slots=True)
class Subscribed:
    """What must be known of a destination to find what is for it: events since it was made."""

    channel: str
    id: UUID
    events: frozenset[str]
    segment_id: UUID | None
    since: datetime
    active: bool


_SUBSCRIBED = """
select channel, id, events, segment_id, created_at, disabled_at is null as active from destination
where channel = any($1::text[]) and (disabled_at is null or disabled_by is null) order by channel, id
"""


async def subscribed(tx: Tx, channels: Sequence[str]) -> list[Subscribed]:
    """The destinations of these channels that something may be for: not those that somebody switched off."""
    return [
        Subscribed(r["channel"], r["id"], frozenset(r["events"]), r["segment_id"], r["created_at"] - _CLOCKS_APART, r["active"])
        for r in await tx.fetch(_SUBSCRIBED, channels)
    ]


async def forget_gone(tx: Tx, before: datetime) -> None:
    """Forget the segments that were deleted before: nobody is making a destination of them any more."""
    await tx.execute(_FORGET_GONE, before)
