"""Imports begun, looked at and cancelled."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from common import csv_report
from common import cursor as cursors
from common.auth import Caller
from common.clock import Clock, to_wire
from common.cursor import Listed
from common.errors import Unprocessable
from common.events.contacts import Channel, Contact, FieldDefinition
from common.ids import Ids
from common.postgres import Database
from contacts import store
from contacts.channel import store as channel_store
from contacts.fields import store as field_store
from contacts.fields.built_in import BUILT_IN_FIELDS
from contacts.fields.first_sight import known_of
from contacts.imports import store as import_store
from contacts.imports.files import Files
from contacts.imports.mapping import Headed, Kind, find_headings, read_mapping
from contacts.imports.order import KIND, NOT_WRITTEN, Order, Outcome, RowStatus, column_shown, import_shown
from contacts.imports.row import SAMPLED, first_rows, sampled
from contacts.imports.source import Source, source_of
from contacts.imports.tables.encoding import check_name, shown_name
from contacts.imports.tables.table import HEAD_LINES, Line
from contacts.imports.upload import Form
from contacts.jobs import store as job_store
from contacts.jobs.job import Cancel, Job, decide, no_job
from contacts.profile_field import MOST_FIELDS, too_many_fields

_KINDS = ("members", "leads")
_PAGE = 1000


@dataclass(slots=True)
class Upload:
    """A file that has arrived, with the form's other parts; its files stay where `kept` is set."""

    id: UUID
    form: Form
    kept: bool = False


@dataclass(frozen=True, slots=True)
class _Looked:
    """What is known of a file before its rows are read: its order, its first lines, and the channel it is for."""

    source: Source
    order: Order
    head: Sequence[Line]
    fields: Mapping[str, FieldDefinition]
    settings: Channel


