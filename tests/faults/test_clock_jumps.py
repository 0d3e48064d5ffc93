"""Real workers whose clocks jump, forward and back, stand still and disagree: nobody early, nobody missed, nobody told twice."""

import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from functools import partial
from importlib.resources import files
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from common.postgres import Database
from common.topics import CONTACTS, FIELDS
from localstack.stack import Stack
from tests.segments.support import MINUTE, named, seen_within
from tests.segments.world import CHANNEL, World
from tests.support.api import eventually
from tests.support.postgres import fresh_schema
from tests.support.processes import Another, another

_FAKETIME = files("libfaketime") / "vendor" / "libfaketime" / "src" / "libfaketime.so.1"
HOUR, DAY = 60 * MINUTE, 24 * 60 * MINUTE
WINDOW = 10 * MINUTE
MANY = 700
"""More than two pieces."""


class Worker:
    """A worker of segments whose clock a test sets."""

    def __init__(self, process: Another, file: Path) -> None:
        self.process = process
        self._file = file

    def ahead(self, millis: int) -> None:
        """Let its clock be so far ahead of the machine's from now on."""
        _set(self._file, millis)


def _set(file: Path, millis: int) -> None:
    # At once, so that nobody reads a half: an empty file would be the machine's time.
    beside = file.with_suffix(".new")
    beside.write_text(f"{millis / 1000:+.3f}\n")
    beside.replace(file)


class Scene:
    """A schema of the test's own, where the present is the machine's, and workers on it."""

    def __init__(self, stack: Stack, dsn: str, folder: Path, database: Database, running: AsyncExitStack) -> None:
        self.world = World(database)
        self._stack, self._dsn, self._folder, self._running = stack, dsn, folder, running
        self._workers = 0
        self.left: dict[UUID, list[int]] = {}
        """When each contact is to leave, in the order of time."""

    async def worker(self, ahead: int) -> Worker:
        """One more worker, whose clock is so far ahead."""
        file = self._folder / f"clock-{self._workers}"
        _set(file, ahead)
        settings = {
            "SEGMENTS_POSTGRES": self._dsn, "SEGMENTS_SWEEP_MINUTES": "0", "SEGMENTS_CHANGES_DAYS": "0",
            "LD_PRELOAD": os.fspath(Path(str(_FAKETIME))), "FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1",
        }  # fmt: skip
        process = await self._running.enter_async_context(another(self._stack, "segments-worker", self._workers, settings))
        self._workers += 1
        return Worker(process, file)

    async def seen(self, *ats: int) -> list[UUID]:
        """New contacts who are seen at these instants, and are to leave at the end of the window."""
        return await self._seen({uuid4(): at for at in ats}, 1)

    async def again(self, one: UUID, at: int) -> None:
        """A contact that has left is seen once more."""
        await self._seen({one: at}, 2)

    async def _seen(self, ats: Mapping[UUID, int], version: int) -> list[UUID]:
        self.world.now = present()
        await self.world.tell(*(self.world.contact(one, version, present(), seen=at) for one, at in ats.items()))
        for one, at in ats.items():
            self.left.setdefault(one, []).append(at + WINDOW)
        return list(ats)

    async def out(self, segment: UUID, *contacts: UUID) -> None:
        """Returns when it is told that these have left, each as often as it is to."""

        async def missed() -> list[UUID]:
            left = Counter(change.contact_id for change in await self.world.changes(segment) if change.change == "left")
            return [contact for contact in contacts if left[contact] < len(self.left[contact])]

        await eventually(missed, lambda contacts: contacts == [])

    async def looked(self, segment: UUID, ahead: int) -> None:
        """Returns when a clock that is so far ahead, less than the window, has come by: by it somebody's window has ended."""
        await self.out(segment, *await self.seen(present() + ahead + 300 - WINDOW))

    async def turned(self) -> None:
        """Returns when a worker has gone through its loops, whatever its clock says: it has built a segment."""
        for _ in range(2):
            self.world.now = present()
            made = await self.world.make(named("nobody"), built=False)
            await eventually(partial(self.world.shown, made), lambda shown: shown.status == "live")


