"""What the runner of one kind of job is given: the job in its hands, to be moved on piece by piece."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeAlias

from common.clock import Clock
from common.postgres import Database, Tx
from contacts.jobs import store as job_store
from contacts.jobs.job import Advance, Job, decide


class NotYet(Exception):
    """Others have to come so far first: the job is given back, which is no failed attempt, and rests for `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


Piece: TypeAlias = Callable[[Tx, Job, datetime], Awaitable[Advance]]
"""One piece of the work, in the transaction it is given; answers where the runner is after it."""


class HeldJob:
    """A job in a worker's hands, as the worker last wrote it."""

    def __init__(
        self, database: Database, clock: Clock, worker: str, lease: timedelta, job: Job, body: Mapping[str, Any]
    ) -> None:
        self._database = database
        self._clock = clock
        self._worker = worker
        self._lease = lease
        self.job = job
        self.body = body

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Tx]:
        """A connection for what a runner reads between its pieces."""
        async with self._database.connection() as connection:
            yield connection

    async def advance(self, piece: Piece) -> Job:
        """Do a piece and move the job's cursor in one transaction: a kill repeats nothing and skips nothing.

        The job's row is locked before the piece begins. Raises Lost where the job was cancelled or another worker has it; of
        the piece nothing is left then.
        """
        async with self._database.transaction() as tx:
            now = self._clock.now()
            job = await job_store.mine(tx, self.job, self._worker)
            after = decide(job, await piece(tx, job, now))
            await job_store.update(tx, job.version, after)
            await job_store.renew(tx, after, self._worker, now + self._lease)
        self.job = after
        return after


class Runner(Protocol):
    """Does one kind of job."""

    async def run(self, held: HeldJob) -> None:
        """Go on from the job's cursor, piece by piece with `held.advance`, and return when nothing is left to do.

        It may be broken off at any await and begun again, here or elsewhere. Raises Problem: Unavailable where a later
        attempt may go better, any other where the job can never come to an end; and NotYet.
        """
        ...
