"""Commands on contacts: one command, one transaction: load, decide, append."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from common.auth import Caller
from common.clock import Clock, from_wire, to_wire
from common.errors import ANY_VERSION, Conflict, StaleValue, StaleVersion, Unprocessable
from common.events.contacts import Contact, FieldDefinition
from common.eventstore import ConcurrentChange, again
from common.ids import Ids
from common.position import NOWHERE, Position
from common.postgres import Database, Tx
from contacts import journal, store
from contacts.channel import store as channel_store
from contacts.contact import (
    Write,
    check_read,
    created,
    decide,
    erased,
    evolve,
    given_in_vain,
    no_contact,
    read_write,
    without_archived,
)
from contacts.expecting import MEMBER, Expected, first_other, read_expected
from contacts.fields import store as field_store
from contacts.fields.first_sight import Known, look
from contacts.fields.handlers import define_seen, known_fields
from contacts.identifying import check_defined, check_identifying, only_identifies, proved
from contacts.identity import Joined, carry_out, lock_survivors, plan, whom
from contacts.managed_users.limit import hide
from contacts.member_id import check_member_id, check_new_member_id
from contacts.newcomers import made_lead, made_leads, newcomers
from contacts.not_written import NotWritten, not_written
from contacts.parts import in_parts
from contacts.portion import MOST_BYTES, Portion, fitting
from contacts.profile_field import archived
from contacts.publish import Step
from contacts.rows import Lead, Raw, Row, RowResult, lead_named, parsed, parsed_leads, read_named
from contacts.size import weight
from contacts.store import States

_EXPECTED = frozenset({MEMBER})


@dataclass(frozen=True, slots=True)
class Written:
    """What one write of a contact came to: `created` where it was made by it."""

    contact: Contact
    created: bool
    position: Position
    not_written: tuple[NotWritten, ...] = ()


class Contacts:
    """The commands. Time, ids and the actor come from outside."""

    def __init__(self, database: Database, clock: Clock, ids: Ids, *, most_bytes: int = MOST_BYTES) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._most_bytes = most_bytes

    async def upsert(self, caller: Caller, member_id: str, raw: object, expected: int | None) -> Written:
        """Make or change the member. Raises Unprocessable, StaleVersion."""
        check_member_id(member_id, "")
        if isinstance(raw, dict) and raw.get("memberId", member_id) != member_id:
            raise Unprocessable("The body names another member than the address.", code="otherMember", pointer="/memberId")
        results, position = await again(lambda: self._upsert_rows(caller, [(0, member_id, raw, "")], "api", expected, alone=True))
        return _written(results[0], position)

    async def identify(self, caller: Caller, member_id: str, raw: Mapping[str, object], expected: int | None) -> None:
        """Upsert for whoever sees nothing of it. Raises Forbidden, Unprocessable, Conflict."""
        raw = proved(caller, member_id, raw, "")
        check_identifying(raw, expected)
        check_new_member_id(member_id, "")  # one of before too: who sees nothing learns nothing of who is there
        async with self._database.connection() as connection:
            check_defined(raw, await field_store.fields(connection, caller.channel))
        await self.upsert(caller, member_id, raw, None)

    async def batch(self, caller: Caller, rows: Sequence[object]) -> tuple[list[RowResult], Position]:
        """Upsert many, in their order; a row that is refused says why, and the others go on.

        Raises Unprocessable where they have to be one transaction, and are too much for it.
        """
        named: list[Raw] = []
        refused: list[RowResult] = []
        for index, raw in enumerate(rows):
            try:
                pointer = f"/contacts/{index}"
                named.append((index, read_named(raw, pointer), raw, pointer))
            except Unprocessable as problem:
                refused.append(RowResult(index, problem=problem))

        async def write(some: Sequence[Raw]) -> tuple[int, tuple[list[RowResult], Position]]:
            part = await self._upsert_rows(caller, some, "batch", None)
            return len(part[0]), part

        position, results = NOWHERE, refused
        for some, where in await in_parts(self._database, named, write, lambda row: (row[3], row[0])):
            results, position = [*results, *some], where.after(position, caller.channel)
        return sorted(results, key=lambda r: r.index), position

    async def upsert_many(
        self, caller: Caller, rows: Sequence[tuple[int, str, object]], cause: str
    ) -> tuple[list[RowResult], Position]:
        """Upsert members that have a number, an id and a body each, as many of the first as go into one transaction.

        There is a result for each of them; a row that is refused says why, and the others go on.
        """
        return await self._upsert_rows(caller, [(index, member_id, raw, "") for index, member_id, raw in rows], cause, None)

    async def create_leads(
        self, caller: Caller, rows: Sequence[tuple[int, UUID, object]], cause: str
    ) -> tuple[list[RowResult], Position]:
        """Make leads that have a number, the id to get and a body each; a row that is refused says why, and the others go on."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            settings, _ = await channel_store.load_channel(tx, caller.channel)
            writes, results = parsed_leads(rows, settings.country)
            known = await known_fields(tx, caller.channel, [r.write for r in writes])
            known, made, refused = made_leads(known, writes, now)
            steps = [step for _, step in made]
            new = _first_states(steps)
            await store.make_leads(tx, caller.channel, new, caller.subject)
            defined = await define_seen(tx, caller.channel, known, now)
            position, hidden = await journal.write(tx, caller.channel, steps, caller.subject, cause, (), new)
            await _count_in_vain(tx, caller.channel, [row.write for row, _ in made], known.fields)
        results += refused
        results += [
            RowResult(
                row.index, without_archived(step.after, archived(known.fields)), True, True,
                not_written=not_written(None, row.write, known.fields),
            )
            for (row, _), step in zip(made, hide(steps, hidden), strict=True)
        ]  # fmt: skip
        return results, position + defined

    async def _upsert_rows(
        self,
        caller: Caller,
        rows: Sequence[Raw],
        cause: str,
        expected: int | None,
        *,
        alone: bool = False,
    ) -> tuple[list[RowResult], Position]:
        """Upsert as many of the first rows, whose numbers rise, as go into one transaction; each of them has a result."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            settings, _ = await channel_store.load_channel(tx, caller.channel)
            stored = await store.stored_members(tx, caller.channel, [member_id for _, member_id, _, _ in rows])
            rows = await self._first(tx, caller.channel, rows, stored)
            writes, refused = parsed(rows, settings.country, alone=alone)
            known = await known_fields(tx, caller.channel, [r.write for r in writes])
            new = newcomers(known, writes, stored.keys(), self._ids, now) if expected is None else {}
            ids, states, made = await self._locked(tx, caller, writes, stored, new)
            session = timedelta(minutes=settings.session_minutes)
            told_once = len(ids) == len(writes) and all(row.lead is None for row in writes)
            portion = None if told_once else Portion(self._most_bytes)
            work = _Work(tx, caller, known, ids, states, session, now, expected, portion, made)
            results = await _until_full(work, writes, refused)
            if alone and results[0].problem is not None:
                raise results[0].problem
            if empty := [i for i, (state, _) in states.items() if state is None]:
                await store.drop_reserved(tx, caller.channel, empty)
            defined = await define_seen(tx, caller.channel, work.known, now)
            same = [r.contact for r in results if r.contact is not None and not r.changed]
            position, hidden = await journal.write(tx, caller.channel, work.steps, caller.subject, cause, same, made)
            taken = {r.index for r in results if r.problem is None}
            await _count_in_vain(tx, caller.channel, [r.write for r in writes if r.index in taken], work.known.fields)
        seen = [r.hidden_by(hidden).without(archived(work.known.fields)) for r in results]
        return sorted(seen, key=lambda r: r.index), position + defined

    async def _locked(
        self, tx: Tx, caller: Caller, rows: Sequence[Row], stored: Mapping[str, store.Stored], new: Mapping[str, Step]
    ) -> tuple[dict[str, UUID], States, dict[UUID, Step]]:
        """The rows' members' ids, they and the leads that are named, locked, and by id those of the new who are made with it."""
        fresh = {r.member_id: new[r.member_id].after.id if r.member_id in new else self._ids() for r in rows}
        ids = await store.reserve_members(tx, caller.channel, fresh, stored, _first_states(new.values()), caller.subject)
        made = {step.after.id: step for member_id, step in new.items() if ids[member_id] == step.after.id}
        leads = [r.lead.id for r in rows if r.lead is not None]
        states = await store.lock(tx, caller.channel, [*(i for i in ids.values() if i not in made), *leads])
        states |= dict.fromkeys(made, (None, ""))
        if not states.keys() >= set(ids.values()):
            raise ConcurrentChange  # one was erased since it was found: its member id is free again
        return ids, states, made

    async def _first(self, tx: Tx, channel: str, rows: Sequence[Raw], known: Mapping[str, store.Stored]) -> Sequence[Raw]:
        """As many of the first as go into one transaction, by their bodies and what is stored of members and leads they name."""
        sizes = await store.sizes(tx, channel, {lead for _, _, raw, _ in rows if (lead := lead_named(raw)) is not None})

        def bytes_of(row: Raw) -> int:
            _, member_id, raw, _ = row
            member, lead = known.get(member_id), lead_named(raw)
            # The message tells what is given twice: as a change, and in the state after it.
            return (member.bytes if member else 0) + (sizes.get(lead, 0) if lead else 0) + 2 * weight(raw)

        return rows[: fitting(map(bytes_of, rows), self._most_bytes)]

    async def create_lead(self, caller: Caller, raw: object) -> Written:
        """Make a lead. Raises Unprocessable."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            write, known, _ = await _read(tx, caller.channel, raw)
            step = made_lead(self._ids(), write, known.fields, now)
            await store.make_leads(tx, caller.channel, _first_states([step]), caller.subject)
            missed = not_written(None, write, known.fields)
            return await _write_one(tx, caller, write, known, [step], step.after, missed)

    async def change(self, caller: Caller, contact_id: UUID, raw: object, expected: int | None) -> Written:
        """Change some of a contact's fields.

        Raises NotFound, Gone where it was erased, Unprocessable, StaleVersion, StaleValue where a value is not the expected one.
        """
        return await again(lambda: self._change(caller, contact_id, raw, expected))

    async def _change(self, caller: Caller, contact_id: UUID, raw: object, expected: int | None) -> Written:
        now = self._clock.now()
        async with self._database.transaction() as tx:
            write, known, country = await _read(tx, caller.channel, raw, _EXPECTED)
            seen = read_expected(raw, country, known.fields)
            survivor, states = await lock_survivors(tx, caller.channel, await whom(tx, caller.channel, [contact_id]))
            state, by = states.get(survivor[contact_id], (None, ""))
            if state is None:
                raise erased() if await store.is_erased(tx, caller.channel, contact_id) else no_contact()
            event = decide(state, write, known.fields)
            _check_version(state, by, expected)
            await _check_values(tx, caller.channel, without_archived(state, archived(known.fields)), seen)
            after = state if event is None else evolve(state, event, now)
            steps = [] if event is None else [Step(event, after)]
            missed = not_written(state, write, known.fields)
            return await _write_one(tx, caller, write, known, steps, after, missed)


