"""Commands on field definitions."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from msgspec.structs import replace

from common import outbox
from common.auth import Caller
from common.clock import Clock, to_wire
from common.errors import Conflict, Unprocessable, check_expected
from common.events.contacts import FieldDefinition
from common.ids import Ids
from common.position import NOWHERE, Position
from common.postgres import Database, Tx
from contacts.channel import store as channel_store
from contacts.contact import Write
from contacts.fields import store as field_store
from contacts.fields.built_in import BUILT_IN_FIELDS, no_field
from contacts.fields.first_sight import Known, known_of, may_define
from contacts.fields.publish import field_messages, fields_position
from contacts.jobs import store as job_store
from contacts.jobs.job import Job, Status
from contacts.profile_field import MOST_FIELDS, NewField, changed, check_key, defined, ordered, too_many_fields

KIND = "field.archiving"
"""The job that carries out an archiving or a restoring; its body is `{key, archived}`."""


class Defined(NamedTuple):
    """A definition after a command, the position of what was written, and its version."""

    definition: FieldDefinition
    position: Position
    version: int


class Fields:
    """The commands on fields."""

    def __init__(self, database: Database, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids

    async def define(self, caller: Caller, wanted: NewField) -> Defined:
        """Define a profile field. Raises Unprocessable for a bad or the 201st key, Conflict for one that is there."""
        if not wanted.key.startswith("profile."):
            raise Unprocessable("A key of your own is written `profile.<key>`.", code="invalidKey", pointer="/key")
        check_key(wanted.key[8:], "/key")
        async with self._database.transaction() as tx:
            known = await _locked(tx, caller.channel)
            count = sum(key.startswith("profile.") for key in known)
            definition = defined(wanted, len(BUILT_IN_FIELDS) + count)
            if wanted.key in known:
                raise Conflict("This field is defined already.", code="fieldExists")
            if count >= MOST_FIELDS:
                raise too_many_fields(wanted.key, "/key")
            position, written = await self._save(tx, caller.channel, [(definition, 1)])
        return Defined(definition, position, written[0][1])

    async def change(self, caller: Caller, key: str, updates: Mapping[str, object], expected: int | None = None) -> Defined:
        """Change how a field is shown. Raises NotFound, Unprocessable, StaleVersion."""
        async with self._database.transaction() as tx:
            before, version = _named(await _locked(tx, caller.channel), key)
            after = changed(before, updates)
            check_expected(expected, version)
            return await self._replace(tx, caller.channel, before, after, version)

    async def archive(self, caller: Caller, key: str, expected: int | None = None) -> Defined:
        """Stop collecting and showing a field. Raises NotFound, StaleVersion, Unprocessable for a built-in field.

        That every contact with a value is told of without it is a job's work.
        """
        async with self._database.transaction() as tx:
            before, version = await _archivable(tx, caller.channel, key)
            check_expected(expected, version)
            if not before.collected and not await _gave_up(tx, caller.channel, key):
                return Defined(before, fields_position(caller.channel, [(before, version)]), version)
            if before.collected:
                await field_store.forget_refused(tx, caller.channel, key)
                before = replace(before, refused_while_archived=0)
            after = replace(before, archived=True, restoring=False)
            return await self._turn(tx, caller, before, after, version)

    async def restore(self, caller: Caller, key: str, expected: int | None = None) -> Defined:
        """Collect and show an archived field again. Raises NotFound, StaleVersion, Unprocessable for a built-in field.

        It stays archived, and `restoring`, until a job has told every contact's value and every reader has them all.
        """
        async with self._database.transaction() as tx:
            before, version = await _archivable(tx, caller.channel, key)
            check_expected(expected, version)
            if not before.archived or (before.restoring and not await _gave_up(tx, caller.channel, key)):
                return Defined(before, fields_position(caller.channel, [(before, version)]), version)
            return await self._turn(tx, caller, before, replace(before, restoring=True), version)

    async def _turn(self, tx: Tx, caller: Caller, before: FieldDefinition, after: FieldDefinition, version: int) -> Defined:
        job = _telling(self._ids(), caller, self._clock.now())
        await job_store.insert(tx, job, {"key": after.key, "archived": not after.restoring})
        await field_store.turn(tx, caller.channel, after.key, job.id, told=after.restoring)
        return await self._replace(tx, caller.channel, before, after, version)

    async def reorder(self, caller: Caller, keys: Sequence[str], expected: int | None = None) -> Position:
        """Put these fields first, in this order, and the others after them in theirs. Raises Unprocessable, StaleVersion."""
        async with self._database.transaction() as tx:
            known = await _locked(tx, caller.channel)
            current = {key: (d, 0) for key, d in BUILT_IN_FIELDS.items()} | known
            order = ordered({key: d for key, (d, _) in current.items()}, keys)
            check_expected(expected, await channel_store.fields_order(tx, caller.channel))
            moved = [
                (replace(d, order=place), version + 1)
                for place, key in enumerate(order)
                for d, version in [current[key]]
                if d.order != place
            ]
            if moved:
                await channel_store.next_fields_order(tx, caller.channel)
            return (await self._save(tx, caller.channel, moved))[0]

    async def _replace(self, tx: Tx, channel: str, before: FieldDefinition, after: FieldDefinition, version: int) -> Defined:
        if after == before:
            return Defined(after, fields_position(channel, [(after, version)] if version else []), version)
        position, written = await self._save(tx, channel, [(after, version + 1)])
        return Defined(after, position, written[0][1])

    async def _save(
        self, tx: Tx, channel: str, anew: Sequence[tuple[FieldDefinition, int]]
    ) -> tuple[Position, list[tuple[FieldDefinition, int]]]:
        written = await field_store.save_fields(tx, channel, anew)
        await outbox.put(tx, field_messages(channel, written, self._clock.now()))
        return fields_position(channel, written).wrote(), written


def _named(known: Mapping[str, tuple[FieldDefinition, int]], key: str) -> tuple[FieldDefinition, int]:
    if key in known:
        return known[key]
    if key in BUILT_IN_FIELDS:
        return BUILT_IN_FIELDS[key], 0
    raise no_field()


async def _archivable(tx: Tx, channel: str, key: str) -> tuple[FieldDefinition, int]:
    """The definition, locked, and its version. Raises NotFound, Unprocessable for a built-in field.

    Whoever has read that the field is collected, or is not, has written by now what follows from it.
    """
    await field_store.alone(tx, channel)
    found = _named(await _locked(tx, channel), key)
    if key in BUILT_IN_FIELDS:
        raise Unprocessable("A built-in field cannot be archived. Hide it instead.", code="builtIn")
    return found


async def _gave_up(tx: Tx, channel: str, key: str) -> bool:
    """Whether the job of the last archiving or restoring has failed for good: then it may be asked for again."""
    turned_by = await field_store.turned_by(tx, channel, key)
    job = None if turned_by is None else await job_store.load(tx, channel, turned_by, KIND)
    return job is not None and job.status is Status.FAILED


async def restored(tx: Tx, channel: str, key: str, job: UUID, now: datetime) -> None:
    """The field is archived no more, if it is still this job that restores it."""
    before, version = _named(await _locked(tx, channel), key)
    if await field_store.turned_by(tx, channel, key) == job and before.restoring:
        back = replace(before, archived=False, restoring=False)
        written = await field_store.save_fields(tx, channel, [(back, version + 1)])
        await outbox.put(tx, field_messages(channel, written, now))


def _telling(job_id: UUID, caller: Caller, at: datetime) -> Job:
    """The job that carries it out."""
    return Job(id=job_id, channel=caller.channel, kind=KIND, requested_by=caller.subject, requested_at=to_wire(at))


async def _locked(tx: Tx, channel: str) -> dict[str, tuple[FieldDefinition, int]]:
    """The definitions, with the channel's row locked: definitions change one after the other."""
    await channel_store.load_channel(tx, channel, lock=True)
    return await field_store.fields(tx, channel)


async def known_fields(tx: Tx, channel: str, writes: Sequence[Write]) -> Known:
    """What these writes are judged by. No field is archived or restored from now until the commit.

    Where a write may define a field the channel's row is locked. So this comes before any contact is locked.
    """
    await field_store.together(tx, channel)
    known = _known(await field_store.fields(tx, channel))
    return _known(await _locked(tx, channel)) if may_define(known, writes) else known


async def define_seen(tx: Tx, channel: str, known: Known, now: datetime) -> Position:
    """Keep and tell of the fields that accepted writes defined."""
    if not known.made:
        return NOWHERE
    made = await field_store.save_fields(tx, channel, [(definition, 1) for definition in known.made])
    await outbox.put(tx, field_messages(channel, made, now))
    return fields_position(channel, made).wrote()


def _known(written: Mapping[str, tuple[FieldDefinition, int]]) -> Known:
    return known_of({key: definition for key, (definition, _) in written.items()})
