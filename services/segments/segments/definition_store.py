"""The tables of what segments mean: definitions, fields and settings, changed by one alone and judged by together."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from typing import cast
from uuid import UUID

import asyncpg

from common import outbox
from common.envelope import message
from common.events.segments import SegmentDefined, SegmentDeleted, SegmentMessage
from common.events.wire import Json
from common.filters import FieldDefinition, FieldType
from common.ids import Ids, parse_id
from common.loop import Turns
from common.postgres import Tx
from common.telemetry import trace_headers
from common.topics import SEGMENTS
from segments.definition import Channel, Segment, named_segments
from segments.store import SOURCE
from segments.term_sets import store as term_set_store

# Definitions are changed alone, judged by together: whoever judges shares the channel's lock from before it reads the
# definitions until its commit, so a definition's build sees every contact that was judged without it.
_TOGETHER = "select pg_advisory_xact_lock_shared(key) from unnest($1::bigint[]) as key"
_ALONE = "select pg_advisory_xact_lock(key) from unnest($1::bigint[]) as key"


def _lock_keys(schema: str, channels: Iterable[str]) -> list[int]:
    return sorted(
        int.from_bytes(blake2b(f"{schema}/{c}".encode(), digest_size=8).digest(), "big", signed=True) for c in set(channels)
    )


async def judge_together(tx: Tx, channels: Iterable[str]) -> None:
    """Hold the channels' definitions still until the end of the transaction."""
    await tx.execute(_TOGETHER, _lock_keys(await tx.fetchval("select current_schema()"), channels))


async def change_alone(tx: Tx, channels: Iterable[str]) -> None:
    """Wait for everyone who judges by the channels' definitions, and keep them out until the end of the transaction."""
    await tx.execute(_ALONE, _lock_keys(await tx.fetchval("select current_schema()"), channels))


