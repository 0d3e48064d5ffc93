"""Two at one time, without waiting by the clock: a connection of the test holds a lock, and others are seen to wait for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common.postgres import Tx
from tests.contacts.conftest import World
from tests.support.api import eventually

_BEHIND = """
with recursive behind as (
    select pid from pg_stat_activity where $1 = any(pg_blocking_pids(pid))
    union select a.pid from pg_stat_activity a join behind b on b.pid = any(pg_blocking_pids(a.pid))
)
select count(*) from behind
"""


class Held:
    """What a connection of the test keeps locked, and who waits for it, or for one who does."""

    def __init__(self, world: World, tx: Tx) -> None:
        self._world = world
        self._pid = tx.get_server_pid()

    async def behind(self, *tasks: "asyncio.Task[object]") -> None:
        """Until all of these wait; fails where one has ended instead."""

        async def waiting() -> int:
            assert not any(task.done() for task in tasks), "one that had to wait has ended"
            return await self._world.count(_BEHIND, self._pid)

        await eventually(waiting, lambda count: count == len(tasks), 10)


@asynccontextmanager
async def held(world: World, statement: str) -> AsyncIterator[Held]:
    """Keep something locked until the end of the block."""
    async with world.database.transaction() as tx:
        await tx.execute(statement)
        yield Held(world, tx)
