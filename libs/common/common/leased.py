"""Rows of a table that workers hold by lease: the same statements for every table whose rows are long work."""

from datetime import datetime
from typing import LiteralString
from uuid import UUID

import asyncpg

from common.postgres import Tx


class LeasedRows:
    """A table with the columns `channel`, `id`, `status`, `requested_at`, `lease_by` and `lease_until`.

    `work` is the SQL list of the statuses in which there is something left to do, as the table's partial index has it; `taken`
    are the columns that a worker is given; `also` is what else must hold of a row, in which `$2` is what `claim` is given.
    All are constants of the code, which the type checker holds.
    """

    def __init__(self, table: LiteralString, *, work: LiteralString, taken: LiteralString, also: LiteralString = "true") -> None:
        self._claim = (
            f"select channel, id, {taken} from {table} "  # noqa: S608 - constants
            f"where status in {work} and {also} and (lease_until is null or lease_until <= $1) "
            "order by requested_at limit 1 for update skip locked"
        )
        self._lease = f"update {table} set lease_by = $3, lease_until = $4 where channel = $1 and id = $2"  # noqa: S608
        # Whoever ends the work, or puts it off, takes the lease away: it cannot be renewed after that.
        self._renew = (
            f"update {table} set lease_until = $4 "  # noqa: S608
            "where channel = $1 and id = $2 and lease_by = $3 and lease_until is not null"
        )

    async def claim(self, tx: Tx, worker: str, now: datetime, until: datetime, *given: object) -> asyncpg.Record | None:
        """The row that waits longest for a worker, or whose worker has fallen silent, leased until then."""
        row: asyncpg.Record | None = await tx.fetchrow(self._claim, now, *given)
        if row is not None:
            await tx.execute(self._lease, row["channel"], row["id"], worker, until)
        return row

    async def renew(self, tx: Tx, channel: str, row_id: UUID, worker: str, until: datetime) -> bool:
        """Keep the lease; answers whether the row is still this worker's."""
        return bool(await tx.execute(self._renew, channel, row_id, worker, until) == "UPDATE 1")

    async def rest(self, tx: Tx, channel: str, row_id: UUID, until: datetime) -> None:
        """Nobody takes the row up before then."""
        await tx.execute(self._lease, channel, row_id, None, until)
