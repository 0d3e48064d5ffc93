"""Reads of exports and of the audit log."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from uuid import UUID

import orjson
from pydantic import JsonValue

from common import cursor as cursors
from common.auth import Caller
from common.clock import Clock, to_wire
from common.listening import Open
from common.postgres import Database
from exports import holdings, store
from exports.export import MOST_ROWS, Export
from exports.neighbours import Neighbours
from exports.sight import check_visible, export_shown, no_export, sees_all
from exports.waiting import counted_for, opens_at

_QUIET_LOOKS = 50


class Queries:
    """What can be read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def export(self, caller: Caller, export_id: UUID) -> Export:
        """One export. Raises NotFound, Forbidden."""
        async with self._database.connection() as connection:
            found = await store.load(connection, caller.channel, export_id)
        if found is None:
            raise no_export()
        check_visible(found, caller.subject, auditor=sees_all(caller))
        return found

    async def exports(
        self, caller: Caller, limit: int, cursor: str | None, status: str | None = None
    ) -> tuple[list[Export], str | None]:
        """One's own exports, or everybody's for who may see them, newest first; all, or those of a status."""
        by = None if sees_all(caller) else caller.subject
        before = cursors.decode(cursor, cursors.instant, cursors.identifier) if cursor else None
        async with self._database.connection() as connection:
            found = await store.listed(connection, caller.channel, by, before, limit + 1, status)
        last = found[limit - 1] if len(found) > limit else None
        return found[:limit], None if last is None else cursors.encode(last.requested_at, str(last.id))

    async def holds_nothing(self, channel: str, contact_ids: Sequence[UUID]) -> bool:
        """Whether no file holds any of these contacts any more, since it was told that they are erased."""
        async with self._database.connection() as connection:
            return await holdings.holds_none(connection, channel, contact_ids)


class Allowances:
    """Whether a manager may ask for an export now."""

    def __init__(self, database: Database, neighbours: Neighbours, clock: Clock) -> None:
        self._database = database
        self._neighbours = neighbours
        self._clock = clock

    async def allowance(self, caller: Caller) -> dict[str, JsonValue]:
        """The window, whose it is, when it opens, how many contacts one file takes, and beyond how many it is to be approved."""
        settings = await self._neighbours.settings(caller.channel)
        minutes, scope = settings["exportMinutes"], settings["exportScope"]
        async with self._database.connection() as connection:
            latest = await store.latest_counted(connection, caller.channel, counted_for(scope, caller.subject))
        opens = opens_at(latest, minutes, self._clock.now())
        return {
            "minutes": minutes,
            "scope": scope,
            "openAt": opens and to_wire(opens),
            "limit": MOST_ROWS,
            "approvalRows": settings.get("exportApprovalRows"),
        }


async def progress(
    queries: Queries, caller: Caller, export_id: UUID, goes_on: Open, wait: Callable[[], Awaitable[None]]
) -> AsyncIterator[bytes]:
    """Server-sent events: the export each time it changes, until its work or the listening is over.

    `wait` sleeps between two looks.
    """
    seen = quiet = 0
    while goes_on():
        export = await queries.export(caller, export_id)
        quiet += 1
        if export.version != seen:
            seen, quiet = export.version, 0
            yield b"id: %d\nevent: progress\ndata: %s\n\n" % (seen, orjson.dumps(export_shown(export)))
        elif quiet % _QUIET_LOOKS == 0:
            yield b": still here\n\n"  # so that nothing in between takes the silence for a broken connection
        if not export.goes_on:
            return
        await wait()
