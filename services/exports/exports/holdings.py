"""Whom each file holds and who was erased: so that a file with an erased contact is found and goes at once."""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from common.leased import readable
from common.postgres import Tx
from exports.export import Export

_ID_BYTES = 16
_CHUNK = 1000 * _ID_BYTES

_ALONE = "select pg_advisory_xact_lock(hashtext('erasure ' || $1))"
_ADD = "insert into holding (channel, export_id, first, ids) select $1, $2, * from unnest($3::uuid[], $4::bytea[])"
# The bytes of an id anywhere in the one piece where it can be; that they are no ends of two ids is seen afterwards.
_HOLDING_ANY = """
select h.export_id, h.ids, c.id as contact_id
from export e
cross join unnest($2::uuid[]) c(id)
cross join lateral (
    select export_id, ids from holding
    where channel = $1 and export_id = e.id and first <= c.id order by first desc limit 1
) h
where e.channel = $1 and e.status = 'ready' and position(uuid_send(c.id) in h.ids) > 0
"""
# Of files that are over as well, as long as they lie there.
_LYING = """
select h.ids, c.id as contact_id
from (select distinct export_id from holding where channel = $1) e
cross join unnest($2::uuid[]) c(id)
cross join lateral (
    select ids from holding
    where channel = $1 and export_id = e.export_id and first <= c.id order by first desc limit 1
) h
where position(uuid_send(c.id) in h.ids) > 0
"""
_DROP = "delete from holding where channel = $1 and export_id = $2"
_SPENT = """
select distinct h.channel, h.export_id from holding h where not exists
    (select from export e where e.channel = h.channel and e.id = h.export_id and e.status = 'ready')
"""
_READY = "select id, state from export where channel = $1 and id = any($2) and status = 'ready' order by id for update"
_ERASE = "insert into erased_contact (channel, contact_id, at) select $1, unnest($2::uuid[]), $3 on conflict do nothing"
_ERASED_SINCE = "select contact_id from erased_contact where channel = $1 and at >= $2"
_KNOWN = "select count(*) from erased_contact where channel = $1 and contact_id = any($2::uuid[])"


async def alone(tx: Tx, channel: str) -> None:
    """Files are completed and contacts erased one after the other: neither overlooks the other."""
    await tx.execute(_ALONE, channel)


async def add(tx: Tx, channel: str, export_id: UUID, ids: bytes) -> None:
    """Keep whom a file holds: the ids' bytes in ascending order."""
    chunks = [ids[begin : begin + _CHUNK] for begin in range(0, len(ids), _CHUNK)]
    await tx.execute(_ADD, channel, export_id, [UUID(bytes=chunk[:_ID_BYTES]) for chunk in chunks], chunks)


async def holding_any(tx: Tx, channel: str, contact_ids: Sequence[UUID]) -> dict[UUID, Export | None]:
    """The exports with a file that holds any of these, locked: one question, however many contacts and files there are.

    None stands for one that cannot be read: its file is to go nevertheless.
    """
    found: dict[UUID, None] = {}
    for row in await tx.fetch(_HOLDING_ANY, channel, contact_ids):
        if contains(row["ids"], row["contact_id"]):
            found[row["export_id"]] = None
    return {r["id"]: readable(Export, r["id"], r["state"]) for r in await tx.fetch(_READY, channel, list(found))}


def contains(ids: bytes, contact_id: UUID) -> bool:
    """Whether an id is among these, which are in ascending order."""
    count = len(ids) // _ID_BYTES
    wanted = contact_id.bytes
    place = bisect_left(range(count), wanted, key=lambda n: ids[n * _ID_BYTES : (n + 1) * _ID_BYTES])
    return place < count and ids[place * _ID_BYTES : (place + 1) * _ID_BYTES] == wanted


async def drop(tx: Tx, channel: str, export_id: UUID) -> None:
    """Forget whom a file held."""
    await tx.execute(_DROP, channel, export_id)


async def spent(tx: Tx) -> list[tuple[str, UUID]]:
    """Channels and ids of the exports that are over and whose files are not known to be gone."""
    return [(r["channel"], r["export_id"]) for r in await tx.fetch(_SPENT)]


async def erase(tx: Tx, channel: str, contact_ids: Sequence[UUID], at: datetime) -> None:
    """Remember that these are erased."""
    await tx.execute(_ERASE, channel, contact_ids, at)


async def erased_since(tx: Tx, channel: str, at: datetime) -> list[UUID]:
    """Who was erased at that instant or later, as far as it was told here."""
    return [r["contact_id"] for r in await tx.fetch(_ERASED_SINCE, channel, at)]


async def holds_none(tx: Tx, channel: str, contact_ids: Sequence[UUID]) -> bool:
    """Whether it was told of all these that they are erased, and no file that lies anywhere yet holds one of them."""
    if await tx.fetchval(_KNOWN, channel, contact_ids) != len(set(contact_ids)):
        return False
    return not any(contains(r["ids"], r["contact_id"]) for r in await tx.fetch(_LYING, channel, contact_ids))
