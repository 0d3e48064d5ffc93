"""The tables of who is in: newest states of contacts, standings, builds, and what is left of deleted segments."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from common.postgres import Tx
from segments.ledger import Place
from segments.membership import Known, Standing

SOURCE = "segments"
_FOUND_BY_CONDITIONS = 64


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact's newest state as it is kept."""

    channel: str
    id: UUID
    known: Known
    merged_into: UUID | None = None
    noted: int | None = None
    """What its last version, or a build since, made due."""
    looks: int | None = None
    """When the clock looks at it, as `due_store` has it; None too where that was not asked for."""

    @property
    def due(self) -> int | None:
        """Before this instant the clock flips none of its segments; None where it never does."""
        return None if self.noted is None or self.looks is None else max(self.noted, self.looks)


_LOCK_CONTACTS = """
select c.channel, c.id, c.version, c.at_ms, c.doc, c.erased, c.merged_into, c.due_ms
from contact c join unnest($1::text[], $2::uuid[]) as w (channel, id) on c.channel = w.channel and c.id = w.id
order by c.channel, c.id for update of c
"""
_NEXT_CONTACTS = """
select channel, id, version, at_ms, doc, erased, merged_into, due_ms from contact
where channel = $1 and ($2::uuid is null or id > $2) and ($3::uuid is null or id <= $3) and doc is not null
order by id limit $4 for update
"""
_PUT_CONTACTS = """
insert into contact (channel, id, version, at_ms, doc, erased, merged_into, due_ms)
select * from unnest($1::text[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bytea[], $6::boolean[], $7::uuid[], $8::bigint[])
on conflict (channel, id) do update
set version = excluded.version, at_ms = excluded.at_ms, doc = excluded.doc, erased = excluded.erased,
    merged_into = excluded.merged_into, due_ms = excluded.due_ms
where contact.version < excluded.version
"""


def contact_of(row: asyncpg.Record) -> Contact:
    """A row of the contacts' table, with `looks_ms` if that was asked for."""
    known = Known(row["version"], row["at_ms"], row["doc"], row["erased"])
    return Contact(row["channel"], row["id"], known, row["merged_into"], row["due_ms"], row.get("looks_ms"))


async def lock_contacts(tx: Tx, wanted: Iterable[tuple[str, UUID]]) -> dict[tuple[str, UUID], Contact]:
    """The newest states, locked before anything else in the order of channel and id: everyone locks so, hence no deadlock."""
    pairs = sorted(set(wanted))
    rows = await tx.fetch(_LOCK_CONTACTS, [channel for channel, _ in pairs], [contact for _, contact in pairs])
    return {(r["channel"], r["id"]): contact_of(r) for r in rows}


async def lock_next_contacts(tx: Tx, channel: str, after: UUID | None, until: UUID | None, most: int) -> list[Contact]:
    """The contacts that are there and follow an id, up to another one if it is named, in the order of ids, locked."""
    return [contact_of(r) for r in await tx.fetch(_NEXT_CONTACTS, channel, after, until, most)]


async def put_contacts(tx: Tx, contacts: Sequence[Contact]) -> None:
    """Keep the newest state of each."""
    await tx.execute(
        _PUT_CONTACTS,
        [c.channel for c in contacts],
        [c.id for c in contacts],
        [c.known.version for c in contacts],
        [c.known.at for c in contacts],
        [c.known.json for c in contacts],
        [c.known.erased for c in contacts],
        [c.merged_into for c in contacts],
        [c.noted for c in contacts],
    )


