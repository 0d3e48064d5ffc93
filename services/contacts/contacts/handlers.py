"""Commands on contacts: one command, one transaction: load, decide, append."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from common import outbox
from common.auth import Caller
from common.clock import Clock
from common.errors import Problem, StaleVersion, Unprocessable
from common.events.contacts import Channel, Contact, FieldDefinition
from common.ids import Ids
from common.position import Position, last_by_partition
from common.postgres import Database
from contacts import journal, profile_field, publish, store
from contacts.channel import BUILT_IN_FIELDS, NEW_CHANNEL
from contacts.contact import Write, check_member_id, created, decide, evolve, no_contact, read_write
from contacts.publish import Step
from contacts.store import Tx

_ROW_MEMBERS = frozenset({"memberId"})


@dataclass(frozen=True, slots=True)
class Written:
    """What one write of a contact came to: `created` where it was made by it."""

    contact: Contact
    created: bool
    position: Position


@dataclass(frozen=True, slots=True)
class RowResult:
    """What one row of a batch came to: the contact, or the problem."""

    index: int
    contact: Contact | None = None
    created: bool = False
    changed: bool = False
    problem: Problem | None = None


class Contacts:
    """The commands. Time, ids and the actor come from outside."""

    def __init__(self, database: Database, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._known: set[str] = set()

    async def ensure_channel(self, channel: str) -> None:
        """A channel exists from the first valid token that names it."""
        if channel in self._known:
            return
        async with self._database.transaction() as tx:
            now = self._clock.now()
            if await store.make_channel(tx, channel, NEW_CHANNEL, now):
                await outbox.put(tx, [publish.channel_message(channel, NEW_CHANNEL, 1, now)])
        self._known.add(channel)

    async def upsert(self, caller: Caller, member_id: str, raw: object, expected: int | None) -> Written:
        """Make or change the member. Raises Unprocessable, StaleVersion."""
        check_member_id(member_id, "")
        results, position = await self._upsert_rows(caller, [(0, member_id, raw, "")], "api", expected)
        return _written(results[0], position)

    async def batch(self, caller: Caller, rows: Sequence[object]) -> tuple[list[RowResult], Position]:
        """Upsert many, in their order; a row that is refused says why, and the others go on."""
        named: list[tuple[int, str, object, str]] = []
        refused: list[RowResult] = []
        for index, raw in enumerate(rows):
            try:
                pointer = f"/contacts/{index}"
                member_id = raw.get("memberId") if isinstance(raw, dict) else None
                named.append((index, check_member_id(member_id, f"{pointer}/memberId"), raw, pointer))
            except Unprocessable as problem:
                refused.append(RowResult(index, problem=problem))
        results, position = await self._upsert_rows(caller, named, "batch", None)
        return sorted([*results, *refused], key=lambda r: r.index), position

    async def _upsert_rows(
        self, caller: Caller, rows: Sequence[tuple[int, str, object, str]], cause: str, expected: int | None
    ) -> tuple[list[RowResult], Position]:
        now = self._clock.now()
        async with self._database.transaction() as tx:
            settings, _ = await store.load_channel(tx, caller.channel)
            writes, refused = _parsed(rows, settings.country)
            fields = await self._define(tx, caller, [w for _, _, w in writes], now)
            fitting: list[tuple[int, str, Write]] = []
            for index, member_id, write in writes:
                try:
                    decide(None, write, fields)  # a value that fits no field is found before any row is made
                    fitting.append((index, member_id, write))
                except Unprocessable as problem:
                    refused.append(RowResult(index, problem=problem))
            if len(rows) == 1 and refused:
                assert refused[0].problem is not None
                raise refused[0].problem
            ids = await store.reserve_members(tx, caller.channel, {m: self._ids() for _, m, _ in fitting})
            states = await store.lock(tx, caller.channel, ids.values())
            steps: list[Step] = []
            results = list(refused)
            for index, member_id, write in fitting:
                state, by = states[ids[member_id]]
                _check_version(state, by, expected)
                try:
                    event = decide(state, write, fields)
                except Unprocessable as problem:
                    results.append(RowResult(index, problem=problem))
                    continue
                if event is None:
                    results.append(RowResult(index, state))
                    continue
                after = created(ids[member_id], member_id, event, now) if state is None else evolve(state, event, now)  # type: ignore[arg-type]
                steps.append(Step(event, after))
                states[after.id] = (after, caller.subject)
                results.append(RowResult(index, after, created=state is None, changed=True))
            position = await journal.append(tx, caller.channel, steps, caller.subject, cause)
        return sorted(results, key=lambda r: r.index), position

    async def create_lead(self, caller: Caller, raw: object) -> Written:
        """Make a lead. Raises Unprocessable."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            settings, _ = await store.load_channel(tx, caller.channel)
            write = read_write(raw, settings.country)
            fields = await self._define(tx, caller, [write], now)
            event = decide(None, write, fields)
            assert event is not None
            id_ = self._ids()
            after = created(id_, None, event, now)  # type: ignore[arg-type]
            await store.reserve_lead(tx, caller.channel, id_)
            position = await journal.append(tx, caller.channel, [Step(event, after)], caller.subject, "api")
        return Written(after, True, position)

    async def change(self, caller: Caller, contact_id: UUID, raw: object, expected: int | None) -> Written:
        """Change some of a contact's fields. Raises NotFound, Unprocessable, StaleVersion."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            settings, _ = await store.load_channel(tx, caller.channel)
            write = read_write(raw, settings.country)
            fields = await self._define(tx, caller, [write], now)
            state, by = (await store.lock(tx, caller.channel, [contact_id])).get(contact_id, (None, ""))
            if state is None:
                raise no_contact()
            event = decide(state, write, fields)
            _check_version(state, by, expected)
            if event is None:
                return Written(state, False, last_by_partition([]))
            after = evolve(state, event, now)
            position = await journal.append(tx, caller.channel, [Step(event, after)], caller.subject, "api")
        return Written(after, False, position)

    async def _define(self, tx: Tx, caller: Caller, writes: Sequence[Write], now: datetime) -> dict[str, FieldDefinition]:
        """All profile definitions by bare key, those of keys seen for the first time made now."""
        known = await store.fields(tx, caller.channel)
        if any(_new_keys(write, known) for write in writes):
            await store.load_channel(tx, caller.channel, lock=True)
            known = await store.fields(tx, caller.channel)
            made: dict[str, FieldDefinition] = {}
            for write in writes:
                for key, value, pointer in _new_keys(write, known):
                    name = f"profile.{key}"
                    if name not in made and value is not None:
                        count = sum(k.startswith("profile.") for k in known) + len(made)
                        if count >= profile_field.MOST_FIELDS:
                            raise Unprocessable(
                                f"A channel has {profile_field.MOST_FIELDS} profile fields at most; `{name}` would be one more.",
                                code="tooManyFields",
                                pointer=pointer,
                            )
                        made[name] = profile_field.first_seen(key, value, len(BUILT_IN_FIELDS) + count, pointer)
            changed = [(definition, 1) for definition in made.values()]
            await store.save_fields(tx, caller.channel, changed)
            await outbox.put(tx, publish.field_messages(caller.channel, changed, now))
            known |= {d.key: (d, 1) for d in made.values()}
        fields = {name[8:]: d for name, (d, _) in known.items() if name.startswith("profile.")}
        for write in writes:  # a null for a key nobody knows clears nothing and defines nothing
            for key, _, _ in _new_keys(write, known):
                fields.setdefault(key, FieldDefinition(key=f"profile.{key}", type="String"))
        return fields

    async def change_channel(self, caller: Caller, update: Callable[[Channel], Channel]) -> Channel:
        """Change the channel's settings."""
        async with self._database.transaction() as tx:
            settings, version = await store.load_channel(tx, caller.channel, lock=True)
            changed = update(settings)
            if changed != settings:
                await store.save_channel(tx, caller.channel, changed, version + 1)
                now = self._clock.now()
                await outbox.put(tx, [publish.channel_message(caller.channel, changed, version + 1, now)])
        return changed


def _check_version(state: Contact | None, by: str, expected: int | None) -> None:
    if expected is not None and (state is None or state.version != expected):
        raise StaleVersion(state.version if state else 0, by or None)


def _written(result: RowResult, position: Position) -> Written:
    if result.problem is not None:
        raise result.problem
    assert result.contact is not None
    return Written(result.contact, result.created, position)


def _parsed(rows: Sequence[tuple[int, str, object, str]], country: str) -> tuple[list[tuple[int, str, Write]], list[RowResult]]:
    writes: list[tuple[int, str, Write]] = []
    refused: list[RowResult] = []
    for index, member_id, raw, pointer in rows:
        try:
            writes.append((index, member_id, read_write(raw, country, pointer, _ROW_MEMBERS)))
        except Unprocessable as problem:
            refused.append(RowResult(index, problem=problem))
    return writes, refused


def _new_keys(write: Write, known: Mapping[str, Any]) -> list[tuple[str, object, str]]:
    return [
        (key, value, f"{write.pointer}/{member}/{key}")
        for member, given in (("profile", write.profile), ("profileOnce", write.profile_once))
        for key, value in given.items()
        if f"profile.{key}" not in known
    ]
