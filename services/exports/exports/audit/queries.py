"""Reads of the audit log."""

from collections.abc import AsyncIterator
from typing import Any

from common import csv_report
from common import cursor as cursors
from common.auth import Caller
from common.clock import to_wire
from common.cursor import Listed
from common.errors import WrongOrder
from common.postgres import Database
from exports.audit import store
from exports.audit.store import Wanted

_COLUMNS = ("at", "by", "action", "target", "outcome", "address", "detail", "id", "hash")
_PAGE = 1000


class AuditLog:
    """What can be read of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def entries(self, caller: Caller, wanted: Wanted, limit: int, cursor: str | None) -> Listed:
        """Lines, newest first. Raises Unprocessable for a time that ends before it begins and for a bad cursor."""
        _check_order(wanted)
        before = cursors.decode(cursor, cursors.number)[0] if cursor else None
        async with self._database.connection() as connection:
            rows = await store.listed(connection, caller.channel, wanted, before, limit + 1)
        numbers = [row.pop("number") for row in rows]
        items = [_shown(row) for row in rows[:limit]]
        return Listed(items, cursors.encode(numbers[limit - 1]) if len(rows) > limit else None)

    def report(self, caller: Caller, wanted: Wanted) -> AsyncIterator[bytes]:
        """The same lines as a CSV file, in pieces. Raises Unprocessable before the first."""
        _check_order(wanted)
        return self._pieces(caller.channel, wanted)

    async def _pieces(self, channel: str, wanted: Wanted) -> AsyncIterator[bytes]:
        yield csv_report.head(_COLUMNS)
        before: int | None = None
        while True:
            async with self._database.connection() as connection:
                rows = await store.listed(connection, channel, wanted, before, _PAGE)
            if not rows:
                return
            before = rows[-1]["number"]
            yield csv_report.lines([csv_report.inert(_shown(row)[name]) for name in _COLUMNS] for row in rows)


def _check_order(wanted: Wanted) -> None:
    if wanted.begin is not None and wanted.end is not None and wanted.end < wanted.begin:
        raise WrongOrder


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "id": str(row["id"]), "at": to_wire(row["at"])}
