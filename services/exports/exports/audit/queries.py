"""Reads of the audit log."""

from common import cursor as cursors
from common.auth import Caller
from common.clock import to_wire
from common.cursor import Listed
from common.errors import WrongOrder
from common.postgres import Database
from exports.audit import store
from exports.audit.store import Wanted


class AuditLog:
    """What can be read of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def entries(self, caller: Caller, wanted: Wanted, limit: int, cursor: str | None) -> Listed:
        """Lines, newest first. Raises Unprocessable for a time that ends before it begins and for a bad cursor."""
        if wanted.begin is not None and wanted.end is not None and wanted.end < wanted.begin:
            raise WrongOrder
        before = cursors.decode(cursor, cursors.number)[0] if cursor else None
        async with self._database.connection() as connection:
            rows = await store.listed(connection, caller.channel, wanted, before, limit + 1)
        numbers = [row.pop("number") for row in rows]
        items = [{**row, "id": str(row["id"]), "at": to_wire(row["at"])} for row in rows[:limit]]
        return Listed(items, cursors.encode(numbers[limit - 1]) if len(rows) > limit else None)
