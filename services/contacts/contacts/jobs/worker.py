"""Works the jobs off in the background, one at a time, and takes over what a silent worker left."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from functools import partial

from common.clock import Clock
from common.errors import Problem, Unavailable
from common.eventstore import ConcurrentChange
from common.health import Health
from common.lease import Lease, Lost, Stopped, kept, pause_after
from common.loop import repeat
from common.peers import BrokenOff
from common.postgres import Database
from common.telemetry import log, span
from contacts.jobs import store as job_store
from contacts.jobs.job import Fail, Finish, GiveBack, Job, TakeUp, Wait, decide
from contacts.jobs.runner import HeldJob, NotYet, Runner

LEASE = timedelta(seconds=8)
"""A worker that has been silent for so long is taken for dead."""
_IDLE_SECONDS = 0.2
_TOLD_SECONDS = 60.0
"""So long the health tells that work waits for a store: longer than it rests."""


class Worker:
    """One worker; several, in one process or many, share the jobs by leases. `runners` by kind of job."""

    def __init__(
        self,
        name: str,
        database: Database,
        runners: Mapping[str, Runner],
        clock: Clock,
        health: Health,
        *,
        lease: timedelta = LEASE,
    ) -> None:
        self._name = name
        self._database = database
        self._runners = runners
        self._clock = clock
        self._health = health
        health.beat(name)
        self._lease = lease

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until told to stop."""
        await repeat(lambda: self.work_once(stop), stop, every=_IDLE_SECONDS, name=self._name, health=self._health)

    async def work_once(self, stop: asyncio.Event) -> bool:
        """Take up the job that waits longest and bring it as far as it goes; answers whether there was one."""
        held = await self._claim()
        if held is None:
            return False
        if not held.job.in_work:
            return True
        try:
            with span("job", kind=held.job.kind, attempt=held.job.attempts):
                async with kept(partial(self._renew, held.job), stop, self._lease) as lease:
                    await self._attempt(held, lease)
        except Lost:
            log.info("a job was let go", kind=held.job.kind, job=str(held.job.id))
        return True

    async def _claim(self) -> HeldJob | None:
        async with self._database.transaction() as tx:
            now = self._clock.now()
            claimed = await job_store.claim(tx, self._runners, self._name, now, now + self._lease)
            if claimed is None:
                return None
            job = claimed.job
            if job is None:  # it rests as long as a lease lasts, and the others go on
                return None
            after = decide(job, TakeUp(now))
            await job_store.update(tx, job.version, after)
        log.info("a job is taken up", kind=after.kind, job=str(after.id), attempt=after.attempts)
        return HeldJob(self._database, self._clock, self._name, self._lease, after, claimed.body)

    async def _renew(self, job: Job) -> bool:
        self._health.beat(self._name)
        async with self._database.transaction() as tx:
            return await job_store.renew(tx, job, self._name, self._clock.now() + self._lease)

    async def _attempt(self, held: HeldJob, lease: Lease) -> None:
        """Raises Lost where the job is not this worker's any more, Unavailable where how it ended cannot be written down.

        Whatever else an attempt meets is this job's alone: it is tried again, and after some attempts given up, but not where
        something is away.
        """
        try:
            # Breaking off is safe anywhere: a piece is done with its transaction, or not at all.
            await lease.during(self._runners[held.job.kind].run(held))
            await self._end(held, Finish(self._clock.now()))
            self._health.well(held.job.kind)
        except Lost:
            raise
        except Stopped:
            await self._end(held, GiveBack(failed=False, at=self._clock.now()))
        except NotYet as wait:
            await self._end(held, GiveBack(failed=False, at=self._clock.now()), rest=timedelta(seconds=wait.seconds))
        except (BrokenOff, ConcurrentChange) as error:
            log.warning("an attempt failed", kind=held.job.kind, job=str(held.job.id), exc_info=error)
            await self._end(held, GiveBack(failed=True, at=self._clock.now()))
        except (Unavailable, OSError) as error:
            await self._wait(held, error)
        except Problem as problem:
            await self._end(held, Fail(problem.detail, self._clock.now()))
        except Exception as error:  # noqa: BLE001 - what one job meets must not end the work of all the others
            log.error("an attempt met an error of the program", kind=held.job.kind, job=str(held.job.id), exc_info=error)
            await self._end(held, GiveBack(failed=True, at=self._clock.now()))

    async def _wait(self, held: HeldJob, error: Unavailable | OSError) -> None:
        reason = error.detail if isinstance(error, Unavailable) else type(error).__name__
        log.warning("a job waits for a store", kind=held.job.kind, job=str(held.job.id), reason=reason, exc_info=error)
        self._health.trouble(held.job.kind, f"waits: {reason}", _TOLD_SECONDS)
        await self._end(held, Wait(self._clock.now()))

    async def _end(self, held: HeldJob, command: Finish | GiveBack | Wait | Fail, rest: timedelta | None = None) -> None:
        async with self._database.transaction() as tx:
            job = await job_store.mine(tx, held.job, self._name)
            after = decide(job, command)
            await job_store.update(tx, job.version, after)
            if isinstance(command, GiveBack) and command.failed:
                rest = pause_after(after.attempts)
            if isinstance(command, Wait):
                rest = pause_after(after.waits)
            if rest is not None and after.in_work:
                await job_store.rest(tx, after, self._clock.now() + rest)
        log.info("a job is put down", kind=after.kind, job=str(after.id), status=after.status)