@dataclass(slots=True)
class _Work:
    """One transaction's upserts under way: what is locked, what has happened so far, what accepted rows have defined."""

    tx: Tx
    caller: Caller
    known: Known
    ids: dict[str, UUID]
    states: States
    window: timedelta
    now: datetime
    expected: int | None
    portion: Portion | None
    """Where rows are about one contact, or name leads: each may find it larger than it is stored."""
    made: Mapping[UUID, Step]
    """By id what made those whose rows hold their first states already."""
    steps: list[Step] = field(default_factory=list[Step])

    def note(self, steps: Iterable[Step]) -> None:
        """Remember what happened, for the rows that follow."""
        for step in steps:
            self.steps.append(step)
            if self.portion is not None:
                self.portion.add(step.event, step.after)
            self.states[step.after.id] = (step.after, self.caller.subject)


async def _until_full(work: _Work, rows: Sequence[Row], refused: Sequence[RowResult]) -> list[RowResult]:
    """The rows' upserts until the transaction is full, and of the rows that were refused before those that it came past."""
    results: list[RowResult] = []
    for row in rows:
        if work.portion is not None and work.portion.is_full:
            return [*results, *(r for r in refused if r.index < row.index)]
        results.append(await _upserted(work, row))
    return [*results, *refused]


async def _upserted(work: _Work, row: Row) -> RowResult:
    """One row's upsert, after the identity it may bring; where either is refused, neither is written. Raises StaleVersion."""
    contact_id, joined = work.ids[row.member_id], None
    if (step := work.made.get(contact_id)) is not None:
        work.note([step])
        missed = not_written(None, row.write, work.known.fields)
        return RowResult(row.index, step.after, created=True, changed=True, not_written=missed)
    before, by = work.states[contact_id]
    try:
        if before is None:
            check_new_member_id(row.member_id, row.named_at)
        if only_identifies(work.caller):
            check_read(row.write)  # what is there from before would be told by its being taken
        known = look(work.known, row.write)
        if row.lead is not None:
            joined = await _joined(work, row, row.lead, known.fields)
        state = before if joined is None else joined.contact
        event = decide(state, row.write, known.fields)
        missed = not_written(state, row.write, known.fields)
    except (Unprocessable, Conflict) as problem:
        return RowResult(row.index, problem=problem)
    _check_version(before, by, work.expected)
    work.known = known
    if joined is not None:
        await carry_out(work.tx, work.caller.channel, joined)
        work.ids[row.member_id] = contact_id = joined.contact.id
        work.note(joined.steps)
    if event is None:
        return RowResult(row.index, state, changed=joined is not None and joined.steps != (), not_written=missed)
    after = created(contact_id, row.member_id, event, work.now) if state is None else evolve(state, event, work.now)  # type: ignore[arg-type]
    work.note([Step(event, after)])
    return RowResult(row.index, after, created=state is None, changed=True, not_written=missed)


