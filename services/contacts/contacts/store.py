"""The tables of contacts: rows locked and written by arrays, never one at a time."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from common.events.contacts import Channel, Contact, FieldDefinition, Visit
from common.eventstore import ConcurrentChange
from common.postgres import Tx
from contacts.sessions.session import Session

_NEW_CHANNEL = """
insert into channel (channel, settings, version, created_at) values ($1, $2, 1, $3) on conflict do nothing returning version
"""
_CHANNEL = "select settings, version from channel where channel = $1"
_SAVE_CHANNEL = "update channel set settings = $2, version = $3 where channel = $1"
_RESERVE = """
insert into contact (channel, id, member_id, version, doc, changed_by)
select $1, new.id, new.member_id, 0, '{}', '' from unnest($2::uuid[], $3::text[]) as new (id, member_id)
on conflict (channel, member_id) where member_id is not null do nothing
"""
_DROP_RESERVED = "delete from contact where channel = $1 and id = any($2::uuid[]) and version = 0"
_RESERVE_LEADS = """
insert into contact (channel, id, member_id, version, doc, changed_by)
select $1, new.id, null, 0, '{}', '' from unnest($2::uuid[]) as new (id)
"""
_IDS = "select member_id, id from contact where channel = $1 and member_id = any($2::text[])"
_LOCK = """
select id, member_id, version, doc, changed_by from contact
where channel = $1 and id = any($2::uuid[]) and erased_at is null order by id for update
"""
_READ = """
select id, member_id, version, doc, changed_by from contact where channel = $1 and id = any($2::uuid[]) and version > 0
    and erased_at is null
"""
_SAVE = """
update contact set version = new.version, doc = new.doc, changed_by = $5, merged_into = (new.doc ->> 'mergedInto')::uuid,
    hidden = (new.doc ->> 'hidden')::boolean
from unnest($2::uuid[], $3::bigint[], $4::jsonb[]) as new (id, version, doc)
where contact.channel = $1 and contact.id = new.id
"""
_FIELDS = """
select f.key, f.definition, f.version, coalesce(r.values, 0) as refused
from profile_field f left join refused_value r on r.channel = f.channel and r.key = f.key
where f.channel = $1
"""
_REFUSED = """
insert into refused_value (channel, key, values)
select $1, new.key, new.values from unnest($2::text[], $3::bigint[]) as new (key, values)
on conflict (channel, key) do update set values = refused_value.values + excluded.values
"""
_FORGET_REFUSED = "delete from refused_value where channel = $1 and key = $2"
_HOLDERS = """
select id from contact
where channel = $1 and id > $2 and version > 0 and doc->'profile' ? $3 order by id limit $4
"""
_ARCHIVED = "select key from profile_field where channel = $1 and (definition->>'archived')::boolean"
_SAVE_FIELDS = """
insert into profile_field (channel, key, definition, version)
select $1, new.key, new.definition, new.version
from unnest($2::text[], $3::jsonb[], $4::bigint[]) as new (key, definition, version)
on conflict (channel, key) do update set definition = excluded.definition, version = excluded.version
"""
_NEW_VISITS = """
insert into visit (channel, id, contact_id, name, at, body)
select $1, new.id, new.contact_id, new.name, new.at, new.body
from unnest($2::text[], $3::uuid[], $4::text[], $5::timestamptz[], $6::jsonb[]) as new (id, contact_id, name, at, body)
on conflict do nothing returning id
"""
_DROP_ERASED = """
delete from visit v using erased_visit e
where v.channel = $1 and v.id = any($2::text[])
    and e.channel = v.channel and e.id = sha256(convert_to(v.channel || '/' || v.id, 'UTF8'))
returning v.id
"""
_SESSIONS = """
select s.contact_id, s.started_at, s.ended_at
from session s join unnest($2::uuid[], $3::timestamptz[], $4::timestamptz[]) as near (contact_id, low, high)
  on s.contact_id = near.contact_id and s.started_at <= near.high and s.ended_at >= near.low