_STANDINGS = """
select m.channel, m.segment_id, m.contact_id, m.member, m.since_ms, m.settled_ms, m.build
from membership m join unnest($1::text[], $2::uuid[]) as w (channel, id) on m.channel = w.channel and m.contact_id = w.id
"""
# Those that are named, and those settled after an instant of their contact's.
_SOME_STANDINGS = """
select m.channel, m.segment_id, m.contact_id, m.member, m.since_ms, m.settled_ms, m.build
from unnest($1::text[], $2::uuid[], $3::uuid[]) as w (channel, segment_id, contact_id)
join membership m on m.channel = w.channel and m.segment_id = w.segment_id and m.contact_id = w.contact_id
union all
select m.channel, m.segment_id, m.contact_id, m.member, m.since_ms, m.settled_ms, m.build
from unnest($4::text[], $5::uuid[], $6::bigint[]) as w (channel, contact_id, settled_after)
join membership m on m.channel = w.channel and m.contact_id = w.contact_id and m.settled_ms > w.settled_after
"""
_STANDINGS_BETWEEN = """
select segment_id, contact_id, member, since_ms, settled_ms, build
from membership where channel = $1 and segment_id = any($2::uuid[]) and contact_id between $3 and $4
"""
_PURGE = """
with spent as materialized (
    select channel, segment_id, contact_id from membership m where settled_ms < $1 and not member
        and not exists (select from segment s where s.channel = m.channel and s.id = m.segment_id and s.status = 'building')
    order by settled_ms limit $2 for update skip locked
)
delete from membership m using spent s
where m.channel = s.channel and m.segment_id = s.segment_id and m.contact_id = s.contact_id
"""

# The log first: a rebuild makes members from it.
_DELETED = "select channel, segment_id from deleted order by channel, segment_id limit 1 for update skip locked"
_PURGE_DELETED = tuple(
    f"""
    delete from {table} d using (
        select {key} from {table} where channel = $1 and segment_id = $2 order by {key} limit $3
    ) as first where d.channel = $1 and d.segment_id = $2 and d.{key} = first.{key}
    """  # noqa: S608 - names of tables and columns
    for table, key in (("change", "position"), ("membership", "contact_id"))
)
_PURGED = "delete from deleted where channel = $1 and segment_id = $2"


_MEMBERS_FROM_LOG = (
    "delete from membership where channel = $1",
    """
    insert into membership (channel, segment_id, contact_id, member, since_ms, settled_ms, build)
    select channel, segment_id, contact_id, true, at_ms, at_ms, 0 from (
        select distinct on (segment_id, contact_id) channel, segment_id, contact_id, at_ms, change
        from change where channel = $1 order by segment_id, contact_id, position desc
    ) as last where change = 'entered'
    """,
    """
    update tally t set members = (
        select count(*) from membership m where m.channel = t.channel and m.segment_id = t.segment_id
    ) where channel = $1
    """,
)
_PATIENCE = 600.0
_PLACES = 1000


async def members_from_log(tx: Tx, channel: str) -> None:
    """Who is in the channel's segments, by the log alone; by no definition, so that all must be built."""
    for statement in _MEMBERS_FROM_LOG:
        await tx.execute(statement, channel, timeout=_PATIENCE)


async def standings(tx: Tx, contacts: Iterable[tuple[str, UUID]]) -> dict[tuple[str, UUID], dict[UUID, Standing]]:
    """Where these contacts stand, by contact and segment."""
    pairs = list(contacts)
    found: dict[tuple[str, UUID], dict[UUID, Standing]] = {}
    for r in await tx.fetch(_STANDINGS, [channel for channel, _ in pairs], [contact for _, contact in pairs]):
        found.setdefault((r["channel"], r["contact_id"]), {})[r["segment_id"]] = standing_of(r)
    return found


async def some_standings(
    tx: Tx, places: Collection[Place], settled_after: Mapping[tuple[str, UUID], int]
) -> dict[tuple[str, UUID], dict[UUID, Standing]]:
    """The standings at these places, and all of a contact that are settled after an instant, by contact and segment.

    So many places are asked for at once: to write and read thousands holds the loop.
    """
    found: dict[tuple[str, UUID], dict[UUID, Standing]] = {}
    listed, later = list(places), settled_after
    for start in range(0, max(1, len(listed)), _PLACES):
        some = listed[start : start + _PLACES]
        rows = await tx.fetch(
            _SOME_STANDINGS,
            [p.channel for p in some],
            [p.segment_id for p in some],
            [p.contact_id for p in some],
            [channel for channel, _ in later],
            [contact for _, contact in later],
            list(later.values()),
        )
        for r in rows:
            found.setdefault((r["channel"], r["contact_id"]), {})[r["segment_id"]] = standing_of(r)
        later = {}
    return found


