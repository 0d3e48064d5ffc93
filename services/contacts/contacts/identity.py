"""A lead and a member made one: both streams, their visits and their sessions, in the caller's transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from common.errors import Unprocessable
from common.events.contacts import Contact, ContactAbsorbed, ContactIdentified
from common.eventstore import ConcurrentChange
from common.postgres import Tx
from contacts import merge, store
from contacts.contact import evolve
from contacts.device import KINDS
from contacts.merge import Identified
from contacts.publish import Step
from contacts.rows import Lead
from contacts.sessions import session
from contacts.sessions import store as session_store
from contacts.sessions.session import Session
from contacts.size import check_contact
from contacts.store import States, Stored

_WHOM = """
select c.id, s.id as survivor, coalesce(s.doc_bytes, octet_length(s.doc::text)) as bytes
from contact c join contact s on s.channel = c.channel and s.id = coalesce(c.merged_into, c.id)
where c.channel = $1 and c.id = any($2::uuid[])
"""
_BECOME = "update contact set member_id = $3 where channel = $1 and id = $2"
_MOVE_VISITS = """
update visit set contact_id = $3, body = jsonb_set(body, '{contactId}', to_jsonb($3::uuid)) where channel = $1 and contact_id = $2
"""

_BEFORE_JOINING = "The lead and the member together would have more. Clear or shorten values of one of them first."


async def whom(tx: Tx, channel: str, ids: Iterable[UUID]) -> dict[UUID, Stored]:
    """Whom each id stands for: a merged lead's for its member, any other, one that nobody has too, for itself."""
    wanted = set(ids)
    found = await tx.fetch(_WHOM, channel, list(wanted)) if wanted else []
    return {i: Stored(i, 0) for i in wanted} | {r["id"]: Stored(r["survivor"], r["bytes"]) for r in found}


async def lock_survivors(
    tx: Tx, channel: str, stand_for: Mapping[UUID, Stored], also: Iterable[UUID] = ()
) -> tuple[dict[UUID, UUID], States]:
    """Lock whom each id stands for, as `whom` answered just now, and further contacts that were never merged; answers whom that
    is, and the locked states by their own ids.

    Raises ConcurrentChange where one was erased or a lead was merged just now: its survivor cannot be locked any more without
    breaking the order of locking, so the whole transaction begins again.
    """
    also = set(also)
    survivors = {i: stored.id for i, stored in stand_for.items()}
    states = await store.lock(tx, channel, [*survivors.values(), *also])
    merged = any(state is not None and state.merged_into is not None for state, _ in states.values())
    if merged or not also <= states.keys():
        raise ConcurrentChange
    return survivors, states


@dataclass(frozen=True, slots=True)
class Joined:
    """What naming a lead as a member comes to, before anything is written: its steps, and the person after them."""

    contact: Contact
    steps: tuple[Step, ...] = ()
    reserved: UUID | None = None
    before: tuple[tuple[session_store.Row, Session], ...] = ()
    united: Mapping[str, Sequence[Session]] = field(default_factory=dict[str, Sequence[Session]])


async def plan(
    tx: Tx,
    channel: str,
    lead: Lead,
    member_id: str,
    reserved: UUID,
    states: States,
    window: timedelta,
    at: datetime,
    *,
    by_page: bool = False,
) -> Joined:
    """Whether the lead becomes this member or the member takes it in (`by_page`: as `merge.merged` says); nothing is written yet.

    The rows of the lead and of the member (`reserved` for it, where it is not there yet) are locked. Raises what
    `merge.identify` raises, and Unprocessable where the lead was erased or they are too much for one contact.
    """
    old, _ = states.get(lead.id, (None, ""))
    member, _ = states[reserved]
    if old is None and await store.is_erased(tx, channel, lead.id):
        raise Unprocessable("This lead was erased. Nobody can be it any more.", code="erased", pointer=lead.pointer)
    match merge.identify(old, member, member_id, lead.pointer):
        case Identified.ALREADY:
            assert member is not None
            return Joined(member)
        case Identified.BECOMES:
            assert old is not None
            named = merge.becomes(old, member_id)
            after = evolve(old, named, at)
            return Joined(after, (Step(named, after),), reserved)
        case Identified.MERGES:
            assert old is not None
            assert member is not None
            both = await session_store.all_sessions(tx, channel, [old.id, member.id])
            united = {kind: session.unite([s for (_, of), s in both if of == kind], window) for kind in ("", *KINDS)}
            counts = {kind: len(sessions) for kind, sessions in united.items()}
            taken, gone = merge.merged(member, old, counts, by_page=by_page), merge.absorbed(old, member)
            after = evolve(member, taken, at)
            check_contact(member, after, _BEFORE_JOINING, lead.pointer)
            return Joined(after, (Step(gone, evolve(old, gone, at)), Step(taken, after)), None, tuple(both), united)


async def carry_out(tx: Tx, channel: str, joined: Joined) -> None:
    """Write what a plan says beside its events and states: whose the member id, the visits and the sessions are."""
    match joined.steps:
        case (Step(ContactIdentified(member_id=member_id), after),):
            assert joined.reserved is not None
            await store.drop_reserved(tx, channel, [joined.reserved])
            await tx.execute(_BECOME, channel, after.id, member_id)
        case (Step(ContactAbsorbed(into=member), lead), _):
            await tx.execute(_MOVE_VISITS, channel, lead.id, member)
            new = [((member, kind), s) for kind, sessions in joined.united.items() for s in sessions]
            await session_store.replace_sessions(tx, channel, joined.before, new)
        case _:
            return
