"""Commands on exports: ask, cancel, revoke, download."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import JsonValue

from common.auth import Caller
from common.clock import Clock
from common.errors import Gone, TooManyRequests, Unprocessable
from common.ids import Ids
from common.postgres import Database
from exports import columns, store
from exports.agile import Stretched
from exports.export import MOST_ROWS, Export, Scope, check_visible, no_export, wait_seconds
from exports.files import Files
from exports.neighbours import Neighbours
from exports.password import check_password
from exports.publish import keep
from exports.sealing import Sealing
from exports.store import Entry


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for an export, read."""

    reason: str
    password: str
    scope: Mapping[str, Any]
    columns: Sequence[str] | None
    names: bool
    language: str
    position: str | None


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
        now = self._clock.now()
        check_password(ask.password)
        if not ask.reason.strip():
            raise Unprocessable("Say why you need the data.", code="reasonRequired", pointer="/reason")
        settings = await self._neighbours.settings(caller.channel)
        chosen = columns.choose(
            ask.columns, await self._neighbours.fields(caller.channel), names=ask.names, language=ask.language
        )
        scope = await self._scope(caller.channel, ask)
        export = Export(
            id=self._ids(), channel=caller.channel, version=1, reason=ask.reason.strip(), scope=scope, columns=chosen,
            time_zone=settings["timeZone"], requested_by=caller.subject, requested_at=now,
        )  # fmt: skip
        lock = await asyncio.to_thread(Stretched.of, ask.password, self._random)
        sealed = self._sealing.seal(lock, str(export.id))
        async with self._database.transaction() as tx:
            await store.lock_window(tx, caller.channel)
            whose = caller.subject if settings["exportScope"] == "manager" else None
            wait = wait_seconds(await store.latest_counted(tx, caller.channel, whose), settings["exportMinutes"], now)
            if wait:
                raise TooManyRequests(
                    f"One export every {settings['exportMinutes']} minutes. The next is possible in {_in_words(wait)}.",
                    wait,
                    code="exportWindow",
                )
            await keep(tx, export, now, caller.subject, lock=sealed)
            entry = Entry(self._ids(), now, caller.subject, "export.ask", str(export.id), "accepted", address, export.reason)
            await store.note(tx, caller.channel, entry)
        return export

    async def _scope(self, channel: str, ask: Ask) -> Scope:
        asked: dict[str, JsonValue] = dict(ask.scope)
        if "contactIds" in asked:
            ids = ask.scope["contactIds"]
            _check_total(len(ids))
            survivors = await self._neighbours.survivors(channel, [UUID(i) for i in ids])
            for n, contact_id in enumerate(ids):
                if contact_id not in survivors:
                    raise Unprocessable("There is no such contact here.", code="unknownContact", pointer=f"/scope/contactIds/{n}")
            found: list[JsonValue] = [*dict.fromkeys(survivors[i] for i in ids)]
            return Scope(kind="contactIds", asked={"contactIds": found})
        if "all" in asked:
            _check_total(await self._neighbours.everyone(channel))
            return Scope(kind="all", asked={"all": True})
        _check_total(await self._neighbours.audience(channel, asked, ask.position))
        return Scope(kind="filter", asked={key: value for key, value in asked.items() if key != "fingerprint"})

    async def cancel(self, caller: Caller, export_id: UUID, address: str | None) -> Export:
        """Cancel before it is ready. Raises NotFound, Conflict."""
        return await self._end(caller, export_id, "export.cancel", address, Export.cancelled)

    async def revoke(self, caller: Caller, export_id: UUID, address: str | None) -> Export:
        """Take the file away. Raises NotFound, Conflict."""
        export = await self._end(caller, export_id, "export.revoke", address, Export.revoked)
        await asyncio.to_thread(self._files.remove, export_id)
        return export

    async def _end(
        self, caller: Caller, export_id: UUID, action: str, address: str | None, step: Callable[[Export], Export]
    ) -> Export:
        now = self._clock.now()
        async with self._database.transaction() as tx:
            export = await store.load(tx, caller.channel, export_id, lock=True)
            if export is None:
                raise no_export()
            check_visible(export, caller.subject, auditor=caller.may("audit.read"))
            after = step(export)
            await keep(tx, after, now, caller.subject)
            entry = Entry(self._ids(), now, caller.subject, action, str(export_id), "done", address)
            await store.note(tx, caller.channel, entry)
        return after

    async def download(self, caller: Caller, export_id: UUID, address: str | None) -> tuple[Path, Export]:
        """Note a download and say where the file lies. Raises NotFound, Forbidden, Conflict, Gone."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            export = await store.load(tx, caller.channel, export_id, lock=True)
            if export is None:
                raise no_export()
            export.check_download(caller.subject, now)
            path = self._files.path(export_id)
            if not await asyncio.to_thread(path.exists):
                raise Gone("This file is not here any more. Ask for a new export.")
            await keep(tx, export.downloaded(), now, caller.subject, downloaded=True)
            entry = Entry(self._ids(), now, caller.subject, "export.download", str(export_id), "done", address)
            await store.note(tx, caller.channel, entry)
        return path, export

    async def refused(self, caller: Caller, action: str, target: str | None, code: str, address: str | None) -> None:
        """Note a refusal in the audit log."""
        async with self._database.transaction() as tx:
            entry = Entry(self._ids(), self._clock.now(), caller.subject, action, target, "refused", address, code)
            await store.note(tx, caller.channel, entry)


def _check_total(total: int) -> None:
    if total > MOST_ROWS:
        raise Unprocessable(
            f"{total:,} contacts are more than the {MOST_ROWS:,} that one file takes. Narrow the filter.",
            code="tooManyRows",
            pointer="/scope",
            extra={"total": total},
        )


def _in_words(seconds: int) -> str:
    minutes = -(-seconds // 60)
    return f"{minutes} minutes" if minutes > 1 else f"{seconds} seconds"
