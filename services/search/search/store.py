"""What search knows of each channel: its settings and its fields with their slots."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from common.events.contacts import Channel, FieldDefinition
from common.filters import Context, FieldType
from common.filters import FieldDefinition as Known
from common.postgres import Database
from search.document import Slots

_TYPES = {
    "String": FieldType.STRING,
    "Number": FieldType.NUMBER,
    "Boolean": FieldType.BOOLEAN,
    "Date": FieldType.DATE,
    "List": FieldType.LIST,
}
_LOCK = "select pg_advisory_xact_lock(hashtext('slots ' || $1))"
_FIELDS = "select key, type, archived, version, slot from field where channel = $1"
# A built-in field has a place of its own in the index and takes no slot.
_SAVE = """
insert into field (channel, key, type, archived, version, slot)
values ($1, $2, $3, $4, $5, case when starts_with($2, 'profile.') then
    (select coalesce(max(slot) + 1, 0) from field where channel = $1 and type = $3) end)
on conflict (channel, key) do update set archived = excluded.archived, version = excluded.version
where field.version < excluded.version
"""
_CHANNEL = "select country, time_zone from channel where channel = $1"
_SAVE_CHANNEL = """
insert into channel (channel, country, time_zone, version) values ($1, $2, $3, $4)
on conflict (channel) do update set country = excluded.country, time_zone = excluded.time_zone, version = excluded.version
where channel.version < excluded.version
"""
_VERSIONS = """
select key, version from field where channel = $1 and key = any($2::text[])
union all select '@channel', version from channel where channel = $1
"""
_SAVE_TERM_SET = """
insert into term_set (channel, id, key, made_at, made_by, counts, used_at) values ($1, $2, $3, $4, $5, $6, $4)
"""
_TERM_SETS = "select id, key, made_at, made_by, counts, used_at from term_set where channel = $1 and id = any($2::uuid[])"
# Those that were deleted meanwhile are not answered, and those that are stay: no filter means another audience midway.
_USE_TERM_SETS = """
update term_set set used_at = greatest(used_at, $3) where channel = $1 and id = any($2::uuid[]) returning id
"""
_PURGE_TERM_SETS = """
delete from term_set where (channel, id) in
    (select channel, id from term_set where used_at <= $1 limit 100 for update skip locked)
"""
_TERM_ROWS = """
select number, report from term_chunk
where channel = $1 and term_set = $2 and number >= $3 and ($4::int is null or counts[$4] > 0)
order by number limit 1
"""
_COMPARED = "select compared from term_chunk where channel = $1 and term_set = $2 order by number"
_WRITES = "hashtext('index writes ' || current_schema())"
_TOGETHER = f"select pg_advisory_xact_lock_shared({_WRITES})"
_ALONE = f"select pg_advisory_xact_lock({_WRITES})"
_REBUILDING = "select pg_try_advisory_lock(hashtext('index rebuild ' || current_schema()))"
_CHUNK_COLUMNS = ("channel", "term_set", "number", "counts", "report", "compared")


TERM_SETS_KEPT = timedelta(days=30)
"""So long after its last use a term set is there for certain; a day later it is gone."""
NOTED_EVERY = timedelta(hours=23)
"""A use is noted where none was for so long: reading is no writing, nearly always."""


@dataclass(frozen=True, slots=True)
class TermSet:
    """A term set as its report begins: how many terms are found, notFound, ambiguous, duplicate, unreadable."""

    id: UUID
    key: str
    made_at: datetime
    made_by: str
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TermChunk:
    """Some of its terms, deflated JSON: the report's rows, and what the index compares with."""

    counts: tuple[int, ...]
    report: bytes
    compared: bytes


@dataclass(frozen=True, slots=True)
class Fields:
    """A channel's fields as filters and documents need them."""

    context: Context
    slots: Slots


