"""Everyone in the order of their ids, channel by channel, and how far they are told again."""

from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from common.postgres import Database, Record, Tx
from contacts.portion import fitting

BEFORE_ALL = UUID(int=0)

_CHANNELS_FROM = "select channel from channel where channel >= $1 order by channel"
_FOLLOWING = """
select id, coalesce(doc_bytes, octet_length(doc::text)) as bytes from contact
where channel = $1 and id > $2 and version > 0 order by id limit $3
"""
# As whoever writes of them: what is told of a contact stands in the outbox in the order of its versions.
_LOCK = """
select id, version, jsonb_send(doc) as doc, erased_at, epoch, (select number from epoch) as now from contact
where channel = $1 and id = any($2::uuid[]) and version > 0 order by id for update
"""
_WHERE = "select c.channel from channel join contact c on c.channel = channel.channel where c.id = $1 and c.version > 0"
_KNOWN = """
select a.channel, a.id from unnest($1::text[], $2::uuid[]) as a (channel, id)
join contact c on c.channel = a.channel and c.id = a.id
"""
_PLACE = "select channel, contact_id, told from republishing where scope = $1"
_KEEP = """
insert into republishing (scope, channel, contact_id, told) values ($1, $2, $3, $4)
on conflict (scope) do update set channel = excluded.channel, contact_id = excluded.contact_id, told = excluded.told
"""
_DONE = "delete from republishing where scope = $1"
_ALONE = "select pg_try_advisory_lock(hashtext('republishing ' || current_schema()), 0)"


@dataclass(frozen=True, slots=True)
class Place:
    """All channels before this one are told of, and this one up to a contact; `told` contacts in all."""

    channel: str = ""
    contact_id: UUID = BEFORE_ALL
    told: int = 0


@asynccontextmanager
async def alone(database: Database) -> AsyncIterator[bool]:
    """Whether nobody else does it meanwhile. It ends with the connection."""
    async with database.connection() as connection:
        yield await connection.fetchval(_ALONE)


async def channels_from(tx: Tx, channel: str) -> list[str]:
    """This one, and those after it."""
    return [r["channel"] for r in await tx.fetch(_CHANNELS_FROM, channel)]


async def following(tx: Tx, channel: str, after: UUID, most: int, most_bytes: int) -> list[UUID]:
    """The next contacts, erased ones too, as many as go into one transaction."""
    rows = await tx.fetch(_FOLLOWING, channel, after, most)
    return [r["id"] for r in rows[: fitting((r["bytes"] for r in rows), most_bytes)]]


async def lock(tx: Tx, channel: str, ids: Collection[UUID]) -> list[Record]:
    """Their rows."""
    return await tx.fetch(_LOCK, channel, list(ids))


async def channel_of(tx: Tx, contact_id: UUID) -> str | None:
    """In which channel the contact is; None where it is in none."""
    found: str | None = await tx.fetchval(_WHERE, contact_id)
    return found


async def known(tx: Tx, contacts: Iterable[tuple[str, UUID]]) -> set[tuple[str, UUID]]:
    """Those of these that have a row, erased or not."""
    asked = list(contacts)
    rows = await tx.fetch(_KNOWN, [channel for channel, _ in asked], [contact_id for _, contact_id in asked])
    return {(r["channel"], r["id"]) for r in rows}


async def place(tx: Tx, scope: str) -> Place:
    """Where it was broken off; the beginning where it was not."""
    row = await tx.fetchrow(_PLACE, scope)
    return Place() if row is None else Place(row["channel"], row["contact_id"], row["told"])


async def keep(tx: Tx, scope: str, at: Place) -> None:
    """Go on from here."""
    await tx.execute(_KEEP, scope, at.channel, at.contact_id, at.told)


async def done(tx: Tx, scope: str) -> None:
    """Begin anew the next time."""
    await tx.execute(_DONE, scope)
