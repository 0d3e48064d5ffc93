"""The trays of the outbox take turns: one is filled, and one whose rows are all sent is emptied as a whole."""

import asyncio
from dataclasses import dataclass

import asyncpg

from common.postgres import Connection
from common.relay.rows import last_id
from common.telemetry import OUTBOX_BYTES, OUTBOX_HELD, log

_TRAYS = range(3)
# Emptying costs some files and some rows of PostgreSQL's catalog each time; what is sent and still there costs room.
_FULL_SECONDS, _FULL_ROWS, _LEAST_SECONDS = 10.0, 100_000, 1.0

# A dump of an hour is nothing wrong, but what is sent meanwhile stays: whoever keeps the disk should know of it.
_HELD_SECONDS, _AGAIN_SECONDS, _MEASURE_SECONDS = 60.0, 300.0, 5.0
_HELD = "select bytes, pid, name from outbox_held"

_USED = "(exists (select from outbox_tray_{0}) or exists (select from outbox_sent_tray_{0}))"
_STATE = f"""
select (select last_value from outbox_tray)::int as filled, array[{", ".join(_USED.format(tray) for tray in _TRAYS)}] as used
"""  # noqa: S608 - the names of tables
_FILLED = "select exists (select from outbox where tray = $1)"
_FILL = "select setval('outbox_tray', $1)"
_WAITS = "select exists (select from outbox_waiting where tray = $1)"
# One relay at a time: two that each keep notes in the tray that the other empties would wait for each other.
_MINE = "select pg_try_advisory_xact_lock(hashtext('outbox trays ' || current_schema()), 0)"
# Whoever waited for this would make all others wait behind it: it is taken at once or not at all.
_ALONE = "lock table outbox_tray_{0}, outbox_sent_tray_{0} in access exclusive mode nowait"
_KEEP = """
insert into outbox_sent (id, tray, cluster, shards, until, until_floor, toward, toward_floor, toward_ceiling, reached)
select id, $2, cluster, shards, until, until_floor, toward, toward_floor, toward_ceiling, reached from outbox_sent_now
where tray = $1
"""
_EMPTY = "truncate outbox_tray_{0}, outbox_sent_tray_{0}"


@dataclass(slots=True)
class _Filling:
    tray: int
    since: float
    first: int


class Trays:
    """Turns the trays and empties them.

    Several relays may do it at once: a tray is emptied under its lock, and any may be filled.
    """

    def __init__(self, *, full_seconds: float = _FULL_SECONDS, held_seconds: float = _HELD_SECONDS) -> None:
        self._full_seconds = full_seconds
        self._held_seconds = held_seconds
        self._filling: _Filling | None = None
        self._held_since: dict[int, float] = {}
        self._measure_at = self._warn_at = 0.0

    async def tend(self, connection: Connection) -> None:
        """Empty what can be emptied, and turn to another tray if this one has enough."""
        state = await connection.fetchrow(_STATE)
        assert state is not None, "a select without a table has a row"
        filled, used = state["filled"], state["used"]
        for tray in _TRAYS:
            if tray != filled and used[tray]:
                used[tray] = not await self._empty(connection, tray, filled)
            else:
                self._held_since.pop(tray, None)  # another relay has emptied it
        unused = [tray for tray in _TRAYS if tray != filled and not used[tray]]
        if unused and await self._has_enough(connection, filled):
            await connection.execute(_FILL, unused[0])
        await self._tell(connection, asyncio.get_running_loop().time())

    async def _tell(self, connection: Connection, now: float) -> None:
        """Tell how much is kept and for how long, and from time to time by whom, if it is long."""
        if now < self._measure_at:
            return
        self._measure_at = now + min(_MEASURE_SECONDS, self._held_seconds)
        held = await connection.fetchrow(_HELD)
        assert held is not None, "it has a row"
        seconds = now - min(self._held_since.values(), default=now)
        OUTBOX_BYTES.set(held["bytes"])
        OUTBOX_HELD.set(seconds)
        if self._held_since and seconds >= self._held_seconds and now >= self._warn_at:
            self._warn_at = now + _AGAIN_SECONDS
            log.warning(
                "somebody holds what the outbox has sent, and it piles up until they end",
                seconds=round(seconds), bytes=held["bytes"], pid=held["pid"], holder=held["name"],
            )  # fmt: skip
        elif not self._held_since and self._warn_at:
            self._warn_at = 0.0
            log.info("what the outbox has sent is emptied again", bytes=held["bytes"])

    async def _has_enough(self, connection: Connection, tray: int) -> bool:
        now, last = asyncio.get_running_loop().time(), await last_id(connection)
        if self._filling is None or self._filling.tray != tray:  # another relay may have turned to it
            self._filling = _Filling(tray, now, last)
        age, rows = now - self._filling.since, last - self._filling.first
        old_or_full = age >= self._full_seconds or (age >= _LEAST_SECONDS and rows >= _FULL_ROWS)
        return old_or_full and bool(await connection.fetchval(_FILLED, tray))

    async def _empty(self, connection: Connection, tray: int, filled: int) -> bool:
        """Answers whether the tray is empty now. Somebody who writes into it or reads it, as a dump does to its end, keeps it."""
        since = self._held_since.pop(tray, None)
        if await connection.fetchval(_WAITS, tray):
            return False
        try:
            async with connection.transaction():
                if not await connection.fetchval(_MINE):
                    return False
                await connection.execute(_ALONE.format(tray))
                # Nobody writes into it now: what has been written is committed and seen here.
                if await connection.fetchval(_WAITS, tray):
                    return False
                await connection.execute(_KEEP, tray, filled)
                await connection.execute(_EMPTY.format(tray))
        except asyncpg.LockNotAvailableError:
            self._held_since[tray] = asyncio.get_running_loop().time() if since is None else since
            return False
        log.debug("a tray of the outbox is emptied", tray=tray)
        return True
