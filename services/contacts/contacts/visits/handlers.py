"""Taking visits in: many contacts in one transaction, sessions set among their neighbours, each id counted once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from common import outbox
from common.auth import Caller
from common.clock import Clock, from_wire, to_wire
from common.errors import Forbidden, Problem, Unprocessable
from common.events.contacts import Contact, ContactCreated, Visit
from common.ids import Ids
from common.position import NOWHERE, Position
from common.postgres import Database, Tx
from contacts import journal, store
from contacts.channel import store as channel_store
from contacts.contact import created, evolve, visited
from contacts.device import kind_of
from contacts.identifying import only_identifies, proved
from contacts.identity import lock_survivors, whom
from contacts.member_id import check_new_member_id
from contacts.parts import in_parts
from contacts.portion import MOST_BYTES, fitting
from contacts.publish import Step
from contacts.sessions import session
from contacts.sessions import store as session_store
from contacts.sessions.store import Row
from contacts.visits import store as visit_store
from contacts.visits.publish import visit_messages
from contacts.visits.visit import VISIT, Reported, read_report


@dataclass(frozen=True, slots=True)
class Taken:
    """What a batch of visits came to."""

    accepted: int
    duplicates: int
    rejected: list[tuple[int, Problem]]
    position: Position

    @property
    def rows(self) -> int:
        """How many visits it was."""
        return self.accepted + self.duplicates + len(self.rejected)

    def after(self, earlier: "Taken", channel: str) -> "Taken":
        """Both as one, this one written later."""
        return Taken(
            earlier.accepted + self.accepted,
            earlier.duplicates + self.duplicates,
            [*earlier.rejected, *self.rejected],
            self.position.after(earlier.position, channel),
        )


class Visits:
    """The one command on visits."""

    def __init__(self, database: Database, clock: Clock, ids: Ids, *, most_bytes: int = MOST_BYTES) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._most_bytes = most_bytes

    async def record(self, caller: Caller, rows: Sequence[object]) -> Taken:
        """Take visits and custom events in; a rejected one says why, and the others are stored when this returns.

        Raises Unprocessable where they have to be one transaction, and are too much for it.
        """
        now, sees_nothing = self._clock.now(), only_identifies(caller)
        reports: list[Reported] = []
        rejected: list[tuple[int, Problem]] = []
        for index, raw in enumerate(rows):
            try:
                if isinstance(raw, dict):
                    raw = proved(caller, raw.get("memberId"), raw, f"/visits/{index}")
                report = read_report(index, raw, now)
                if sees_nothing and report.member_id is not None:
                    check_new_member_id(report.member_id, f"/visits/{index}/memberId")
                reports.append(report)
            except (Forbidden, Unprocessable) as problem:
                rejected.append((index, problem))

        async def write(some: Sequence[Reported]) -> tuple[int, Taken]:
            part = await self._record(caller, some, now)
            return part.rows, part

        taken = Taken(0, 0, rejected, NOWHERE)
        for part in await in_parts(self._database, reports, write, lambda report: (f"/visits/{report.index}", report.index)):
            taken = part.after(taken, caller.channel)
        return Taken(taken.accepted, taken.duplicates, sorted(taken.rejected, key=lambda r: r[0]), taken.position)

    async def _record(self, caller: Caller, reports: Sequence[Reported], now: datetime) -> Taken:
        """Take in as many of the first as go into one transaction."""
        rejected: list[tuple[int, Problem]] = []
        async with self._database.transaction() as tx:
            settings, _ = await channel_store.load_channel(tx, caller.channel)
            known = await store.stored_members(tx, caller.channel, (r.member_id for r in reports if r.member_id is not None))
            stand_for = await whom(tx, caller.channel, (r.contact_id for r in reports if r.contact_id is not None))
            stored = (stand_for[r.contact_id] if r.contact_id else known.get(r.member_id or "") for r in reports)
            bytes_ = ((of.bytes if of else 0) + r.bytes for r, of in zip(reports, stored, strict=True))
            reports = reports[: fitting(bytes_, self._most_bytes)]
            wanted = {r.member_id for r in reports if r.member_id is not None}
            ids = {m: known[m].id if m in known else self._ids() for m in wanted}
            members = await store.reserve_members(tx, caller.channel, ids, known)
            named = {r.contact_id: stand_for[r.contact_id] for r in reports if r.contact_id is not None}
            survivors, locked = await lock_survivors(tx, caller.channel, named, members.values())
            states = {i: state for i, (state, _) in locked.items()}
            reserved = {i for i in members.values() if states[i] is None}
            visits: list[Visit] = []
            for report in reports:
                contact_id = survivors[report.contact_id] if report.contact_id else members[report.member_id or ""]
                try:
                    _check_whose(report, contact_id, states, reserved)
                    visits.append(_visit(report, contact_id))
                except Unprocessable as problem:
                    rejected.append((report.index, problem))
            first = list({v.id: v for v in reversed(visits)}.values())[::-1]
            written = [(v, v.encode()) for v in first]
            new = await visit_store.add_visits(tx, caller.channel, written)
            fresh = [v for v in first if v.id in new]
            # Only a visit that is taken makes a member: a duplicate of another's, or one sent before, is no news of anybody.
            steps = _new_members(members, reserved, fresh, states, now)
            if empty := [i for i in reserved if states[i] is None]:
                await store.drop_reserved(tx, caller.channel, empty)
            moved = [v for v in fresh if v.name == VISIT]
            steps += await self._place(tx, caller.channel, moved, states, timedelta(minutes=settings.session_minutes), now)
            position = await journal.append(tx, caller.channel, steps, caller.subject, "visit", _met(states, first))
            await outbox.put(tx, visit_messages(caller.channel, [each for each in written if each[0].id in new]))
        return Taken(len(fresh), len(visits) - len(fresh), rejected, position)

    async def _place(
        self,
        tx: Tx,
        channel: str,
        visits: Sequence[Visit],
        states: dict[UUID, Contact | None],
        window: timedelta,
        now: datetime,
    ) -> list[Step]:
        placed = [(visit, from_wire(visit.at), _rows(visit)) for visit in visits]
        reach: dict[Row, tuple[datetime, datetime]] = {}
        for _, at, rows in placed:
            for row in rows:
                low, high = reach.get(row, (at, at))
                reach[row] = (min(low, at), max(high, at))
        before = await session_store.sessions_near(tx, channel, reach, window) if reach else {}
        after = dict(before)
        steps: list[Step] = []
        for visit, at, rows in placed:
            state = states[visit.contact_id]
            assert state is not None
            moved: dict[str, int] = {}
            for row in rows:
                after[row], moved[row[1]] = session.settle(at, after[row], window)
            event = visited(state, visit, moved[""], moved.get(kind_of(visit) or "", 0))
            states[visit.contact_id] = state = evolve(state, event, now)
            steps.append(Step(event, state))
        gone = [(row, s) for row, sessions in before.items() for s in sessions if s not in after[row]]
        new = [(row, s) for row, sessions in after.items() for s in sessions if s not in before[row]]
        await session_store.replace_sessions(tx, channel, gone, new)
        return steps


def _check_whose(report: Reported, contact_id: UUID, states: Mapping[UUID, Contact | None], reserved: Collection[UUID]) -> None:
    """Raises Unprocessable for an unknown contact, and for a member who cannot be made under such an id."""
    place = f"/visits/{report.index}"
    if report.member_id is not None and contact_id in reserved:
        check_new_member_id(report.member_id, f"{place}/memberId")
    elif states.get(contact_id) is None:
        raise Unprocessable("There is no such contact.", code="unknownContact", pointer=f"{place}/contactId")


def _rows(visit: Visit) -> list[Row]:
    """The rows of sessions in which a visit stands."""
    kind = kind_of(visit)
    return [(visit.contact_id, ""), *([(visit.contact_id, kind)] if kind else [])]


def _new_members(
    members: Mapping[str, UUID],
    reserved: Collection[UUID],
    fresh: Sequence[Visit],
    states: dict[UUID, Contact | None],
    now: datetime,
) -> list[Step]:
    names = {contact_id: member_id for member_id, contact_id in members.items() if contact_id in reserved}
    steps: list[Step] = []
    for contact_id in dict.fromkeys(v.contact_id for v in fresh if v.contact_id in names):
        event = ContactCreated()
        states[contact_id] = after = created(contact_id, names[contact_id], event, now)
        steps.append(Step(event, after))
    return steps


def _met(states: Mapping[UUID, Contact | None], visits: Sequence[Visit]) -> list[Contact]:
    """Who was met, in the order in which the visits wrote of them when they were new: those they made, then those they moved.

    Whoever repeats the visits is answered by the same last contact of each partition as the first time, and waits for no less.
    """
    named = [*states, *dict.fromkeys(v.contact_id for v in visits), *(v.contact_id for v in visits if v.name == VISIT)]
    by_last = list(dict.fromkeys(reversed(named)))[::-1]
    return [state for contact_id in by_last if (state := states[contact_id]) is not None]


def _visit(report: Reported, contact_id: UUID) -> Visit:
    return Visit(
        id=report.id,
        contact_id=contact_id,
        name=report.name,
        at=to_wire(report.at),
        properties=report.properties,
        url=report.url,
        device=report.device,
    )