def present() -> int:
    """The machine's time, in milliseconds."""
    return time.time_ns() // 1_000_000


@pytest.fixture
async def scene(servers: Stack, tmp_path: Path) -> AsyncIterator[Scene]:
    """Without any worker."""
    async with AsyncExitStack() as running:
        dsn = await running.enter_async_context(fresh_schema(servers.postgres_dsn(None), ["common", "segments"]))
        database = await running.enter_async_context(Database.open(dsn))
        made = Scene(servers, dsn, tmp_path, database, running)
        made.world.now = present() - DAY  # the segment is older than all that happens
        await made.world.judge.positions([(CONTACTS, 0), (FIELDS, 0)])
        yield made


async def everybody_left_once_and_when_due(scene: Scene, segment: UUID) -> None:
    """Each at the very instants of its own, whatever the clocks said meanwhile."""
    scene.world.now = present() + 3 * DAY
    await scene.world.check(segment)
    left: dict[UUID, list[int]] = {}
    for change in await scene.world.changes(segment):
        if change.change == "left":
            assert change.cause == "clock"
            left.setdefault(change.contact_id, []).append(change.at)
    assert left == scene.left
    assert await scene.world.members(segment) == set()
    assert not await scene.world.verifier().channel(CHANNEL)


async def test_a_clock_that_jumps_tells_everybody_once_at_the_due_instant_and_nobody_early(scene: Scene) -> None:
    segment = await scene.world.make(seen_within(10))
    worker = await scene.worker(0)
    first, second = await scene.seen(present() - 5 * MINUTE, present())
    await scene.looked(segment, 0)
    assert await scene.world.members(segment) == {first, second}
    worker.ahead(6 * MINUTE)
    await scene.out(segment, first)
    await scene.looked(segment, 6 * MINUTE)
    assert await scene.world.members(segment) == {second}
    # Back: whoever is seen now, before the instant at which it was told to be out, is in until its own window ends.
    worker.ahead(-2 * HOUR)
    await scene.again(first, present())
    await scene.turned()
    assert await scene.world.members(segment) == {first, second}
    worker.ahead(2 * DAY)
    await scene.out(segment, first, second)
    await everybody_left_once_and_when_due(scene, segment)


async def test_a_machine_that_slept_tells_what_came_due_meanwhile(scene: Scene) -> None:
    segment = await scene.world.make(seen_within(10))
    worker = await scene.worker(0)
    many = await scene.seen(*(present() - number for number in range(20)))
    await scene.looked(segment, 0)
    worker.process.signal(signal.SIGSTOP)
    worker.ahead(2 * DAY)
    assert await scene.world.members(segment) >= set(many)
    worker.process.signal(signal.SIGCONT)
    await scene.out(segment, *many)
    await everybody_left_once_and_when_due(scene, segment)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(4))
async def test_workers_whose_clocks_disagree_and_who_are_killed_miss_nobody(scene: Scene, seed: int) -> None:
    segment = await scene.world.make(seen_within(10))
    workers = [await scene.worker(0), await scene.worker(-HOUR)]
    now = present()
    many = await scene.seen(*(now - number % 50 for number in range(MANY)))
    (late,) = await scene.seen(now + 8 * HOUR)  # enters and leaves by the clock
    for number in range(8):
        one, other = workers[number % 2], workers[1 - number % 2]
        one.ahead(((number + seed) % 3) * (WINDOW // 2 + 50))
        other.ahead(-(number + 1) * HOUR)
        if (number + seed) % 2:
            starts = one.process.starts
            one.process.kill()
            await eventually(lambda process=one.process: _starts(process), lambda n, before=starts: n > before)  # type: ignore[misc]
            await one.process.ready()
    workers[0].ahead(2 * HOUR)
    await scene.out(segment, *many)
    assert await scene.world.members(segment) == set()
    for worker in workers:
        worker.ahead(2 * DAY)
    await scene.out(segment, late)
    await everybody_left_once_and_when_due(scene, segment)


async def _starts(process: Another) -> int:
    return process.starts