class Store:
    """The tables of search."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fields(self, channel: str) -> Fields:
        """The channel's fields, slots, country and zone."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_FIELDS, channel)
            settings = await connection.fetchrow(_CHANNEL, channel)
        default = Channel()
        profile = [r for r in rows if r["key"].startswith("profile.")]
        context = Context(
            country=settings["country"] if settings else default.country,
            zone=settings["time_zone"] if settings else default.time_zone,
            fields={r["key"][8:]: Known(_TYPES[r["type"]], r["archived"]) for r in profile},
            segments=None,
        )
        return Fields(context, {r["key"][8:]: (_TYPES[r["type"]], r["slot"]) for r in profile})

    async def save_fields(self, channel: str, definitions: Sequence[tuple[FieldDefinition, int]]) -> None:
        """Keep definitions, a new one in the next slot of its type; an older version than the known one changes nothing."""
        async with self._database.transaction() as tx:
            await tx.execute(_LOCK, channel)
            for definition, version in definitions:
                await _save(tx, channel, definition, version)

    async def save_channel(self, channel: str, settings: Channel, version: int) -> None:
        """Keep the channel's settings unless newer ones are known."""
        async with self._database.connection() as connection:
            await connection.execute(_SAVE_CHANNEL, channel, settings.country, settings.time_zone, version)

    async def field_versions(self, channel: str, keys: Sequence[str]) -> Mapping[str, int]:
        """The known version of each of these fields."""
        async with self._database.connection() as connection:
            return {r["key"]: r["version"] for r in await connection.fetch(_VERSIONS, channel, list(keys))}

    async def save_term_set(self, channel: str, made: TermSet, chunks: Sequence[TermChunk]) -> None:
        """Keep a term set with all its chunks."""
        rows = [(channel, made.id, n, list(c.counts), c.report, c.compared) for n, c in enumerate(chunks)]
        async with self._database.transaction() as tx:
            await tx.execute(_SAVE_TERM_SET, channel, made.id, made.key, made.made_at, made.made_by, list(made.counts))
            await tx.copy_records_to_table("term_chunk", records=rows, columns=_CHUNK_COLUMNS)

    async def term_sets(self, channel: str, ids: Sequence[UUID], now: datetime) -> Mapping[UUID, TermSet]:
        """Those of these term sets that the channel has, which are used now."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_TERM_SETS, channel, list(ids))
            if stale := [r["id"] for r in rows if r["used_at"] < now - NOTED_EVERY]:
                there = {r["id"] for r in await connection.fetch(_USE_TERM_SETS, channel, stale, now)}
                rows = [r for r in rows if r["id"] not in stale or r["id"] in there]
        return {r["id"]: TermSet(r["id"], r["key"], r["made_at"], r["made_by"], tuple(r["counts"])) for r in rows}

    async def purge_term_sets(self, now: datetime) -> bool:
        """Delete some of those that were last used so long ago; answers whether there were any."""
        async with self._database.connection() as connection:
            return await connection.execute(_PURGE_TERM_SETS, now - TERM_SETS_KEPT - NOTED_EVERY) != "DELETE 0"

    async def term_rows(self, channel: str, term_set: UUID, number: int, status: int | None) -> tuple[int, bytes] | None:
        """The first chunk from this number on that has a term of the status (its place among the counts), and its report."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_TERM_ROWS, channel, term_set, number, None if status is None else status + 1)
        return None if row is None else (row["number"], row["report"])

    async def compared(self, channel: str, term_set: UUID) -> bytes:
        """What the index compares with, all of it, as a JSON list."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_COMPARED, channel, term_set)
        return await asyncio.to_thread(_joined, [row["compared"] for row in rows])

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """While this lasts no other index is put behind the alias: what is written in it is in the index that serves."""
        async with self._database.transaction() as tx:
            await tx.execute(_TOGETHER)
            yield

    @asynccontextmanager
    async def swapping(self) -> AsyncIterator[None]:
        """Waits for those who write; while this lasts nobody does."""
        async with self._database.transaction() as tx:
            await tx.execute(_ALONE)
            yield

    @asynccontextmanager
    async def rebuilding(self) -> AsyncIterator[bool]:
        """Whether this is the only rebuild; while this lasts none begins. It ends with the connection, killed or not."""
        async with self._database.connection() as connection:
            yield await connection.fetchval(_REBUILDING)


def _joined(deflated: Sequence[bytes]) -> bytes:
    """Deflated JSON lists as one."""
    lists = [zlib.decompress(each)[1:-1] for each in deflated]
    return b"[" + b",".join(each for each in lists if each) + b"]"


async def _save(tx: "asyncpg.Connection[asyncpg.Record]", channel: str, definition: FieldDefinition, version: int) -> None:
    await tx.execute(_SAVE, channel, definition.key, definition.type, definition.archived, version)