where s.channel = $1
"""
_ALL_SESSIONS = "select contact_id, started_at, ended_at from session where channel = $1 and contact_id = any($2::uuid[])"
_DROP_SESSIONS = """
delete from session using unnest($2::uuid[], $3::timestamptz[]) as gone (contact_id, started_at)
where session.channel = $1 and session.contact_id = gone.contact_id and session.started_at = gone.started_at
"""
_ADD_SESSIONS = """
insert into session (channel, contact_id, started_at, ended_at)
select $1, new.contact_id, new.started_at, new.ended_at
from unnest($2::uuid[], $3::timestamptz[], $4::timestamptz[]) as new (contact_id, started_at, ended_at)
"""


async def make_channel(tx: Tx, channel: str, settings: Channel, at: datetime) -> bool:
    """Make the channel with these settings; False where it is there already."""
    return await tx.fetchval(_NEW_CHANNEL, channel, settings.members(), at) is not None


async def load_channel(tx: Tx, channel: str, *, lock: bool = False) -> tuple[Channel, int]:
    """The settings and their version."""
    row = await tx.fetchrow(_CHANNEL + (" for update" if lock else ""), channel)
    assert row is not None, "a channel is made before anything else of it is asked"
    return Channel.model_validate(row["settings"]), row["version"]


async def save_channel(tx: Tx, channel: str, settings: Channel, version: int) -> None:
    """Keep changed settings."""
    await tx.execute(_SAVE_CHANNEL, channel, settings.members(), version)


async def reserve_members(tx: Tx, channel: str, new: Mapping[str, UUID]) -> dict[str, UUID]:
    """A row for every member id, made where there is none; answers each one's contact id.

    Rows are inserted in the order of their member ids and before any row is locked, so two writers never wait for each other.
    Raises ConcurrentChange where a member stood in the way of a new row and was erased before it could be read.
    """
    found = {r["member_id"]: r["id"] for r in await tx.fetch(_IDS, channel, sorted(new))}
    missing = sorted(new.keys() - found.keys())
    if missing:
        await tx.execute(_RESERVE, channel, [new[m] for m in missing], missing)
        found |= {r["member_id"]: r["id"] for r in await tx.fetch(_IDS, channel, missing)}
        if new.keys() - found.keys():
            raise ConcurrentChange
    return found


async def drop_reserved(tx: Tx, channel: str, ids: Sequence[UUID]) -> None:
    """Give up rows that were reserved and of which nothing was made."""
    await tx.execute(_DROP_RESERVED, channel, ids)


async def reserve_leads(tx: Tx, channel: str, ids: Sequence[UUID]) -> None:
    """A row for each new lead."""
    await tx.execute(_RESERVE_LEADS, channel, ids)


async def lock(tx: Tx, channel: str, ids: Iterable[UUID]) -> dict[UUID, tuple[Contact | None, str]]:
    """The contacts (None: reserved, not yet created) and who changed each last, their rows locked in the order of their ids."""
    rows = await tx.fetch(_LOCK, channel, sorted(set(ids)))
    return {r["id"]: (Contact.model_validate(r["doc"]) if r["version"] else None, r["changed_by"]) for r in rows}


async def read(tx: Tx, channel: str, ids: Iterable[UUID]) -> dict[UUID, Contact]:
    """The contacts of these ids that exist."""
    rows = await tx.fetch(_READ, channel, list(set(ids)))
    return {r["id"]: Contact.model_validate(r["doc"]) for r in rows}


async def find_members(tx: Tx, channel: str, member_ids: Iterable[str]) -> dict[str, UUID]:
    """Contact ids by member id."""
    return {r["member_id"]: r["id"] for r in await tx.fetch(_IDS, channel, sorted(set(member_ids)))}


async def save(tx: Tx, channel: str, contacts: Sequence[Contact], by: str) -> None:
    """Keep the contacts' new states."""
    if contacts:
        await tx.execute(
            _SAVE, channel, [c.id for c in contacts], [c.version for c in contacts], [c.members() for c in contacts], by
        )


async def fields(tx: Tx, channel: str) -> dict[str, tuple[FieldDefinition, int]]:
    """Every definition that the channel has written, with its version, by key as the API writes it."""
    rows = await tx.fetch(_FIELDS, channel)
    return {
        r["key"]: (FieldDefinition.model_validate(r["definition"] | {"refusedWhileArchived": r["refused"]}), r["version"])
        for r in rows
    }


