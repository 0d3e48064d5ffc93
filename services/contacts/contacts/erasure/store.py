"""Rows rewritten so that nothing of a contact can be read any more: one list of statements for every table that knows contacts.

Whoever adds a table with a contact's data adds its statement here; a test looks for erased texts in every table there is.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from common import idempotency, outbox
from common.clock import to_wire
from common.envelope import Message, message
from common.events.contacts import Contact, ContactErased, ErasureMessage
from common.postgres import Tx
from common.telemetry import trace_headers
from common.topics import CONTACTS, ERASURES, VISITS
from contacts.erasure.erasure import Erased, Erasure

STATEMENTS = (
    # What happened stays countable: when, by whom, how often; not what.
    """
    update event set type = 'contact.redacted', data = '{"type": "contact.redacted"}'
    where channel = $1 and stream = any($2::uuid[])
    """,
    # Their ids go on counting once: see `visits.store.add_visits`.
    """
    insert into erased_visit (channel, id)
    select channel, sha256(convert_to(channel || '/' || id, 'UTF8')) from visit
    where channel = $1 and contact_id = any($2::uuid[]) order by 2 on conflict do nothing
    """,
    "delete from visit where channel = $1 and contact_id = any($2::uuid[])",
    "delete from session where channel = $1 and contact_id = any($2::uuid[])",
    "update import_row set contact_id = null where channel = $1 and contact_id = any($2::uuid[])",
    # An import that is at work may have the member in a later row: see `import_store.erased_mark`.
    """
    insert into import_erased (channel, job_id, member)
    select c.channel, j.id, sha256(convert_to(j.id || '/' || c.member_id, 'UTF8'))
    from contact c join job j on j.channel = c.channel and j.kind = 'import' and j.status in ('waiting', 'running')
    where c.channel = $1 and c.id = any($2::uuid[]) and c.member_id is not null
    on conflict do nothing
    """,
    # By the channel's actions, which are few: the results of one are kept by the contacts' ids.
    """
    update bulk_action_contact result set consent_times = null
    from job
    where job.channel = $1 and job.kind = 'bulkAction'
        and result.channel = $1 and result.job_id = job.id and result.contact_id = any($2::uuid[])
        and result.consent_times is not null
    """,
)
"""$1 is the channel, $2 the contact's ids: its own, and those of the leads it had taken in."""

_CONTACT = """
update contact set member_id = null, version = new.version, doc = new.doc, changed_by = $5, merged_into = null, hidden = false,
    erased_at = $6, doc_bytes = null
from unnest($2::uuid[], $3::bigint[], $4::jsonb[]) as new (id, version, doc)
where contact.channel = $1 and contact.id = new.id
"""
_SURVIVOR = "select merged_into from contact where channel = $1 and id = $2"
_ABSORBED = "select id from contact where channel = $1 and merged_into = $2"
_ADD = "insert into erasure (channel, id, contact_id, erased, at, by) values ($1, $2, $3, $4, $5, $6)"
_FIND = "select contact_id, erased, at, by from erasure where channel = $1 and id = $2"


async def survivor(tx: Tx, channel: str, contact_id: UUID) -> UUID:
    """Whom the id stands for."""
    led: UUID | None = await tx.fetchval(_SURVIVOR, channel, contact_id)
    return led or contact_id


async def absorbed(tx: Tx, channel: str, contact_id: UUID) -> set[UUID]:
    """The leads that a contact has taken in."""
    return {r["id"] for r in await tx.fetch(_ABSORBED, channel, contact_id)}


async def rewrite(tx: Tx, channel: str, states: Sequence[Contact], by: str, at: datetime) -> list[Erased]:
    """Rewrite every row of these locked contacts; answers their ids with the versions that end them."""
    ids = [state.id for state in states]
    for statement in STATEMENTS:
        await tx.execute(statement, channel, ids)
    await idempotency.forget(tx, channel, ids)
    # What a relay is sending at the moment goes out all the same, before the tombstone, which comes after it in its shard and has
    # the greater version: then it is in Kafka until the tombstone's compaction (a visit until it ages out), as the receipt says.
    # Where Kafka finds it too large and the relay puts it aside after this, the relay forgets it once it has sent the tombstone.
    await outbox.take_back(tx, [f"{channel}/{i}" for i in ids], [CONTACTS, VISITS])
    gone = to_wire(at)
    ended = [Contact(id=s.id, created_at=gone, updated_at=gone, version=s.version + 1) for s in states]
    await tx.execute(_CONTACT, channel, ids, [c.version for c in ended], [c.encode() for c in ended], by, at)
    return [Erased(c.id, c.version) for c in ended]


async def add(tx: Tx, channel: str, erasure: Erasure) -> None:
    """Keep the erasure for its receipt, and tell of it: a tombstone for each id, and once for those who keep files."""
    told = [{"id": str(e.id), "version": e.version} for e in erasure.erased]
    await tx.execute(_ADD, channel, erasure.id, erasure.contact_id, told, erasure.at, erasure.by)
    await outbox.put(tx, [*_tombstones(channel, erasure.erased, erasure.at), _message(channel, erasure)])


async def find(tx: Tx, channel: str, receipt_id: UUID) -> Erasure | None:
    """The erasure of a receipt."""
    row = await tx.fetchrow(_FIND, channel, receipt_id)
    if row is None:
        return None
    ended = tuple(Erased(UUID(e["id"]), e["version"]) for e in row["erased"])
    return Erasure(receipt_id, row["contact_id"], ended, row["at"], row["by"])


def _tombstones(channel: str, ended: Iterable[Erased], at: datetime) -> list[Message]:
    trace = trace_headers()
    return [
        message(
            CONTACTS, channel=channel, subject=str(e.id), source="contacts", type="contact.erased", id=f"{e.id}/{e.version}",
            version=e.version, at=at, value=None, trace=trace,
        )
        for e in ended
    ]  # fmt: skip


def _message(channel: str, erasure: Erasure) -> Message:
    told = ContactErased(receipt_id=erasure.id, contact_ids=[e.id for e in erasure.erased])
    return message(
        ERASURES, channel=channel, subject=str(erasure.id), source="contacts", type=told.type, id=erasure.id, version=1,
        at=erasure.at, value=ErasureMessage(event=told).encode(), trace=trace_headers(),
    )  # fmt: skip
