"""Works an import off: reads the file once, then writes its rows, chunk by chunk, each with its cursor and its report."""

import asyncio
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

from common.auth import Caller
from common.errors import Conflict
from common.events.contacts import FieldTypeName
from common.eventstore import ConcurrentChange, again
from common.position import NOWHERE, Position
from common.postgres import Database, Tx
from contacts import publish
from contacts.channel import store as channel_store
from contacts.fields import store as field_store
from contacts.fields.handlers import Fields
from contacts.handlers import Contacts
from contacts.imports import store as import_store
from contacts.imports.files import Files
from contacts.imports.mapping import MEMBER_ID
from contacts.imports.order import NOT_WRITTEN, Order, Outcome, RowStatus, lead_id
from contacts.imports.reading import Chunk, Reading
from contacts.imports.row import erased_meanwhile, refused, types_of
from contacts.imports.source import Source, Written, rows, write_rows
from contacts.imports.tables.table import UnreadableFile
from contacts.jobs.job import Advance, Job
from contacts.jobs.runner import HeldJob, Piece
from contacts.profile_field import MOST_NAME, PRESETS, NewField
from contacts.rows import RowResult

CHUNK = 2000


class Imports:
    """The runner of imports. A chunk's contacts, its report and the cursor are written in one transaction."""

    def __init__(self, database: Database, contacts: Contacts, fields: Fields, files: Files, *, chunk: int = CHUNK) -> None:
        self._database = database
        self._contacts = contacts
        self._fields = fields
        self._files = files
        self._chunk = chunk

    async def run(self, held: HeldJob) -> None:
        """Read, then write; the files go at the end."""
        order = Order.of(held.body)
        if held.job.cursor is None:
            await self._files.fetch_upload(held.job.id)
            await self._read(held, order)
        else:
            await self._files.fetch_rows(held.job.id)
        async with held.reading() as connection:
            types, zone = await _read_as(connection, held.job.channel)
        reading = Reading(order, self._files.rows(held.job.id), self._chunk, types, zone)
        try:
            while held.job.cursor != _END:
                assert isinstance(held.job.cursor, int)
                chunk = await reading.chunk(held.job.cursor)
                piece = partial(self._write, order, reading, chunk) if chunk.rows else _finish
                await again(partial(self._advance, held, piece))
        except FileNotFoundError:
            raise _gone() from None
        finally:
            reading.drop()
        await self._files.remove(held.job.id)

    async def _advance(self, held: HeldJob, piece: Piece) -> None:
        # The commands that the piece calls have transactions of their own, which become parts of this one.
        async with self._database.whole():
            await held.advance(piece)

    async def _read(self, held: HeldJob, order: Order) -> None:
        """Write the file's rows down and define the fields that nobody has defined; broken off, it begins anew."""
        async with self._database.transaction() as tx:
            settings, _ = await channel_store.load_channel(tx, held.job.channel)
            known = await field_store.fields(tx, held.job.channel)
        keys = [key for column in order.headed.used for key in column.keys if key.startswith("profile.")]
        unknown = [key for key in keys if key not in known]
        stop = threading.Event()
        try:
            written = await asyncio.to_thread(self._write_down, held.job, order, unknown, ZoneInfo(settings.time_zone), stop)
        finally:
            stop.set()  # a thread cannot be cancelled: it is told
        await self._files.share_rows(held.job.id)
        await self._advance(held, partial(self._define, order, written))

    def _write_down(self, job: Job, order: Order, unknown: Sequence[str], zone: ZoneInfo, stop: threading.Event) -> Written:
        plain = self._files.plain(job.id)
        source = Source(plain if plain.exists() else self._files.upload(job.id), order.layout)
        spool, target = self._files.spool(job.id, job.attempts), self._files.unfinished_rows(job.id, job.attempts)
        found = rows(takewhile(lambda _: not stop.is_set(), source.lines(spool)), order.headed)
        try:
            written = write_rows(found, order.headed.used, unknown, zone, target)
            if not stop.is_set():
                target.rename(self._files.rows(job.id))
        except FileNotFoundError:
            raise _gone() from None
        finally:
            spool.unlink(missing_ok=True)
            target.unlink(missing_ok=True)
        return written

    async def _define(self, order: Order, written: Written, _: Tx, job: Job, __: datetime) -> Advance:
        # Before any row is judged: the type is that of all of a column's cells, and no row alone could tell it.
        headings = {key: column.heading for column in order.headed.used for key in column.keys}
        position = NOWHERE
        for key, kind in written.types.items():
            if key.removeprefix("profile.") not in PRESETS:
                name = headings[key].removeprefix("profile.")[:MOST_NAME].strip() or key[8:]
                position += await self._defined(job, NewField(key, kind, {"ko": name, "en": name}))
        return Advance(0, total=written.total, position=position)

    async def _defined(self, job: Job, wanted: NewField) -> Position:
        try:
            return (await self._fields.define(_caller(job), wanted))[1]
        except Conflict:  # somebody defined it while the file was read: the rows are judged by what it is now
            return NOWHERE

    async def _write(self, order: Order, reading: Reading, chunk: Chunk, tx: Tx, job: Job, __: datetime) -> Advance:
        await field_store.together(tx, job.channel)  # from now on a cell is read as the value that it will be judged as
        types, zone = await _read_as(tx, job.channel)
        erased = await import_store.erased_meanwhile(tx, job)
        read, following = reading.bodies(chunk, types, zone), chunk.following
        outcomes, bodies = dict(read.refused), read.bodies
        if erased:
            gone = {n for n, body in bodies if import_store.erased_mark(job, str(body.get(MEMBER_ID))) in erased}
            outcomes |= {n: refused(order, n, erased_meanwhile()) for n in gone}
            bodies = [each for each in bodies if each[0] not in gone]
        results, fields = await self._written(order, bodies, job)
        if len(results) < len(bodies):  # the others are too much for this transaction
            left = bodies[len(results)][0]
            following = next(row.place for row in chunk.rows if row.number == left)
            outcomes = {number: outcome for number, outcome in outcomes.items() if number < left}
        if await import_store.erased_meanwhile(tx, job) != erased:
            raise ConcurrentChange  # one of these may have been made anew
        outcomes |= {result.index: _outcome(order, result) for result in results}
        await import_store.note(tx, job, list(outcomes.values()))
        counts = Counter(outcome.status.value for outcome in outcomes.values())
        missed = sum(outcome.not_written != () for outcome in outcomes.values())
        if missed:
            counts[NOT_WRITTEN] = missed
        return Advance(following, counts, position=_of_what_changed(job, results) + fields)

    async def _written(
        self, order: Order, bodies: Sequence[tuple[int, dict[str, Any]]], job: Job
    ) -> tuple[list[RowResult], Position]:
        """What became of the first of the rows, as many as go into the transaction, and where fields defined by them are seen."""
        cause = f"import:{job.id}"
        if order.kind == "members":
            members = [(number, str(body[MEMBER_ID]), body) for number, body in bodies]
            results, position = await self._contacts.upsert_many(_caller(job), members, cause)
        else:
            leads = [(number, lead_id(job, number), body) for number, body in bodies]
            results, position = await self._contacts.create_leads(_caller(job), leads, cause)
        return results, Position(tuple(e for e in position.entries if e.kind == "field"))