_REVISIONS = "select channel, revision from channel where channel = any($1::text[])"
_CHANNEL = "select country, time_zone, version, revision from channel where channel = $1"
_ZONE = "select time_zone from channel where channel = $1"
_FIELDS = "select key, type, archived from field where channel = $1 and key like 'profile.%'"
_SEGMENTS = """
select id, name, filter, definition_version, status, problem, build, since_ms, version from segment
where channel = $1 order by id
"""
_CHANGED_SEGMENTS = """
select id, name, filter, definition_version, status, problem, build, since_ms, version from segment
where channel = $1 and revision > $2
"""
_WITH_NAMED = """
with recursive reached as (
    select $2::uuid as id
    union select n.named from reached r join named_in n on n.channel = $1 and n.segment_id = r.id
)
select id, name, filter, definition_version, status, problem, build, since_ms, version from segment
where channel = $1 and id in (select id from reached)
"""
# What changes with one, and what is to be read for it: all that name it, however deep, and all that these and the others name.
_AROUND = """
with recursive above as (
    select $2::uuid as id
    union select n.segment_id from above a join named_in n on n.channel = $1 and n.named = a.id
), reached as (
    (select id from above union select unnest($3::uuid[]))
    union select n.named from reached r join named_in n on n.channel = $1 and n.segment_id = r.id
)
select id, name, filter, definition_version, status, problem, build, since_ms, version from segment
where channel = $1 and id in (select id from reached)
"""
_TERM_SETS_NAMED = """
select distinct (v #>> '{}') as named from segment s cross join lateral jsonb_path_query(s.filter, '$.**.termSet') as v
where s.channel = $1 and s.id <> $2
"""
_IDS = "select id from segment where channel = $1"
_COUNT = "select count(*) from segment where channel = $1"
_TOUCH = """
insert into channel (channel, revision) values ($1, 1) on conflict (channel) do update set revision = channel.revision + 1
"""
_SETTINGS = """
insert into channel (channel, country, time_zone, version) values ($1, $2, $3, $4)
on conflict (channel) do update set country = $2, time_zone = $3, version = $4 where channel.version < $4
returning 1
"""
_PUT_FIELD = """
insert into field (channel, key, type, archived, version) values ($1, $2, $3, $4, $5)
on conflict (channel, key) do update set type = $3, archived = $4, version = $5 where field.version < $5
returning 1
"""
_PUT_SEGMENT = """
insert into segment (
    channel, id, name, filter, definition_version, status, problem, build, since_ms, version, created_at, created_by, revision
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1 + coalesce((select revision from channel where channel = $1), 0))
"""
_PUT_TALLY = "insert into tally (channel, segment_id) values ($1, $2)"
_UPDATE_SEGMENT = """
update segment set name = $3, filter = $4, definition_version = $5, status = $6, problem = $7, since_ms = $9, version = $10,
    built_to = case when build = $8 then built_to end, built = case when build = $8 then built else 0 end,
    to_build = case when build = $8 then to_build end, whole = whole and build = $8, build = $8,
    revision = 1 + coalesce((select c.revision from channel c where c.channel = $1), 0)
where channel = $1 and id = $2
"""
# Two within a millisecond leave nothing between them that could be asked about.
_CUT_SHORT = """
insert into cut_short (channel, segment_id, from_ms, to_ms)
select channel, id, since_ms, $4 from segment
where channel = $1 and id = $2 and build <> $3 and not whole and since_ms < $4
on conflict (channel, segment_id, from_ms) do update set to_ms = excluded.to_ms
"""
_KEEP_DEFINITION = """
insert into definition (channel, segment_id, version, definition_version, at, by, name, filter)
values ($1, $2, $3, $4, $5, $6, $7, $8)
"""
_DEFINED_AT = """
select distinct on (segment_id) segment_id, name, filter from definition
where channel = $1 and segment_id = any($3::uuid[]) and date_trunc('milliseconds', at) <= $2 order by segment_id, version desc
"""
_CHANGED_BY = "select by from definition where channel = $1 and segment_id = $2 order by version desc limit 1"
_NAMED = """
select distinct s.channel, (v #>> '{}')::uuid as named, s.id as segment_id from segment s
cross join lateral jsonb_path_query(s.filter, '$.** ? (@.key == "segment" || @.key == "user.segment").values[*]') as v
where s.channel = $1 and s.id = $2 and v #>> '{}' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
"""
_NOTE_NAMED = (
    "delete from named_in where channel = $1 and segment_id = $2",
    f"insert into named_in (channel, named, segment_id) select channel, named, segment_id from ({_NAMED}) as n",  # noqa: S608
)
_USED_BY = """
select u.id, u.name from named_in n join segment u on u.channel = n.channel and u.id = n.segment_id
where n.channel = $1 and n.named = $2 order by u.id
"""
# Members and log may be millions: `deleted` has them dropped by and by. Nobody finds them without the segment's row.
_DELETE_SEGMENT = (
    "insert into deleted (channel, segment_id) values ($1, $2)",
    "delete from named_in where channel = $1 and segment_id = $2",
    "delete from definition where channel = $1 and segment_id = $2",
    "delete from log_floor where channel = $1 and segment_id = $2",
    "delete from tally where channel = $1 and segment_id = $2",
    "delete from cut_short where channel = $1 and segment_id = $2",
    "delete from segment where channel = $1 and id = $2",
)


async def revisions(tx: Tx, channels: Iterable[str]) -> dict[str, int]:
    """The revision of each channel that has one."""
    return {r["channel"]: r["revision"] for r in await tx.fetch(_REVISIONS, list(channels))}


async def load_channel(tx: Tx, channel: str, known: Channel | None = None) -> Channel:
    """Everything that gives the channel's filters their meaning; of its segments only those are read that are not as is known."""
    loaded = await _without_segments(tx, channel)
    if known is None:
        segments = await _read(await tx.fetch(_SEGMENTS, channel))
    else:
        segments = await _changed_segments(tx, channel, known)
    return replace(loaded, segments=segments)