class Imports:
    """The commands and the reads."""

    def __init__(self, database: Database, files: Files, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._files = files
        self._clock = clock
        self._ids = ids

    @asynccontextmanager
    async def received(self, content_type: str | None, body: AsyncIterator[bytes]) -> AsyncIterator[Upload]:
        """Take a body in; what is not made an import by the end is deleted. Raises Unreadable, Unprocessable, TooLarge."""
        import_id = self._ids()
        try:
            with Form(content_type, self._files.upload(import_id)) as form:
                async for piece in body:
                    await asyncio.to_thread(form.feed, piece)
                form.done()
            upload = Upload(import_id, form)
            yield upload
        except BaseException:
            await self._files.discard(import_id)
            raise
        await self._files.uploaded(import_id, kept=upload.kept)

    async def preview(self, caller: Caller, upload: Upload) -> dict[str, Any]:
        """How the file would be read: each column and where it goes, and the first rows. Raises Unprocessable."""
        looked = await self._looked_at(caller, upload)
        order, layout = looked.order, looked.source.layout
        first = first_rows(order, looked.head, looked.fields, ZoneInfo(looked.settings.time_zone))
        members = await self._members(caller.channel, [row.member_id for row in first if row.member_id is not None])
        known = known_of(looked.fields)
        return {
            "kind": order.kind,
            "format": looked.source.format,
            "encoding": None if layout is None else shown_name(layout.encoding),
            "delimiter": None if layout is None else layout.delimiter,
            "headings": order.headed.number,
            "columns": [column_shown(column) for column in order.headed.columns],
            "rows": [sampled(order, row, members, known, looked.settings.country) for row in first],
        }

    async def _members(self, channel: str, member_ids: Sequence[str]) -> dict[str, Contact]:
        """The members of these ids that are there, by them."""
        async with self._database.connection() as connection:
            ids = await store.find_members(connection, channel, member_ids)
            found = await store.read(connection, channel, ids.values())
        return {member_id: found[contact_id] for member_id, contact_id in ids.items() if contact_id in found}

    async def start(self, caller: Caller, upload: Upload) -> dict[str, Any]:
        """Make it an import, to be worked off in the background. Raises Unprocessable, Unavailable."""
        body = (await self._looked_at(caller, upload)).order.body()
        job = Job(
            id=upload.id, channel=caller.channel, kind=KIND, requested_by=caller.subject, requested_at=to_wire(self._clock.now())
        )  # fmt: skip
        await self._files.share_upload(upload.id)
        async with self._database.transaction() as tx:
            await job_store.insert(tx, job, body)
        upload.kept = True
        return import_shown(job, body)

    async def _looked_at(self, caller: Caller, upload: Upload) -> _Looked:
        given = upload.form.fields
        kind = given.get("kind", "members")
        if kind not in _KINDS:
            raise Unprocessable("`kind` is `members` or `leads`.", pointer="/kind")
        wanted = read_mapping(given.get("mapping"), cast("Kind", kind))
        encoding = check_name(given.get("encoding"))
        source, head = await asyncio.to_thread(self._opened, upload, encoding)
        async with self._database.connection() as connection:
            settings, _ = await channel_store.load_channel(connection, caller.channel)
            fields = {key: definition for key, (definition, _) in (await field_store.fields(connection, caller.channel)).items()}
        headed = find_headings(head, wanted, cast("Kind", kind), {**BUILT_IN_FIELDS, **fields})
        _check_room(headed, {key for key in fields if key.startswith("profile.")})
        return _Looked(source, Order(cast("Kind", kind), source.layout, headed), head, fields, settings)

    def _opened(self, upload: Upload, encoding: str | None) -> tuple[Source, list[Line]]:
        path, plain = self._files.upload(upload.id), self._files.plain(upload.id)
        source = source_of(path, upload.form.fields.get("password"), plain, encoding)
        return source, source.head(self._files.spool(upload.id, 0), HEAD_LINES + SAMPLED)

    async def job(self, channel: str, import_id: UUID) -> tuple[Job, dict[str, Any]]:
        """One import, and as it is shown. Raises NotFound."""
        async with self._database.connection() as connection:
            job = await job_store.load(connection, channel, import_id, KIND)
            if job is None:
                raise no_job()
            return job, import_shown(job, await job_store.body(connection, channel, import_id))

    async def imports(self, channel: str, limit: int, cursor: str | None) -> Listed:
        """The channel's imports, newest first."""
        before: tuple[datetime, UUID] | None = None
        if cursor is not None:
            before = cursors.decode(cursor, cursors.instant, cursors.identifier)
        async with self._database.connection() as connection:
            found = await job_store.listed(connection, channel, KIND, before, limit + 1)
        items = [import_shown(job, body) for job, body in found[:limit]]
        last_job = found[limit - 1][0] if len(found) > limit else None
        return Listed(items, None if last_job is None else cursors.encode(last_job.requested_at, str(last_job.id)))

    async def rows(self, job: Job, status: RowStatus | None, limit: int, cursor: str | None) -> Listed:
        """What became of the rows so far, in the file's order."""
        (after,) = cursors.decode(cursor, cursors.number) if cursor else (0,)
        async with self._database.connection() as connection:
            found = await import_store.rows(connection, job, after, status, limit + 1)
        following = cursors.encode(found[limit - 1].number) if len(found) > limit else None
        return Listed([_row_shown(outcome) for outcome in found[:limit]], following)

    async def report(self, job: Job, status: RowStatus | None) -> AsyncIterator[bytes]:
        """The same as a CSV file, in pieces."""
        yield csv_report.head(("row", "status", "contactId", "code", "column", "detail", "notWritten"))
        after = 0
        while True:
            async with self._database.connection() as connection:
                found = await import_store.rows(connection, job, after, status, _PAGE)
            if not found:
                return
            after = found[-1].number
            yield csv_report.lines(map(_row_reported, found))

    async def cancel(self, caller: Caller, import_id: UUID) -> dict[str, Any]:
        """Stop it where it is; what it has written stays. Raises NotFound, Conflict."""
        async with self._database.transaction() as tx:
            job = await job_store.load(tx, caller.channel, import_id, KIND, lock=True)
            if job is None:
                raise no_job()
            after = decide(job, Cancel(self._clock.now()))
            await job_store.update(tx, job.version, after)
            return import_shown(after, await job_store.body(tx, caller.channel, import_id))


def _check_room(headed: Headed, known: set[str]) -> None:
    for column in headed.used:
        for key in column.keys:
            if key.startswith("profile.") and key not in known:
                known.add(key)
                if len(known) > MOST_FIELDS:
                    raise too_many_fields(key, "/mapping")


def _row_shown(outcome: Outcome) -> dict[str, Any]:
    problem = None
    if outcome.code is not None:
        problem = {"code": outcome.code, "detail": outcome.detail, "column": outcome.heading}
    contact_id = None if outcome.contact_id is None else str(outcome.contact_id)
    shown = {"row": outcome.number, "status": outcome.status.value, "contactId": contact_id, "problem": problem}
    missed = [each.members() for each in outcome.not_written]
    return {**shown, NOT_WRITTEN: missed} if missed else shown


def _row_reported(outcome: Outcome) -> tuple[object, ...]:
    missed = ", ".join(f"{each.key}: {each.reason}" for each in outcome.not_written)
    return (
        outcome.number, outcome.status.value, outcome.contact_id, outcome.code, csv_report.inert(outcome.heading), outcome.detail,
        missed or None,
    )  # fmt: skip