async def standings_between(
    tx: Tx, channel: str, segments: Iterable[UUID], first: UUID, last: UUID
) -> dict[tuple[UUID, UUID], Standing]:
    """Where the contacts from one id to another stand in these segments, by segment and contact."""
    rows = await tx.fetch(_STANDINGS_BETWEEN, channel, list(segments), first, last)
    return {(r["segment_id"], r["contact_id"]): standing_of(r) for r in rows}


def standing_of(row: asyncpg.Record) -> Standing:
    """A row of the memberships' table."""
    return Standing(row["member"], row["since_ms"], None, row["settled_ms"], row["build"])


async def purge(tx: Tx, before: int, most: int) -> int:
    """Drop so many rows that say no more than no row does, kept until now for the sake of late versions; answers how many."""
    return int((await tx.execute(_PURGE, before, most)).removeprefix("DELETE "))


async def purge_deleted(tx: Tx, most: int) -> bool:
    """Drop so many rows of what a deleted segment has left behind; False where there is none."""
    row = await tx.fetchrow(_DELETED)
    if row is None:
        return False
    for statement in _PURGE_DELETED:
        if await tx.execute(statement, row["channel"], row["segment_id"], most) != "DELETE 0":
            return True
    await tx.execute(_PURGED, row["channel"], row["segment_id"])
    return True


_WORK = """
select channel, count(*) / $2::integer + count(*) filter (where status = 'building') as work
from segment where channel = any($1::text[]) group by channel
"""
_LIVE = "select channel, id from segment where status = 'live' order by channel, id"
_BUILDING = "select channel from segment where status = 'building' group by channel order by min(since_ms) limit 100"
_CLAIM_BUILDS = """
select id, build, built_to from segment where channel = $1 and status = 'building'
order by built_to nulls first, id limit $2 for update skip locked
"""
_BUILT = """
update segment set built_to = $3, built = built + $4,
    to_build = coalesce(to_build, (select count(*) from contact where channel = $1 and doc is not null))
where channel = $1 and id = any($2::uuid[])
"""
_GO_LIVE = """
update segment set status = 'live', built_to = null, built = 0, to_build = null, whole = true,
    revision = 1 + coalesce((select c.revision from channel c where c.channel = $1), 0)
where channel = $1 and id = $2 and build = $3 and status = 'building' returning 1
"""


@dataclass(frozen=True, slots=True)
class Build:
    """How far a segment's build has come."""

    segment_id: UUID
    build: int
    built_to: UUID | None


async def work(tx: Tx, channels: Iterable[str]) -> dict[str, int]:
    """How many judgements a version is worth in these channels, those that have segments.

    One for each segment that is being built, and for so many others, of which few are judged, one.
    """
    return {r["channel"]: r["work"] for r in await tx.fetch(_WORK, list(channels), _FOUND_BY_CONDITIONS)}


async def live(tx: Tx) -> list[tuple[str, UUID]]:
    """The segments that everyone is judged by."""
    return [(r["channel"], r["id"]) for r in await tx.fetch(_LIVE)]


async def building(tx: Tx) -> list[str]:
    """The channels with segments to be built, the longest waiting first."""
    return [r["channel"] for r in await tx.fetch(_BUILDING)]


async def claim_builds(tx: Tx, channel: str, most: int) -> list[Build]:
    """The builds that have come least far, those first, for this transaction alone; without those that another has."""
    return [Build(r["id"], r["build"], r["built_to"]) for r in await tx.fetch(_CLAIM_BUILDS, channel, most)]


async def built(tx: Tx, channel: str, segments: Iterable[UUID], up_to: UUID, judged: int) -> None:
    """Record how far these builds have come, by so many contacts more; at the first step also how many there are."""
    await tx.execute(_BUILT, channel, list(segments), up_to, judged)


async def go_live(tx: Tx, channel: str, segment_id: UUID, build: int) -> bool:
    """Everyone is judged by this build; False where another build has begun or ended meanwhile."""
    return await tx.fetchval(_GO_LIVE, channel, segment_id, build) is not None
