"""The tables of contacts: rows locked and written by arrays, never one at a time."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from common.epoch import lifted
from common.events.contacts import Contact
from common.eventstore import ConcurrentChange
from common.number import is_long, one_form
from common.postgres import Record, Tx
from contacts.portion import fitting

_RESERVE = """
insert into contact (channel, id, member_id, version, doc, changed_by, doc_bytes)
select $1, new.*
from unnest($2::uuid[], $3::text[], $4::bigint[], $5::jsonb[], $6::text[], $7::integer[])
    as new (id, member_id, version, doc, changed_by, doc_bytes)
on conflict (channel, member_id) where member_id is not null do nothing returning member_id, id
"""
_DROP_RESERVED = "delete from contact where channel = $1 and id = any($2::uuid[]) and version = 0"
_MAKE_LEADS = """
insert into contact (channel, id, member_id, version, doc, changed_by, doc_bytes)
select $1, new.id, null, 1, new.doc, $4, new.bytes from unnest($2::uuid[], $3::jsonb[], $5::integer[]) as new (id, doc, bytes)
"""
_IDS = """
select member_id, id, coalesce(doc_bytes, octet_length(doc::text)) as bytes from contact
where channel = $1 and member_id = any($2::text[])
"""
_SIZES = """
select id, coalesce(doc_bytes, octet_length(doc::text)) as bytes from contact where channel = $1 and id = any($2::uuid[])
"""
# A contact is read as jsonb is sent, without a form in between.
_EPOCHS = "epoch, (select number from epoch) as now"
_LOCK = f"""
select id, version, jsonb_send(doc) as doc, changed_by, {_EPOCHS} from contact
where channel = $1 and id = any($2::uuid[]) and erased_at is null order by id for update
"""  # noqa: S608 - the names of columns
_READ = f"""
select id, jsonb_send(doc) as doc, {_EPOCHS} from contact
where channel = $1 and id = any($2::uuid[]) and version > 0 and erased_at is null
"""  # noqa: S608
_SAVE = """
update contact set version = new.version, doc = new.doc, changed_by = $5, merged_into = (new.doc ->> 'mergedInto')::uuid,
    hidden = (new.doc ->> 'hidden')::boolean, doc_bytes = new.bytes
from unnest($2::uuid[], $3::bigint[], $4::jsonb[], $6::integer[]) as new (id, version, doc, bytes)
where contact.channel = $1 and contact.id = new.id
"""
_HOLDERS = """
select id from contact
where channel = $1 and id > $2 and version > 0 and doc->'profile' ? $3 order by id limit $4
"""
_IS_ERASED = "select erased_at is not null from contact where channel = $1 and id = $2"

_NOBODY: Mapping[UUID, tuple[Contact, bytes]] = {}

States = dict[UUID, tuple[Contact | None, str]]
"""Locked contacts (None: reserved, not made yet) and who changed each last."""
_LAST_CHANGE = """
select by, at from event where channel = $1 and stream = $2 and data->'changes' @> $3 order by version desc limit 1
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """A contact's id, and how many bytes its state has."""

    id: UUID
    bytes: int


async def stored_members(tx: Tx, channel: str, member_ids: Iterable[str]) -> dict[str, Stored]:
    """The members of these ids that are there, by them."""
    return {r["member_id"]: Stored(r["id"], r["bytes"]) for r in await tx.fetch(_IDS, channel, sorted(set(member_ids)))}


async def sizes(tx: Tx, channel: str, ids: Collection[UUID]) -> dict[UUID, int]:
    """How many bytes the states of these contacts have, of those that are there."""
    return {r["id"]: r["bytes"] for r in await tx.fetch(_SIZES, channel, list(ids))} if ids else {}


async def first_fitting(tx: Tx, channel: str, ids: Sequence[UUID], most: int) -> int:
    """How many of the first of these contacts go into one transaction that tells of each once."""
    known = await sizes(tx, channel, ids)
    return fitting((known.get(i, 0) for i in ids), most)