async def archived_keys(tx: Tx, channel: str) -> frozenset[str]:
    """The bare keys of the profile fields that are archived."""
    return frozenset(r["key"].removeprefix("profile.") for r in await tx.fetch(_ARCHIVED, channel))


async def count_refused(tx: Tx, channel: str, refused: Mapping[str, int]) -> None:
    """Count values that came for archived fields, by key as the API writes it.

    The last statement of a writer: many count on the same rows, and hold them no longer than the commit takes.
    """
    if refused:
        keys = sorted(refused)
        await tx.execute(_REFUSED, channel, keys, [refused[key] for key in keys])


async def forget_refused(tx: Tx, channel: str, key: str) -> None:
    """Count from nothing."""
    await tx.execute(_FORGET_REFUSED, channel, key)


async def holders(tx: Tx, channel: str, key: str, after: UUID, most: int) -> list[UUID]:
    """The ids after this one of contacts that hold a value for a bare profile key, in their order."""
    return [r["id"] for r in await tx.fetch(_HOLDERS, channel, after, key, most)]


async def save_fields(tx: Tx, channel: str, changed: Sequence[tuple[FieldDefinition, int]]) -> None:
    """Keep definitions at their new versions."""
    if changed:
        await tx.execute(
            _SAVE_FIELDS, channel, [d.key for d, _ in changed], [d.members() for d, _ in changed], [v for _, v in changed]
        )


async def add_visits(tx: Tx, channel: str, visits: Sequence[Visit]) -> set[str]:
    """Keep visits whose ids are new in the channel, not those of an erased contact's either; answers those ids.

    Rows are inserted in the order of their ids, so two writers of the same ids never wait for each other.
    """
    visits = sorted(visits, key=lambda v: v.id)
    rows = await tx.fetch(
        _NEW_VISITS,
        channel,
        [v.id for v in visits],
        [v.contact_id for v in visits],
        [v.name for v in visits],
        [v.at for v in visits],
        [v.members() for v in visits],
    )
    new = [r["id"] for r in rows]
    # Asked once the rows are there: an erasure that held one of these ids has ended by now, and has left its mark.
    erased = await tx.fetch(_DROP_ERASED, channel, new) if new else []
    return {*new} - {r["id"] for r in erased}


async def sessions_near(
    tx: Tx, channel: str, reach: Mapping[UUID, tuple[datetime, datetime]], window: timedelta
) -> dict[UUID, list[Session]]:
    """Per contact the sessions that visits between two instants may touch."""
    near = list(reach.items())
    rows = await tx.fetch(
        _SESSIONS, channel, [c for c, _ in near], [_shift(low, -window) for _, (low, _) in near],
        [_shift(high, window) for _, (_, high) in near],
    )  # fmt: skip
    found: dict[UUID, list[Session]] = {contact: [] for contact in reach}
    for row in rows:
        found[row["contact_id"]].append(Session(row["started_at"], row["ended_at"]))
    return found


async def all_sessions(tx: Tx, channel: str, ids: Sequence[UUID]) -> list[tuple[UUID, Session]]:
    """Every session of these contacts."""
    rows = await tx.fetch(_ALL_SESSIONS, channel, ids)
    return [(r["contact_id"], Session(r["started_at"], r["ended_at"])) for r in rows]


def _shift(at: datetime, by: timedelta) -> datetime:
    try:
        return at + by
    except OverflowError:
        return at


async def replace_sessions(
    tx: Tx, channel: str, gone: Sequence[tuple[UUID, Session]], new: Sequence[tuple[UUID, Session]]
) -> None:
    """Take sessions away and put others in their place."""
    if gone:
        await tx.execute(_DROP_SESSIONS, channel, [c for c, _ in gone], [s.started_at for _, s in gone])
    if new:
        await tx.execute(
            _ADD_SESSIONS, channel, [c for c, _ in new], [s.started_at for _, s in new], [s.ended_at for _, s in new]
        )