async def load_channel_of(tx: Tx, channel: str, segment_id: UUID) -> Channel:
    """What gives one segment's filter its meaning: of the others only those that it names, however deep."""
    loaded = await _without_segments(tx, channel)
    segments = {r["id"]: _segment(r) for r in await tx.fetch(_WITH_NAMED, channel, segment_id)}
    return replace(loaded, segments=segments)


async def load_channel_around(tx: Tx, channel: str, segment_id: UUID, raw: object = None) -> Channel:
    """What a change of one segment concerns: that one, all that name it, and all that these or the filter name, however deep."""
    loaded = await _without_segments(tx, channel)
    segments = {r["id"]: _segment(r) for r in await tx.fetch(_AROUND, channel, segment_id, list(named_segments(raw)))}
    return replace(loaded, segments=segments)


async def count(tx: Tx, channel: str) -> int:
    """How many segments a channel has."""
    return int(await tx.fetchval(_COUNT, channel))


async def term_sets_of_others(tx: Tx, channel: str, segment_id: UUID) -> set[UUID]:
    """The term sets that the filters of the channel's other segments name."""
    return {known for r in await tx.fetch(_TERM_SETS_NAMED, channel, segment_id) if (known := parse_id(r["named"])) is not None}


async def _without_segments(tx: Tx, channel: str) -> Channel:
    settings = await tx.fetchrow(_CHANNEL, channel)
    fields = {
        r["key"].removeprefix("profile."): FieldDefinition(FieldType(r["type"].lower()), r["archived"])
        for r in await tx.fetch(_FIELDS, channel)
    }
    term_sets = await term_set_store.keys(tx, channel)
    if settings is None:
        return Channel(fields=fields, term_sets=term_sets)
    return Channel(settings["revision"], settings["country"], settings["time_zone"], fields, term_sets=term_sets)


async def _changed_segments(tx: Tx, channel: str, known: Channel) -> dict[UUID, Segment]:
    """The channel's segments now: whoever writes one and moves the channel's revision gives the row the revision that follows."""
    changed = await tx.fetch(_CHANGED_SEGMENTS, channel, known.revision)
    segments = {**known.segments, **await _read(changed)}
    if await tx.fetchval(_COUNT, channel) != len(segments):
        there = {r["id"] for r in await tx.fetch(_IDS, channel)}
        segments = {segment_id: segment for segment_id, segment in segments.items() if segment_id in there}
    return segments


async def _read(rows: Iterable[asyncpg.Record]) -> dict[UUID, Segment]:
    turns, found = Turns(), dict[UUID, Segment]()
    for row in rows:
        await turns.give()
        found[row["id"]] = _segment(row)
    return found


def _segment(row: asyncpg.Record) -> Segment:
    return Segment(
        row["id"], row["name"], row["filter"], row["definition_version"], row["status"], row["problem"], row["build"],
        row["since_ms"], row["version"],
    )  # fmt: skip


async def zone(tx: Tx, channel: str) -> str:
    """The channel's time zone."""
    known: str | None = await tx.fetchval(_ZONE, channel)
    return known or Channel().zone


async def touch(tx: Tx, channel: str) -> None:
    """Move the channel's revision: what was read of it before is out of date."""
    await tx.execute(_TOUCH, channel)


async def put_settings(tx: Tx, channel: str, country: str, zone: str, version: int) -> bool:
    """Keep a channel's settings, unless a newer version is there."""
    return await tx.fetchval(_SETTINGS, channel, country, zone, version) is not None


async def put_field(tx: Tx, channel: str, key: str, kind: str, archived: bool, version: int) -> bool:
    """Keep a field's definition, unless a newer version is there."""
    return await tx.fetchval(_PUT_FIELD, channel, key, kind, archived, version) is not None


