"""What search knows of each channel: its settings and its fields with their slots."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

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
_WRITES = "hashtext('index writes ' || current_schema())"
_TOGETHER = f"select pg_advisory_xact_lock_shared({_WRITES})"
_ALONE = f"select pg_advisory_xact_lock({_WRITES})"
_REBUILDING = "select pg_try_advisory_lock(hashtext('index rebuild ' || current_schema()))"


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


async def _save(tx: "asyncpg.Connection[asyncpg.Record]", channel: str, definition: FieldDefinition, version: int) -> None:
    await tx.execute(_SAVE, channel, definition.key, definition.type, definition.archived, version)
