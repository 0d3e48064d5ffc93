"""The table of when the clock looks at whom.

A contact's row notes what its last version, or a build since, made due; the row here says when the clock looks at it. That may be
earlier, and in vain, for a contact that is seen again and again moves nothing here; or later, where the clock has told all until
then. No row: it has told everything. Whoever reads or writes a contact's row here holds the contact's own.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from uuid import UUID

from common.postgres import Tx
from segments.store import Contact, contact_of

_CHANNELS = "select channel from due where at_ms <= $1 order by at_ms limit $2"
# Rows are passed over that another worker or a reader has in hand: nobody is waited for.
_CLAIM = """
with looked_at as materialized (
    select channel, contact_id, at_ms from due where at_ms <= $1 and channel = any($2::text[])
    order by at_ms limit $3 for update skip locked
)
select c.channel, c.id, c.version, c.at_ms, c.doc, c.erased, c.merged_into, c.due_ms, d.at_ms as looks_ms
from looked_at d join contact c on c.channel = d.channel and c.id = d.contact_id for update of c skip locked
"""
# One whose contact a reader has in hand is passed over by the claim as well: it is there, and stays.
_DROP_STRAYS = """
delete from due d using (
    select channel, contact_id from due where at_ms <= $1 and channel = any($2::text[]) order by at_ms, contact_id limit $3
) as stray
where d.channel = stray.channel and d.contact_id = stray.contact_id
    and not exists (select from contact c where c.channel = stray.channel and c.id = stray.contact_id)
"""
_LOOKS = """
select d.channel, d.contact_id, d.at_ms from due d
join unnest($1::text[], $2::uuid[]) as w (channel, id) on d.channel = w.channel and d.contact_id = w.id
"""
_LOOK_BY = """
insert into due (channel, contact_id, at_ms) select * from unnest($1::text[], $2::uuid[], $3::bigint[])
on conflict (channel, contact_id) do update set at_ms = excluded.at_ms where due.at_ms > excluded.at_ms
"""
_WAKE_BY = """
update contact c set due_ms = w.due_ms from unnest($1::text[], $2::uuid[], $3::bigint[]) as w (channel, id, due_ms)
where c.channel = w.channel and c.id = w.id and (c.due_ms is null or c.due_ms > w.due_ms)
"""
_LOOK_AGAIN = """
update due d set at_ms = w.at_ms from unnest($1::text[], $2::uuid[], $3::bigint[]) as w (channel, id, at_ms)
where d.channel = w.channel and d.contact_id = w.id
"""
_LOOK_NO_MORE = """
delete from due d using unnest($1::text[], $2::uuid[]) as w (channel, id) where d.channel = w.channel and d.contact_id = w.id
"""

Key = tuple[str, UUID]
"""A contact, by channel and id."""


async def channels_due(tx: Tx, now: int, most: int) -> list[str]:
    """The channels of so many contacts at most that the clock has to look at, the longest due first."""
    return sorted({r["channel"] for r in await tx.fetch(_CHANNELS, now, most)})


async def claim(tx: Tx, channels: Collection[str], now: int, most: int) -> list[Contact]:
    """So many contacts of these channels that the clock has to look at, the longest due first, for this transaction alone."""
    rows = await tx.fetch(_CLAIM, now, list(channels), most)
    return [contact_of(r) for r in sorted(rows, key=lambda r: r["looks_ms"])]


async def drop_strays(tx: Tx, channels: Collection[str], now: int, most: int) -> int:
    """Drop what would be claimed for ever: rows of contacts that are not there. Answers how many of the first `most` it were."""
    return int((await tx.execute(_DROP_STRAYS, now, list(channels), most)).removeprefix("DELETE "))


async def looked(tx: Tx, contact: Contact) -> Contact:
    """The contact with when the clock looks at it, which is not locked and may be told everything by now."""
    return (await with_looks(tx, {(contact.channel, contact.id): contact}))[contact.channel, contact.id]


async def with_looks(tx: Tx, contacts: Mapping[Key, Contact]) -> dict[Key, Contact]:
    """These contacts with when the clock looks at them. The caller has locked them by an earlier statement, so that it stands."""
    rows = await tx.fetch(_LOOKS, [channel for channel, _ in contacts], [contact for _, contact in contacts])
    looks = {(r["channel"], r["contact_id"]): r["at_ms"] for r in rows}
    return {key: replace(contact, looks=looks.get(key)) for key, contact in contacts.items()}


async def look_by(tx: Tx, dues: Mapping[Key, int]) -> None:
    """Have the clock look at these contacts no later than told."""
    if dues:
        await tx.execute(_LOOK_BY, [channel for channel, _ in dues], [contact for _, contact in dues], list(dues.values()))


async def wake_by(tx: Tx, dues: Mapping[Key, int]) -> None:
    """Have these contacts due no later than told; those that are due earlier stay so."""
    if dues:
        await tx.execute(_WAKE_BY, [channel for channel, _ in dues], [contact for _, contact in dues], list(dues.values()))
        await look_by(tx, dues)


async def put_looks(tx: Tx, looks: Mapping[Key, int | None]) -> None:
    """Note when the clock looks again at these contacts, at which it has looked; None: nothing is due any more."""
    again = {key: at for key, at in looks.items() if at is not None}
    if again:
        await tx.execute(_LOOK_AGAIN, [channel for channel, _ in again], [one for _, one in again], list(again.values()))
    if ended := looks.keys() - again.keys():
        await tx.execute(_LOOK_NO_MORE, [channel for channel, _ in ended], [one for _, one in ended])
