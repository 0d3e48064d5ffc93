"""The event store: what happened, per stream and version, appended together with the messages that tell of it."""

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar
from uuid import UUID

import asyncpg

from common.errors import Conflict
from common.postgres import Tx
from common.recorded import Recorded


class ConcurrentChange(Conflict):
    """Another writer appended this version of the stream first."""

    code = "concurrentChange"

    def __init__(self) -> None:
        super().__init__("Somebody else changed this at the same moment. Try again.")


_MOST_TRIES = 5

T = TypeVar("T")

_APPEND = """
insert into event (channel, stream, version, type, data, at, by, cause)
select * from unnest($1::text[], $2::uuid[], $3::bigint[], $4::text[], $5::jsonb[], $6::timestamptz[], $7::text[], $8::text[])
"""
_MANY = 50
"""So many rows are copied: half the cost of a row, for one question more."""
_READ = """
select version, type, data, at, by, cause from event
where channel = $1 and stream = $2 and version > $3 order by version
"""


async def append(tx: Tx, events: Sequence[Recorded]) -> None:
    """Append events of any number of streams at once.

    The caller holds the streams' state rows locked, or means the versions as a guard. Raises ConcurrentChange where a
    version is already taken; then nothing of the transaction is written.
    """
    if not events:
        return
    try:
        if len(events) >= _MANY:
            await tx.copy_records_to_table("event", records=events, columns=Recorded._fields)
            return
        await tx.execute(
            _APPEND,
            [e.channel for e in events],
            [e.stream for e in events],
            [e.version for e in events],
            [e.type for e in events],
            [e.data for e in events],
            [e.at for e in events],
            [e.by for e in events],
            [e.cause for e in events],
        )
    except asyncpg.UniqueViolationError:
        raise ConcurrentChange from None


async def read(tx: Tx, channel: str, stream: UUID, *, after: int = 0) -> list[Recorded]:
    """The stream's events after a version, oldest first."""
    rows = await tx.fetch(_READ, channel, stream, after)
    return [Recorded(channel, stream, r["version"], r["type"], r["data"], r["at"], r["by"], r["cause"]) for r in rows]


async def again(command: Callable[[], Awaitable[T]]) -> T:
    """Run a command, and a few times again where others were faster. Raises ConcurrentChange where they always were."""
    for _ in range(_MOST_TRIES - 1):
        with contextlib.suppress(ConcurrentChange):
            return await command()
    return await command()
