"""Rows of a table that workers hold by lease: the same statements and reading for every table whose rows are long work."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, LiteralString, TypeAlias, TypeVar
from uuid import UUID

from common.errors import Problem
from common.events.wire import Body, odd_instant
from common.postgres import Record, Tx
from common.telemetry import log

B = TypeVar("B", bound=Body)
T = TypeVar("T")

Place: TypeAlias = tuple[datetime, UUID]
"""Where a row stands in a list of the newest first: when it was asked for, and its id."""


class NotReadable(Problem):
    """Another version of the program has written a state that this one cannot read."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "notReadable"

    def __init__(self) -> None:
        super().__init__("Another version of the program has written this, and this one cannot read it. Tell the operators.")


def stored(kind: type[B], row_id: UUID, state: Any) -> B:
    """The state that a row keeps. Raises NotReadable, and tells the log the row's id alone."""
    try:
        body = kind.of(state)
        if (place := odd_instant(body)) is not None:
            raise ValueError(f"no instant at {place}")
    except ValueError as error:  # as that of a member that does not fit is
        log.error("a stored state cannot be read", kind=kind.__name__, id=str(row_id), exc_info=error)
        raise NotReadable from None
    return body


def readable(kind: type[B], row_id: UUID, state: Any) -> B | None:
    """The state that a row keeps; None, with a word in the log, for one of another version: what else is there goes on."""
    try:
        return stored(kind, row_id, state)
    except NotReadable:
        return None


async def listed(
    fetch: Callable[[Place | None, int], Awaitable[Sequence[Record]]],
    read: Callable[[Record], T | None],
    before: Place | None,
    limit: int,
) -> list[T]:
    """So many rows, newest first, as far as there are any; those of which `read` makes nothing are left out."""
    found: list[T] = []
    while len(found) < limit:
        asked = limit - len(found)
        rows = await fetch(before, asked)
        found += [each for row in rows if (each := read(row)) is not None]
        if len(rows) < asked:
            break
        before = (rows[-1]["requested_at"], rows[-1]["id"])
    return found


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

    async def claim(self, tx: Tx, worker: str, now: datetime, until: datetime, *given: object) -> Record | None:
        """The row that waits longest for a worker, or whose worker has fallen silent, leased until then."""
        row: Record | None = await tx.fetchrow(self._claim, now, *given)
        if row is not None:
            await tx.execute(self._lease, row["channel"], row["id"], worker, until)
        return row

    async def renew(self, tx: Tx, channel: str, row_id: UUID, worker: str, until: datetime) -> bool:
        """Keep the lease; answers whether the row is still this worker's."""
        return bool(await tx.execute(self._renew, channel, row_id, worker, until) == "UPDATE 1")

    async def rest(self, tx: Tx, channel: str, row_id: UUID, until: datetime) -> None:
        """Nobody takes the row up before then."""
        await tx.execute(self._lease, channel, row_id, None, until)
