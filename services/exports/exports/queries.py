"""Reads of exports and of the audit log."""

import base64
import binascii
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from common.auth import Caller
from common.clock import from_wire, to_wire
from common.errors import Unprocessable
from common.ids import parse_id
from common.listening import Open
from common.postgres import Database
from exports import holdings, store
from exports.export import Export
from exports.sight import check_visible, no_export, shown

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
        check_visible(found, caller.subject, auditor=caller.may("audit.read"))
        return found

    async def exports(self, caller: Caller, limit: int, cursor: str | None) -> tuple[list[Export], str | None]:
        """One's own exports, or with `audit.read` everybody's, newest first."""
        by = None if caller.may("audit.read") else caller.subject
        before = _decoded(cursor) if cursor else None
        async with self._database.connection() as connection:
            found = await store.listed(connection, caller.channel, by, before, limit + 1)
        following = _encoded(found[limit - 1].requested_at, found[limit - 1].id) if len(found) > limit else None
        return found[:limit], following

    async def holds_nothing(self, channel: str, contact_ids: Sequence[UUID]) -> bool:
        """Whether no file holds any of these contacts any more, since it was told that they are erased."""
        async with self._database.connection() as connection:
            return await holdings.knows_erased(connection, channel, contact_ids)

    async def audit(self, caller: Caller, limit: int, cursor: str | None) -> tuple[list[dict[str, Any]], str | None]:
        """The audit log, newest first."""
        before = parse_id(cursor) if cursor else None
        if cursor and before is None:
            raise _bad_cursor()
        async with self._database.connection() as connection:
            rows = await store.audit(connection, caller.channel, before, limit + 1)
        items = [{**row, "id": str(row["id"]), "at": to_wire(row["at"])} for row in rows[:limit]]
        return items, items[-1]["id"] if len(rows) > limit else None


def _encoded(at: datetime, export_id: UUID) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([to_wire(at), str(export_id)])).decode().rstrip("=")


def _decoded(cursor: str) -> tuple[datetime, UUID]:
    try:
        at, last = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
        return from_wire(at), UUID(last)
    except (binascii.Error, ValueError, TypeError, AttributeError):
        raise _bad_cursor() from None


def _bad_cursor() -> Unprocessable:
    return Unprocessable("This cursor is none that a list answered with. Begin again without it.", code="badCursor")


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
            yield b"id: %d\nevent: progress\ndata: %s\n\n" % (seen, orjson.dumps(shown(export)))
        elif quiet % _QUIET_LOOKS == 0:
            yield b": still here\n\n"  # so that nothing in between takes the silence for a broken connection
        if not export.in_work:
            return
        await wait()