async def _joined(work: _Work, row: Row, lead: Lead, fields: Mapping[str, FieldDefinition]) -> Joined:
    """What naming the lead comes to. Raises Unprocessable, Conflict where nothing else is wrong with the row."""
    contact_id = work.ids[row.member_id]
    try:
        return await plan(
            work.tx, work.caller.channel, lead, row.member_id, contact_id, work.states, work.window, work.now,
            by_page=only_identifies(work.caller),
        )  # fmt: skip
    except Conflict:
        decide(work.states[contact_id][0], row.write, fields)
        raise


def _first_states(made: Iterable[Step]) -> dict[UUID, tuple[Contact, bytes]]:
    return {step.after.id: (step.after, step.after_json) for step in made}


def _check_version(state: Contact | None, by: str, expected: int | None) -> None:
    if expected is not None and (state is None or expected not in (ANY_VERSION, state.version)):
        raise StaleVersion(state.version if state else 0, by or None)


def _written(result: RowResult, position: Position) -> Written:
    if result.problem is not None:
        raise result.problem
    assert result.contact is not None
    return Written(result.contact, result.created, position, result.not_written)


async def _check_values(tx: Tx, channel: str, state: Contact, expected: Sequence[Expected]) -> None:
    """Raises StaleValue for the first that is another by now."""
    other = first_other(state, expected)
    if other is not None:
        named, now = other
        by, at = await store.last_change(tx, channel, state.id, named.key) or (None, None)
        raise StaleValue(state.version, named.pointer, now, by, None if at is None else to_wire(at))


