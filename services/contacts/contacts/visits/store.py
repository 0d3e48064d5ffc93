"""The visits: each id is kept once in a channel."""

from collections.abc import Sequence

import asyncpg

from common.clock import from_wire
from common.events.contacts import Visit
from common.postgres import Tx

_NEW_VISITS = """
insert into visit (channel, id, contact_id, name, at, body)
select $1, new.id, new.contact_id, new.name, new.at, new.body
from unnest($2::text[], $3::uuid[], $4::text[], $5::timestamptz[], $6::jsonb[]) as new (id, contact_id, name, at, body)
on conflict do nothing returning id
"""
_COPIED = ("channel", "id", "contact_id", "name", "at", "body")
_MANY = 50
"""So many are copied, which is cheaper by a third, and of which none may be there yet."""
_HAS_ERASED = "select exists (select from erased_visit where channel = $1)"
_ERASED = """
select new.id from unnest($2::text[]) as new (id)
join erased_visit e on e.channel = $1 and e.id = sha256(convert_to($1 || '/' || new.id, 'UTF8'))
"""
_DROP = "delete from visit where channel = $1 and id = any($2::text[])"


async def add_visits(tx: Tx, channel: str, visits: Sequence[tuple[Visit, bytes]]) -> set[str]:
    """Keep visits, each with its JSON, whose ids are new in the channel and not those of an erased contact's; answers those ids.

    Rows are inserted in the order of their ids, so two writers of the same ids never wait for each other.
    """
    visits = sorted(visits, key=lambda each: each[0].id)
    new = {v.id for v, _ in visits} if len(visits) >= _MANY and await _copied(tx, channel, visits) else None
    if new is None:
        rows = await tx.fetch(
            _NEW_VISITS,
            channel,
            [v.id for v, _ in visits],
            [v.contact_id for v, _ in visits],
            [v.name for v, _ in visits],
            [from_wire(v.at) for v, _ in visits],
            [json for _, json in visits],
        )
        new = {r["id"] for r in rows}
    # Asked once the rows are there: an erasure that held one of these ids has ended by now, and has left its mark.
    if new and await tx.fetchval(_HAS_ERASED, channel) and (erased := await tx.fetch(_ERASED, channel, new)):
        gone = [r["id"] for r in erased]
        await tx.execute(_DROP, channel, gone)
        new.difference_update(gone)
    return new


async def _copied(tx: Tx, channel: str, visits: Sequence[tuple[Visit, bytes]]) -> bool:
    """Whether all are kept; none is where the id of any is there already."""
    rows = [(channel, v.id, v.contact_id, v.name, from_wire(v.at), json) for v, json in visits]
    try:
        async with tx.transaction():
            await tx.copy_records_to_table("visit", records=rows, columns=_COPIED)
    except asyncpg.UniqueViolationError:
        return False
    return True
