"""Whom each file holds and who was erased: so that a file with an erased contact is found and goes at once."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from common.postgres import Tx
from exports.export import Export

_ID_BYTES = 16
_CHUNK = 1000 * _ID_BYTES

_ALONE = "select pg_advisory_xact_lock(hashtext('erasure ' || $1))"
_ADD = "insert into holding (channel, export_id, first, ids) select $1, $2, * from unnest($3::uuid[], $4::bytea[])"
_CHUNK_OF = "select ids from holding where channel = $1 and export_id = $2 and first <= $3 order by first desc limit 1"
_DROP = "delete from holding where channel = $1 and export_id = $2"
_DROP_SPENT = """
delete from holding h where not exists
    (select from export e where e.channel = h.channel and e.id = h.export_id and e.status = 'ready')
"""
_READY = "select state from export where channel = $1 and status = 'ready' order by id for update"
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


async def holds_any(tx: Tx, channel: str, export_id: UUID, contact_ids: Iterable[UUID]) -> bool:
    """Whether a file holds any of these."""
    for contact_id in contact_ids:
        chunk = await tx.fetchval(_CHUNK_OF, channel, export_id, contact_id)
        if chunk is not None and contains(chunk, contact_id):
            return True
    return False


def contains(ids: bytes, contact_id: UUID) -> bool:
    """Whether an id is among these, which are in ascending order."""
    count = len(ids) // _ID_BYTES
    wanted = contact_id.bytes
    place = bisect_left(range(count), wanted, key=lambda n: ids[n * _ID_BYTES : (n + 1) * _ID_BYTES])
    return place < count and ids[place * _ID_BYTES : (place + 1) * _ID_BYTES] == wanted


async def ready(tx: Tx, channel: str) -> list[Export]:
    """The exports that have a file, locked."""
    return [Export.model_validate(r["state"]) for r in await tx.fetch(_READY, channel)]


async def drop(tx: Tx, channel: str, export_id: UUID) -> None:
    """Forget whom a file held."""
    await tx.execute(_DROP, channel, export_id)


async def drop_spent(tx: Tx) -> None:
    """Forget whom files held that are gone."""
    await tx.execute(_DROP_SPENT)


async def erase(tx: Tx, channel: str, contact_ids: Sequence[UUID], at: datetime) -> None:
    """Remember that these are erased."""
    await tx.execute(_ERASE, channel, contact_ids, at)


async def erased_since(tx: Tx, channel: str, at: datetime) -> list[UUID]:
    """Who was erased at that instant or later, as far as it was told here."""
    return [r["contact_id"] for r in await tx.fetch(_ERASED_SINCE, channel, at)]


async def knows_erased(tx: Tx, channel: str, contact_ids: Sequence[UUID]) -> bool:
    """Whether it was told of all these that they are erased; then no file holds them."""
    return bool(await tx.fetchval(_KNOWN, channel, contact_ids) == len(set(contact_ids)))