async def _write_one(
    tx: Tx,
    caller: Caller,
    write: Write,
    known: Known,
    steps: Sequence[Step],
    after: Contact,
    missed: tuple[NotWritten, ...],
) -> Written:
    """The last part of a command on one contact: write what happened, and answer what is to be seen of it."""
    defined = await define_seen(tx, caller.channel, known, from_wire(after.updated_at))
    made = [step.after.id for step in steps if step.after.version == 1]
    position, hidden = await journal.write(tx, caller.channel, steps, caller.subject, "api", () if steps else [after], made)
    await _count_in_vain(tx, caller.channel, [write], known.fields)
    after = hide(steps, hidden)[-1].after if steps else after
    seen = without_archived(after, archived(known.fields))
    return Written(seen, after.version == 1 and steps != [], position + defined, missed)


async def _count_in_vain(tx: Tx, channel: str, writes: Sequence[Write], fields: Mapping[str, FieldDefinition]) -> None:
    counted = Counter(f"profile.{key}" for write in writes for key in given_in_vain(write, fields))
    await field_store.count_refused(tx, channel, counted)


async def _read(tx: Tx, channel: str, raw: object, also: frozenset[str] = frozenset()) -> tuple[Write, Known, str]:
    """A write of one contact, the definitions it is judged by and the channel's country. Raises Unprocessable."""
    settings, _ = await channel_store.load_channel(tx, channel)
    write = read_write(raw, settings.country, also=also)
    known = await known_fields(tx, channel, [write])
    return write, look(known, write), settings.country