async def reserve_members(
    tx: Tx,
    channel: str,
    new: Mapping[str, UUID],
    known: Mapping[str, Stored] | None = None,
    made: Mapping[UUID, tuple[Contact, bytes]] = _NOBODY,
    by: str = "",
) -> dict[str, UUID]:
    """A row for every member id, made where there is none; answers each one's contact id. `known` is what was read just now.

    A new row holds nothing yet, or the first state, with its JSON, that `made` has for its id: then that id is answered. Rows are
    inserted in the order of their member ids and before any row is locked, so two writers never wait for each other.
    Raises ConcurrentChange where a member stood in the way of a new row and was erased before it could be read.
    """
    if known is None:
        known = await stored_members(tx, channel, new)
    found = {member_id: known[member_id].id for member_id in new if member_id in known}
    missing = sorted(new.keys() - found.keys())
    if missing:
        ids = [new[m] for m in missing]
        states = [made.get(i) for i in ids]
        inserted = await tx.fetch(
            _RESERVE, channel, ids, missing, [0 if s is None else s[0].version for s in states],
            [b"{}" if s is None else s[1] for s in states], ["" if s is None else by for s in states],
            [None if s is None else len(s[1]) for s in states],
        )  # fmt: skip
        found |= {r["member_id"]: r["id"] for r in inserted}
        if others := new.keys() - found.keys():
            found |= {r["member_id"]: r["id"] for r in await tx.fetch(_IDS, channel, sorted(others))}
            if new.keys() - found.keys():
                raise ConcurrentChange
    return found


async def drop_reserved(tx: Tx, channel: str, ids: Sequence[UUID]) -> None:
    """Give up rows that were reserved and of which nothing was made."""
    await tx.execute(_DROP_RESERVED, channel, ids)


async def make_leads(tx: Tx, channel: str, made: Mapping[UUID, tuple[Contact, bytes]], by: str) -> None:
    """A row for each new lead, with its first state and the JSON of that."""
    docs = [doc for _, doc in made.values()]
    await tx.execute(_MAKE_LEADS, channel, list(made), docs, by, [len(doc) for doc in docs])


async def lock(tx: Tx, channel: str, ids: Iterable[UUID]) -> States:
    """The contacts (None: reserved, not yet created) and who changed each last, their rows locked in the order of their ids."""
    rows = await tx.fetch(_LOCK, channel, sorted(set(ids)))
    return {r["id"]: (contact_of(r) if r["version"] else None, r["changed_by"]) for r in rows}


async def read(tx: Tx, channel: str, ids: Iterable[UUID]) -> dict[UUID, Contact]:
    """The contacts of these ids that exist."""
    rows = await tx.fetch(_READ, channel, list(set(ids)))
    return {r["id"]: contact_of(r) for r in rows}


def contact_of(row: Record) -> Contact:
    """The contact of a row, at its version in the epoch of `now`.

    Its `doc` is JSON after one byte that names its form. A large double stands there with all its digits.
    """
    contact = Contact.decode(memoryview(row["doc"])[1:])
    if row["epoch"] < row["now"]:
        contact = replace(contact, version=lifted(contact.version, row["now"]))
    if any(map(is_long, contact.profile.values())):
        profile = {key: one_form(value) if is_long(value) else value for key, value in contact.profile.items()}
        return replace(contact, profile=profile)
    return contact


async def find_members(tx: Tx, channel: str, member_ids: Iterable[str]) -> dict[str, UUID]:
    """Contact ids by member id."""
    return {r["member_id"]: r["id"] for r in await tx.fetch(_IDS, channel, sorted(set(member_ids)))}


async def is_erased(tx: Tx, channel: str, contact_id: UUID) -> bool:
    """Whether there was such a contact and it was erased."""
    return bool(await tx.fetchval(_IS_ERASED, channel, contact_id))


async def save(tx: Tx, channel: str, contacts: Sequence[tuple[Contact, bytes]], by: str) -> None:
    """Keep the contacts' new states, each with its JSON."""
    if contacts:
        docs = [doc for _, doc in contacts]
        await tx.execute(
            _SAVE, channel, [c.id for c, _ in contacts], [c.version for c, _ in contacts], docs, by, [len(doc) for doc in docs]
        )


async def holders(tx: Tx, channel: str, key: str, after: UUID, most: int) -> list[UUID]:
    """The ids after this one of contacts that hold a value for a bare profile key, in their order."""
    return [r["id"] for r in await tx.fetch(_HOLDERS, channel, after, key, most)]


async def last_change(tx: Tx, channel: str, contact_id: UUID, key: str) -> tuple[str, datetime] | None:
    """Who changed a value of a contact last and when, by its key as the API writes it; None where nobody ever did."""
    row = await tx.fetchrow(_LAST_CHANGE, channel, contact_id, [{"key": key}])
    return None if row is None else (row["by"], row["at"])
