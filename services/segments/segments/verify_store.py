"""What a verification reads beside the standings, and the counts that it puts right."""

from collections.abc import Iterable
from uuid import UUID

from common.postgres import Tx
from segments.fault import Told
from segments.ledger import Place
from segments.store import Contact, contact_of

_NEXT_CONTACTS = """
select c.channel, c.id, c.version, c.at_ms, c.doc, c.erased, c.merged_into, c.due_ms, d.at_ms as looks_ms
from contact c left join due d on d.channel = c.channel and d.contact_id = c.id
where c.channel = $1 and ($2::uuid is null or c.id > $2) order by c.id limit $3
"""
_LAST_TOLD = """
select w.channel, w.segment_id, w.contact_id, last.change, last.at_ms
from unnest($1::text[], $2::uuid[], $3::uuid[]) as w (channel, segment_id, contact_id) cross join lateral (
    select c.change, c.at_ms from change c
    where c.channel = w.channel and c.segment_id = w.segment_id and c.contact_id = w.contact_id
    order by c.position desc limit 1
) as last
"""
# One statement sees one moment, and whoever moves a member moves the count in the same transaction.
_WRONG_COUNTS = """
select t.segment_id from tally t left join (
    select segment_id, count(*) as members from membership where channel = $1 and member group by segment_id
) as m on m.segment_id = t.segment_id
where t.channel = $1 and t.members <> coalesce(m.members, 0) order by t.segment_id
"""
_LOCK_TALLY = "select members from tally where channel = $1 and segment_id = $2 for update"
_COUNT_ANEW = """
update tally t set members = c.members from (
    select count(*) as members from membership where channel = $1 and segment_id = $2 and member
) as c
where t.channel = $1 and t.segment_id = $2 and t.members <> c.members returning 1
"""
_PATIENCE = 600.0


async def next_contacts(tx: Tx, channel: str, after: UUID | None, most: int) -> list[Contact]:
    """The contacts that follow an id, those that are gone too, in the order of ids; nobody is locked."""
    return [contact_of(r) for r in await tx.fetch(_NEXT_CONTACTS, channel, after, most)]


async def last_told(tx: Tx, places: Iterable[Place]) -> dict[Place, Told]:
    """What the log says last of each; of whom it says nothing, nothing."""
    wanted = list(places)
    columns = [p.channel for p in wanted], [p.segment_id for p in wanted], [p.contact_id for p in wanted]
    return {
        Place(r["channel"], r["segment_id"], r["contact_id"]): Told(r["change"] == "entered", r["at_ms"])
        for r in await tx.fetch(_LAST_TOLD, *columns)
    }


async def wrong_counts(tx: Tx, channel: str) -> list[UUID]:
    """The segments whose count is not that of their members."""
    return [r["segment_id"] for r in await tx.fetch(_WRONG_COUNTS, channel, timeout=_PATIENCE)]


async def count_anew(tx: Tx, channel: str, segment_id: UUID) -> bool:
    """Count a segment's members, whose changes wait meanwhile; answers whether the count was wrong."""
    await tx.fetchval(_LOCK_TALLY, channel, segment_id)
    return await tx.fetchval(_COUNT_ANEW, channel, segment_id, timeout=_PATIENCE) is not None
