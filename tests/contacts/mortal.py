"""Workers that die at a chosen point of a job, as a process killed with -9 does."""

import asyncio
from datetime import datetime, timedelta

from common.health import Health
from common.ids import new_id
from common.postgres import Tx
from contacts.jobs.job import Advance, Job
from contacts.jobs.runner import HeldJob, Piece, Runner
from contacts.jobs.worker import LEASE, Worker
from tests.contacts.conftest import World


class Killed(BaseException):
    """Ends a worker where it stands."""


class Leash(HeldJob):
    """A held job whose worker dies at its piece of this number: before it, or within it, just before the commit."""

    def __init__(self, world: World, worker: str, held: HeldJob, pieces: int, *, within: bool) -> None:
        super().__init__(world.database, world.clock, worker, LEASE, held.job, held.body)
        self.pieces = pieces
        self.within = within

    async def advance(self, piece: Piece) -> Job:
        self.pieces -= 1
        if self.pieces >= 0:
            return await super().advance(piece)
        if self.within:
            await super().advance(_dying(piece))
        raise Killed


def _dying(piece: Piece) -> Piece:
    async def die(tx: Tx, job: Job, now: datetime) -> Advance:
        await piece(tx, job, now)
        raise Killed

    return die


class Mortal:
    """A runner, in a worker that dies."""

    def __init__(self, world: World, worker: str, runner: Runner, pieces: int, *, within: bool = False) -> None:
        self.world, self.worker, self.runner, self.pieces, self.within = world, worker, runner, pieces, within

    async def run(self, held: HeldJob) -> None:
        await self.runner.run(Leash(self.world, self.worker, held, self.pieces, within=self.within))


async def killed_at(world: World, kind: str, runner: Runner, pieces: int, *, within: bool = False) -> bool:
    """Let a worker take a job up and die at its piece of that number, and its lease run out; False where it got to the end."""
    name = str(new_id())
    mortal = Mortal(world, name, runner, pieces, within=within)
    try:
        await Worker(name, world.database, {kind: mortal}, world.clock, Health({})).work_once(asyncio.Event())
    except Killed:
        world.clock.instant += LEASE + timedelta(seconds=1)
        return True
    return False


async def worked_off(world: World, kind: str, runner: Runner) -> None:
    """Workers until nothing is left to do."""
    while await Worker(str(new_id()), world.database, {kind: runner}, world.clock, Health({})).work_once(asyncio.Event()):
        world.clock.instant += timedelta(seconds=31)