async def add_segment(tx: Tx, channel: str, segment: Segment, at: datetime, by: str) -> None:
    """A new segment, with an empty tally."""
    await tx.execute(
        _PUT_SEGMENT, channel, segment.id, segment.name, segment.filter, segment.definition_version, segment.status,
        segment.problem, segment.build, segment.since, segment.version, at, by,
    )  # fmt: skip
    await tx.execute(_PUT_TALLY, channel, segment.id)
    await note_named(tx, channel, segment.id)
    await keep_definition(tx, channel, segment, at, by)


async def keep_definition(tx: Tx, channel: str, segment: Segment, at: datetime, by: str) -> None:
    """Note what a manager has made of the segment at its version."""
    await tx.execute(
        _KEEP_DEFINITION, channel, segment.id, segment.version, segment.definition_version, at, by, segment.name, segment.filter
    )


async def note_named(tx: Tx, channel: str, segment_id: UUID) -> None:
    """Note which segments this one's filter names, as it is kept now."""
    for statement in _NOTE_NAMED:
        await tx.execute(statement, channel, segment_id)


async def used_by(tx: Tx, channel: str, segment_id: UUID) -> list[tuple[UUID, str]]:
    """Id and name of the segments whose filters name this one themselves, broken ones too."""
    return [(r["id"], r["name"]) for r in await tx.fetch(_USED_BY, channel, segment_id)]


async def defined_at(tx: Tx, channel: str, at: datetime, segments: Iterable[UUID]) -> dict[UUID, tuple[str, object]]:
    """Name and filter that each of these segments had at an instant, those that are still there."""
    return {r["segment_id"]: (r["name"], r["filter"]) for r in await tx.fetch(_DEFINED_AT, channel, at, list(segments))}


async def changed_by(tx: Tx, channel: str, segment_id: UUID) -> str | None:
    """Who made the newest version; None where it was not noted."""
    by: str | None = await tx.fetchval(_CHANGED_BY, channel, segment_id)
    return by


async def update_segment(tx: Tx, channel: str, segment: Segment) -> None:
    """The segment as it is now; where its build is another, that build begins at the beginning, and its end makes it whole."""
    await tx.execute(_CUT_SHORT, channel, segment.id, segment.build, segment.since)
    await tx.execute(
        _UPDATE_SEGMENT, channel, segment.id, segment.name, segment.filter, segment.definition_version, segment.status,
        segment.problem, segment.build, segment.since, segment.version,
    )  # fmt: skip


async def delete_segment(tx: Tx, channel: str, segment_id: UUID) -> None:
    """The segment is no more; what is left of its members and its log goes by `store.purge_deleted`."""
    for statement in _DELETE_SEGMENT:
        await tx.execute(statement, channel, segment_id)


async def tell_defined(tx: Tx, channel: str, segment: Segment, at: datetime, ids: Ids) -> None:
    """Tell that a segment was made, or means something else from now on."""
    told = SegmentDefined(
        segment_id=segment.id,
        name=segment.name,
        filter=cast("Json", segment.filter),
        definition_version=segment.definition_version,
    )
    await _tell_definition(tx, channel, segment.id, segment.version, told, at, ids)


async def tell_deleted(tx: Tx, channel: str, segment: Segment, at: datetime, ids: Ids) -> None:
    """Tell that a segment is no more."""
    told = SegmentDeleted(segment_id=segment.id)
    await _tell_definition(tx, channel, segment.id, segment.version + 1, told, at, ids)


async def _tell_definition(
    tx: Tx, channel: str, segment_id: UUID, version: int, told: SegmentDefined | SegmentDeleted, at: datetime, ids: Ids
) -> None:
    value = SegmentMessage(event=told).encode()
    await outbox.put(
        tx,
        [
            message(
                SEGMENTS,
                channel=channel,
                subject=str(segment_id),
                source=SOURCE,
                type=told.type,
                id=ids(),
                version=version,
                at=at,
                value=value,
                trace=trace_headers(),
            )
        ],
    )
