"""Commands on exports: ask, cancel, revoke, download."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import JsonValue

from common.auth import Caller
from common.clock import Clock, to_wire
from common.errors import Gone, TooManyRequests, Unavailable, Unprocessable
from common.files.keeping import Altered, Reading
from common.ids import Ids
from common.invisible import shows_nothing
from common.language import Language
from common.position import Position
from common.postgres import Database, Tx
from common.telemetry import log
from exports import columns, journal, store
from exports.approval import Approve, AskApproval, Decline
from exports.audit import store as audit
from exports.audit.entry import Action, Entry
from exports.auditing import approval_asked
from exports.events import Column, Kind, Requested, Scope
from exports.export import MOST_ROWS, Cancel, Command, Download, Export, Revoke, decide, evolve
from exports.files import Files
from exports.neighbours import Neighbours
from exports.password import check_password
from exports.ranges import part_of
from exports.said import too_many
from exports.sealing import Sealing
from exports.sight import check_visible, no_export
from exports.store import Needed
from exports.waiting import counted_for, in_words, wait_seconds
from exports.workbook.agile_format import Stretched

_DAMAGED = "This file is damaged. Ask for a new export."


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for an export, read."""

    reason: str
    password: str = field(repr=False)
    scope: Mapping[str, Any]
    columns: Sequence[str] | None
    names: bool
    language: Language
    position: Position | None


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a file is wanted, as the `Range` and `If-Range` headers say."""

    wanted: str | None
    if_range: str | None


@dataclass(frozen=True, slots=True)
class Opened:
    """A file ready to be sent: all of it, or these of its bytes."""

    export: Export
    reading: Reading
    size: int
    tag: str
    part: range | None


class Exports:
    """The commands."""

    def __init__(
        self,
        database: Database,
        neighbours: Neighbours,
        files: Files,
        sealing: Sealing,
        clock: Clock,
        ids: Ids,
        random: Callable[[int], bytes],
    ) -> None:
        self._database = database
        self._neighbours = neighbours
        self._files = files
        self._sealing = sealing
        self._clock = clock
        self._ids = ids
        self._random = random

    async def ask(self, caller: Caller, ask: Ask, address: str | None) -> Export:
        """Accept an export, or refuse it before anything is written. Raises Unprocessable, Conflict, TooManyRequests."""
        check_password(ask.password)
        if shows_nothing(ask.reason):
            raise Unprocessable("Say why you need the data.", code="reasonRequired", pointer="/reason")
        settings = await self._neighbours.settings(caller.channel)
        fields = await self._neighbours.fields(caller.channel)
        chosen = columns.choose(ask.columns, fields, names=ask.names, language=ask.language)
        kind, asked, total = await self._scope(caller.channel, ask)
        export_id = self._ids()
        # The password goes no further than this: what outlives the request is its stretched form, sealed.
        lock = await asyncio.to_thread(Stretched.of, ask.password, self._random)
        sealed = self._sealing.seal(lock, str(export_id))
        async with self._database.transaction() as tx:
            await store.lock_window(tx, caller.channel)
            now = self._clock.now()
            await self._check_window(tx, caller, settings, now)
            request = _request(export_id, caller, ask, Scope(kind=kind), chosen, settings, now)
            events = [request, *decide(evolve(None, request), AskApproval(total))]
            export = await journal.append(tx, None, events, now, caller.subject, needed=Needed(sealed, asked))
            detail = _asked_for(request, total)
            entry = Entry(self._ids(), now, caller.subject, Action.ASKED, str(export_id), "accepted", address, detail)
            await audit.add(tx, caller.channel, entry)
            if export.approval is not None:
                await audit.add(tx, caller.channel, approval_asked(export, self._ids(), now))
        return export

    async def _check_window(self, tx: Tx, caller: Caller, settings: Mapping[str, Any], now: datetime) -> None:
        whose = counted_for(settings["exportScope"], caller.subject)
        wait = wait_seconds(await store.latest_counted(tx, caller.channel, whose), settings["exportMinutes"], now)
        if wait:
            raise TooManyRequests(
                f"There is one export every {settings['exportMinutes']} minutes. The next is possible in {in_words(wait)}.",
                wait,
                code="exportWindow",
                extra={"minutes": settings["exportMinutes"]},
            )

    async def _scope(self, channel: str, ask: Ask) -> tuple[Kind, Mapping[str, JsonValue], int]:
        """What kind of scope it is, what search is to be asked for it, and how many contacts it is for."""
        asked: dict[str, JsonValue] = dict(ask.scope)
        if "contactIds" in asked:
            return await self._checked(channel, ask.scope["contactIds"])
        if "all" in asked:
            total = _checked_total(await self._neighbours.everyone(channel, ask.position))
            return "all", {"all": True}, total
        if without := ask.scope.get("except"):
            asked["except"] = await self._left_out(channel, without)
        total = _checked_total(await self._neighbours.audience(channel, asked, ask.position))
        return "filter", {key: value for key, value in asked.items() if key != "fingerprint"}, total

    async def _checked(self, channel: str, ids: Sequence[str]) -> tuple[Kind, Mapping[str, JsonValue], int]:
        survivors = await self._neighbours.survivors(channel, ids)
        for n, contact_id in enumerate(ids):
            if contact_id not in survivors:
                raise Unprocessable(
                    "There is no such contact here. Leave its id out.", code="unknownContact", pointer=f"/scope/contactIds/{n}"
                )
        found: list[JsonValue] = [*dict.fromkeys(survivors[i] for i in ids)]
        return "contactIds", {"contactIds": found}, len(found)

    async def _left_out(self, channel: str, ids: Sequence[str]) -> list[JsonValue]:
        """The ids, and whom they stand for: who was unchecked stays out under the id of a merge's survivor as well."""
        survivors = await self._neighbours.survivors(channel, ids)
        return [*dict.fromkeys([*ids, *survivors.values()])]

    async def cancel(self, caller: Caller, export_id: UUID, address: str | None) -> Export:
        """Cancel before it is ready. Raises NotFound, Conflict."""
        return await self._end(caller, export_id, Action.CANCELLED, address, Cancel())

    async def revoke(self, caller: Caller, export_id: UUID, address: str | None) -> Export:
        """Take the file away. Raises NotFound, Conflict."""
        export = await self._end(caller, export_id, Action.REVOKED, address, Revoke(caller.subject))

        async def remove() -> None:
            await self._files.let_go(export_id, export.attempts)

        # A request with an `Idempotency-Key` commits later than here, or not at all; the keeper takes what is left behind.
        await self._database.afterwards(remove)
        return export

    async def _end(self, caller: Caller, export_id: UUID, action: Action, address: str | None, command: Command) -> Export:
        async with self._database.transaction() as tx:
            now = self._clock.now()
            export = await self._held(tx, caller, export_id)
            check_visible(export, caller.subject, auditor=caller.may("audit.read"))
            after = await journal.append(tx, export, decide(export, command), now, caller.subject)
            await audit.add(tx, caller.channel, Entry(self._ids(), now, caller.subject, action, str(export_id), "done", address))
        return after

    async def approve(self, caller: Caller, export_id: UUID, address: str | None) -> Export:
        """Allow another's export. Raises NotFound, Forbidden, Conflict."""
        return await self._decide(caller, export_id, Action.APPROVED, address, Approve(caller.subject, self._clock.now()))

    async def decline(self, caller: Caller, export_id: UUID, reason: str | None, address: str | None) -> Export:
        """Decline another's export. Raises NotFound, Forbidden, Conflict."""
        command = Decline(caller.subject, self._clock.now(), reason)
        return await self._decide(caller, export_id, Action.DECLINED, address, command)

    async def _decide(
        self, caller: Caller, export_id: UUID, action: Action, address: str | None, command: Approve | Decline
    ) -> Export:
        async with self._database.transaction() as tx:
            export = await self._held(tx, caller, export_id)
            after = await journal.append(tx, export, decide(export, command), command.at, caller.subject)
            detail = command.reason if isinstance(command, Decline) else None
            entry = Entry(self._ids(), command.at, caller.subject, action, str(export_id), "done", address, detail)
            await audit.add(tx, caller.channel, entry)
        return after

    async def download(self, caller: Caller, export_id: UUID, part: Part, address: str | None) -> Opened:
        """Open the file and note a download. Raises NotFound, Forbidden, Conflict, Gone, NotThere, Unavailable."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            export = await self._held(tx, caller, export_id)
            decide(export, Download(caller.subject, now))
        assert export.manifest is not None, "a ready export has its manifest"
        size, tag = export.manifest.bytes, f'"{export.manifest.file_sha256}"'
        wanted = part_of(size, tag, part.wanted, part.if_range)
        # No transaction waits for the store of files; so what was looked at is looked at again when it is noted.
        reading = await self._opened(export, size, wanted)
        try:
            async with self._database.transaction() as tx:
                export = await self._held(tx, caller, export_id)
                events = decide(export, Download(caller.subject, now))
                await journal.append(tx, export, events, now, caller.subject)
                bytes_ = None if wanted is None else f"bytes {wanted.start}-{wanted.stop - 1}"
                entry = Entry(self._ids(), now, caller.subject, Action.DOWNLOADED, str(export_id), "done", address, bytes_)
                await audit.add(tx, caller.channel, entry)
        except BaseException:
            await reading.close()
            raise
        return Opened(export, reading, size, tag, wanted)

    async def check_download(self, caller: Caller, export_id: UUID) -> None:
        """Whether a download that began may go on. Raises NotFound, Forbidden, Conflict, Gone."""
        async with self._database.connection() as connection:
            export = await store.load(connection, caller.channel, export_id)
        if export is None:
            raise no_export()
        decide(export, Download(caller.subject, self._clock.now()))

    async def _opened(self, export: Export, size: int, wanted: range | None) -> Reading:
        """Raises Gone, Unavailable."""
        try:
            reading = await self._files.open(export.id, export.attempts, wanted)
        except FileNotFoundError:
            raise Gone("This file is not here any more. Ask for a new export.") from None
        except Altered as error:
            log.error("a file is not as it was", export=str(export.id), exc_info=error)
            raise Gone(_DAMAGED) from None
        except OSError as error:
            log.error("a file cannot be opened", export=str(export.id), exc_info=error)
            raise Unavailable("The file cannot be read now. Try again in a moment.") from None
        if reading.size != size:
            await reading.close()
            log.error("a file is not as long as it was", export=str(export.id), bytes=reading.size, expected=size)
            raise Gone(_DAMAGED)
        return reading

    async def _held(self, tx: Tx, caller: Caller, export_id: UUID) -> Export:
        export = await store.load(tx, caller.channel, export_id, lock=True)
        if export is None:
            raise no_export()
        return export

    async def refused(self, caller: Caller, action: Action, target: UUID | None, code: str | None, address: str | None) -> None:
        """Note a refusal in the audit log."""
        async with self._database.transaction() as tx:
            about = None if target is None else str(target)
            entry = Entry(self._ids(), self._clock.now(), caller.subject, action, about, "refused", address, code)
            await audit.add(tx, caller.channel, entry)


def _request(
    export_id: UUID, caller: Caller, ask: Ask, scope: Scope, chosen: list[Column], settings: Mapping[str, Any], now: datetime
) -> Requested:
    return Requested(
        id=export_id, channel=caller.channel, at=to_wire(now), by=caller.subject, reason=ask.reason.strip(), scope=scope,
        columns=chosen, time_zone=settings["timeZone"], language=ask.language, approval_rows=settings.get("exportApprovalRows"),
    )  # fmt: skip


def _asked_for(request: Requested, total: int) -> str:
    """What the audit log tells of a request: no filter, which may name a person."""
    keys = ", ".join(column.key for column in request.columns)
    return f"{request.reason} (scope {request.scope.kind}, {total:,} contacts, columns {keys})"


def _checked_total(total: int) -> int:
    if total > MOST_ROWS:
        said = too_many(total, MOST_ROWS).english
        raise Unprocessable(said, code="tooManyRows", pointer="/scope", extra={"total": total, "most": MOST_ROWS})
    return total