_END = "end"


async def _read_as(tx: Tx, channel: str) -> tuple[Mapping[str, FieldTypeName], str]:
    """The types of the channel's fields, and the zone in which its dates are."""
    settings, _ = await channel_store.load_channel(tx, channel)
    defined = {key: definition for key, (definition, _) in (await field_store.fields(tx, channel)).items()}
    return types_of(defined), settings.time_zone


async def _finish(_: Tx, __: Job, ___: datetime) -> Advance:
    return Advance(_END)


def _gone() -> UnreadableFile:
    return UnreadableFile("The file is not here any more. Send it again.", code="fileGone")


def _caller(job: Job) -> Caller:
    return Caller(job.requested_by, job.channel, frozenset())


def _of_what_changed(job: Job, results: Sequence[RowResult]) -> Position:
    """Where a chunk's changes are seen. One that was met unchanged must not stand for its partition: it was sent long before."""
    return publish.where_told(job.channel, (r.contact for r in reversed(results) if r.contact is not None and r.changed))


def _outcome(order: Order, result: RowResult) -> Outcome:
    if result.problem is not None:
        return refused(order, result.index, result.problem)
    assert result.contact is not None
    status = RowStatus.MADE if result.created else RowStatus.CHANGED if result.changed else RowStatus.UNCHANGED
    return Outcome(result.index, status, result.contact.id, not_written=result.not_written)
