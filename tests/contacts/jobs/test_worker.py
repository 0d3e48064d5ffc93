"""Workers on the real PostgreSQL: a job goes on where it was left, each piece once, whatever happens to its worker."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from msgspec import structs
from structlog.testing import capture_logs

from common.clock import FixedClock, to_wire
from common.errors import Unavailable, Unprocessable
from common.health import Health
from common.leased import NotReadable
from common.postgres import Database, Tx
from common.telemetry import without_personal_data
from contacts.jobs import store as job_store
from contacts.jobs.job import GAVE_UP, MOST_ATTEMPTS, Advance, Cancel, Job, Status, Undo, decide
from contacts.jobs.runner import HeldJob, Runner
from contacts.jobs.worker import LEASE, Worker
from localstack.stack import Stack
from tests.support.api import eventually
from tests.support.postgres import fresh_schema, over_a_line

AT = datetime(2026, 11, 24, 3, tzinfo=UTC)
LAST = 5


@pytest.fixture
async def dsn(servers: Stack) -> AsyncIterator[str]:
    async with fresh_schema(servers.postgres_dsn(None), ("common", "contacts")) as made:
        yield made


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    async with Database.open(dsn) as opened:
        await _run(opened, "create table done (job uuid, piece int)")
        yield opened


async def _run(database: Database, sql: str, *arguments: object) -> list[Any]:
    async with database.transaction() as tx:
        return await tx.fetch(sql, *arguments)


class Counting:
    """Writes down 1 to LAST, a piece each; `hold` makes it wait for good before that piece, `broken` raise the errors in turn."""

    def __init__(self, hold: int | None = None, broken: Mapping[int, list[Exception]] | None = None) -> None:
        self.hold = hold
        self.broken = broken or {}
        self.reached = asyncio.Event()

    async def run(self, held: HeldJob) -> None:
        while (piece := int(str(held.job.cursor or 0)) + 1) <= LAST:
            if piece == self.hold:
                self.reached.set()
                await asyncio.Event().wait()

            async def work(tx: Tx, job: Job, _: datetime, piece: int = piece) -> Advance:
                await tx.execute("insert into done values ($1, $2)", job.id, piece)
                if self.broken.get(piece):
                    raise self.broken[piece].pop(0)
                return Advance(piece, {"changed": 1}, total=LAST)

            await held.advance(work)


class ByChannel:
    """Does each channel's jobs by a runner of its own."""

    def __init__(self, runners: Mapping[str, Runner]) -> None:
        self.runners = runners

    async def run(self, held: HeldJob) -> None:
        await self.runners[held.job.channel].run(held)


class Bench:
    """One job, and workers on it by a clock that stands."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = FixedClock(AT)
        self.health = Health({})
        self.stop = asyncio.Event()
        self.job = Job(id=uuid4(), channel="demo", kind="count", requested_by="kim", requested_at=to_wire(AT))

    async def ask(self) -> None:
        async with self.database.transaction() as tx:
            await job_store.insert(tx, self.job, {"what": "count"})

    def worker(self, name: str, runner: Runner) -> Worker:
        return Worker(name, self.database, {"count": runner}, self.clock, self.health)

    async def now(self) -> Job:
        return await self.of(self.job)

    async def of(self, job: Job) -> Job:
        async with self.database.connection() as connection:
            found = await job_store.load(connection, job.channel, job.id, "count")
        assert found is not None
        return found

    async def command(self, command: Cancel | Undo) -> None:
        async with self.database.transaction() as tx:
            found = await job_store.load(tx, "demo", self.job.id, "count", lock=True)
            assert found is not None
            await job_store.update(tx, found.version, decide(found, command))

    async def pieces(self) -> list[int]:
        return [r["piece"] for r in await _run(self.database, "select piece from done order by piece")]


@pytest.fixture
async def bench(database: Database) -> Bench:
    bench = Bench(database)
    await bench.ask()
    return bench


ONCE_EACH = list(range(1, LAST + 1))


async def test_a_job_is_worked_off_and_then_there_is_none(bench: Bench) -> None:
    worker = bench.worker("w", Counting())
    assert await worker.work_once(bench.stop)
    job = await bench.now()
    ended = (job.status, job.counts, job.total, job.attempts, job.ended_at)
    assert ended == (Status.DONE, {"changed": LAST}, LAST, 0, to_wire(AT))
    assert await bench.pieces() == ONCE_EACH
    assert not await worker.work_once(bench.stop)


async def test_a_job_of_a_kind_without_runner_is_left_alone(bench: Bench) -> None:
    assert not await Worker("w", bench.database, {}, bench.clock, bench.health).work_once(bench.stop)
    assert (await bench.now()).status is Status.WAITING


@pytest.mark.parametrize("hold", [1, 3, LAST])
async def test_what_a_killed_worker_left_goes_on_after_its_lease(bench: Bench, hold: int) -> None:
    runner = Counting(hold)
    killed = asyncio.create_task(bench.worker("killed", runner).work_once(bench.stop))
    await runner.reached.wait()
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    other = bench.worker("other", Counting())
    assert not await other.work_once(bench.stop)
    bench.clock.instant += LEASE + timedelta(milliseconds=1)
    assert await other.work_once(bench.stop)
    assert (await bench.now()).status is Status.DONE
    assert await bench.pieces() == ONCE_EACH


async def test_a_worker_that_was_taken_for_dead_changes_nothing_any_more(bench: Bench) -> None:
    runner = Counting(hold=3)
    late = asyncio.create_task(bench.worker("late", runner).work_once(bench.stop))
    await runner.reached.wait()
    bench.clock.instant += LEASE + timedelta(milliseconds=1)
    await bench.worker("other", Counting()).work_once(bench.stop)
    assert await late
    assert (await bench.now()).status is Status.DONE
    assert await bench.pieces() == ONCE_EACH


async def test_a_worker_told_to_stop_gives_its_job_back_at_once(bench: Bench) -> None:
    runner = Counting(hold=3)
    stopped = asyncio.create_task(bench.worker("stopped", runner).work_once(bench.stop))
    await runner.reached.wait()
    bench.stop.set()
    assert await stopped
    job = await bench.now()
    assert (job.status, job.attempts, job.cursor) == (Status.WAITING, 0, 2)
    assert await bench.worker("other", Counting()).work_once(asyncio.Event())
    assert await bench.pieces() == ONCE_EACH


async def test_a_cancelled_job_keeps_what_was_done_and_its_worker_lets_go(bench: Bench) -> None:
    runner = Counting(hold=3)
    working = asyncio.create_task(bench.worker("w", runner).work_once(bench.stop))
    await runner.reached.wait()
    await bench.command(Cancel(AT))
    assert await working
    assert (await bench.now()).status is Status.CANCELLED
    assert await bench.pieces() == [1, 2]


async def test_an_undo_begins_from_the_start_and_ends_undone(bench: Bench) -> None:
    worker = bench.worker("w", Counting())
    await worker.work_once(bench.stop)
    await bench.command(Undo("lee", bench.clock.instant))
    assert await worker.work_once(bench.stop)
    assert (await bench.now()).status is Status.UNDONE
    assert await bench.pieces() == sorted(ONCE_EACH * 2)


async def test_what_may_pass_is_tried_again_after_a_pause_and_nothing_is_done_twice(bench: Bench) -> None:
    worker = bench.worker("w", Counting(broken={3: [Unavailable("away"), Unavailable("away")]}))
    assert await worker.work_once(bench.stop)
    assert (await bench.now()).status is Status.WAITING
    assert not await worker.work_once(bench.stop)
    for pause in (1, 2):
        bench.clock.instant += timedelta(seconds=pause, milliseconds=1)
        assert await worker.work_once(bench.stop)
    assert (await bench.now()).status is Status.DONE
    assert await bench.pieces() == ONCE_EACH


@pytest.mark.parametrize("error", [Unavailable("The index has another layout."), OSError("a disk that is full")], ids=str)
async def test_a_job_waits_for_what_is_away_however_long_and_says_so_and_errors_of_the_program_alone_count(
    bench: Bench, error: Exception
) -> None:
    bench.health.started = True
    away = [error for _ in range(3 * MOST_ATTEMPTS)]
    worker = bench.worker("w", Counting(broken={3: [KeyError(), KeyError(), *away]}))
    with capture_logs() as logs:
        for _ in range(2 + len(away)):
            assert await worker.work_once(bench.stop)
            assert (await bench.now()).status is Status.WAITING
            bench.clock.instant += timedelta(seconds=31)
    assert (await bench.now()).attempts == 1, "the first was forgotten as it came to a piece"
    told = [entry for entry in logs if entry["event"] == "a job waits for a store"]
    reason = "The index has another layout." if isinstance(error, Unavailable) else "OSError"
    assert {(each["job"], each["reason"]) for each in told} == {(str(bench.job.id), reason)}
    assert await bench.health.problems() == {"count": f"waits: {reason}"}
    assert await worker.work_once(bench.stop)
    assert ((await bench.now()).status, await bench.pieces()) == (Status.DONE, ONCE_EACH)
    assert await bench.health.problems() == {}


async def test_a_job_that_waits_can_be_cancelled(bench: Bench) -> None:
    worker = bench.worker("w", Counting(broken={3: [Unavailable("away")]}))
    assert await worker.work_once(bench.stop)
    await bench.command(Cancel(AT))
    bench.clock.instant += timedelta(seconds=31)
    assert not await worker.work_once(bench.stop)
    assert ((await bench.now()).status, await bench.pieces()) == (Status.CANCELLED, [1, 2])


async def test_a_list_leaves_out_a_job_that_cannot_be_read_and_goes_on_behind_it(bench: Bench) -> None:
    others = [structs.replace(bench.job, id=uuid4(), requested_at=to_wire(AT + timedelta(seconds=n))) for n in range(1, 6)]
    async with bench.database.transaction() as tx:
        for other in others:
            await job_store.insert(tx, other, {})
    broken = [others[4], others[2], others[1]]
    await _run(bench.database, "update job set state = '{}' where id = any($1)", [each.id for each in broken])
    with capture_logs() as logs:
        async with bench.database.connection() as connection:
            first = await job_store.listed(connection, "demo", "count", None, 2)
            after = await job_store.listed(connection, "demo", "count", (AT + timedelta(seconds=4), first[0][0].id), 2)
    assert [job.id for job, _ in first] == [others[3].id, others[0].id]
    assert [job.id for job, _ in after] == [others[0].id, bench.job.id]
    assert {entry["id"] for entry in logs if entry["event"] == "a stored state cannot be read"} == {str(e.id) for e in broken}
    with pytest.raises(NotReadable):
        await bench.of(others[1])


async def test_what_cannot_pass_fails_and_says_why(bench: Bench) -> None:
    await bench.worker("w", Counting(broken={3: [Unprocessable("It does not fit.")]})).work_once(bench.stop)
    job = await bench.now()
    assert (job.status, job.problem, await bench.pieces()) == (Status.FAILED, "It does not fit.", [1, 2])


ERRORS = [asyncpg.UndefinedColumnError("a statement that is wrong"), KeyError("010-1234-5678"), RecursionError(), MemoryError()]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_an_error_of_the_program_costs_one_job_an_attempt_and_ends_no_worker(bench: Bench, error: Exception) -> None:
    worker = bench.worker("w", Counting(broken={3: [error]}))
    with capture_logs() as logs:
        assert await worker.work_once(bench.stop)
    job = await bench.now()
    assert (job.status, job.cursor, await bench.pieces()) == (Status.WAITING, 2, [1, 2])
    [told] = [entry for entry in logs if entry["event"] == "an attempt met an error of the program"]
    assert (told["log_level"], told["job"]) == ("error", str(job.id))
    written = str(without_personal_data(None, "", told))
    assert type(error).__name__ in written
    assert "010-1234-5678" not in written
    assert not await worker.work_once(bench.stop)
    bench.clock.instant += timedelta(seconds=1, milliseconds=1)
    assert await worker.work_once(bench.stop)
    assert ((await bench.now()).status, await bench.pieces()) == (Status.DONE, ONCE_EACH)


def _stands(where: tuple[Status, int], job: Job) -> bool:
    return (job.status, job.attempts) == where


async def test_a_job_that_always_meets_an_error_of_the_program_is_given_up_and_others_are_done_meanwhile(bench: Bench) -> None:
    poison: dict[int, list[Exception]] = {1: [ZeroDivisionError() for _ in range(MOST_ATTEMPTS)]}
    worker = bench.worker("w", ByChannel({"demo": Counting(broken=poison), "other": Counting()}))
    other = structs.replace(bench.job, id=uuid4(), channel="other", requested_at=to_wire(AT + timedelta(seconds=1)))
    async with bench.database.transaction() as tx:
        await job_store.insert(tx, other, {})
    running = asyncio.create_task(worker.run(bench.stop))
    await eventually(lambda: bench.of(other), lambda job: job.status is Status.DONE)
    for attempt in range(1, MOST_ATTEMPTS):
        tried = (Status.WAITING, attempt)
        await eventually(bench.now, partial(_stands, tried))
        bench.clock.instant += timedelta(seconds=31)
    job = await eventually(bench.now, lambda job: not job.in_work)
    assert (job.status, job.problem, job.attempts) == (Status.FAILED, GAVE_UP, MOST_ATTEMPTS)
    assert not running.done()
    bench.stop.set()
    await running


async def test_a_job_that_cannot_be_read_rests_and_the_others_go_on(bench: Bench) -> None:
    await _run(bench.database, """update job set state = '{"status": "of a later version"}'""")
    other = structs.replace(bench.job, id=uuid4(), requested_at=to_wire(AT + timedelta(seconds=1)))
    async with bench.database.transaction() as tx:
        await job_store.insert(tx, other, {})
    worker = bench.worker("w", Counting())
    assert [await worker.work_once(bench.stop) for _ in range(3)] == [False, True, False]
    assert (await bench.of(other)).status is Status.DONE
    bench.clock.instant += LEASE + timedelta(milliseconds=1)
    await _run(bench.database, "update job set state = $1 where id = $2", bench.job.members(), bench.job.id)
    assert await worker.work_once(bench.stop)
    assert (await bench.now()).status is Status.DONE


async def test_two_workers_never_hold_one_job(bench: Bench) -> None:
    runner = Counting(hold=1)
    first = asyncio.create_task(bench.worker("one", runner).work_once(bench.stop))
    await runner.reached.wait()

    async def another() -> bool:
        return await bench.worker("two", Counting()).work_once(bench.stop)

    assert not await another()
    bench.stop.set()
    assert await first
    assert await eventually(another, bool)


class Cut(Counting):
    """Waits at its third piece, before it or `within` its transaction, until it is broken off; then waits no more."""

    def __init__(self, *, within: bool) -> None:
        super().__init__()
        self.within = within
        self.broken_off = asyncio.Event()

    async def run(self, held: HeldJob) -> None:
        while (piece := int(str(held.job.cursor or 0)) + 1) <= LAST:

            async def work(tx: Tx, job: Job, _: datetime, piece: int = piece) -> Advance:
                await tx.execute("insert into done values ($1, $2)", job.id, piece)
                if piece == 3 and self.within:
                    await self._hold()
                return Advance(piece, {"changed": 1}, total=LAST)

            if piece == 3 and not self.within:
                await self._hold()
            await held.advance(work)

    async def _hold(self) -> None:
        if not self.broken_off.is_set():
            self.reached.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.broken_off.set()


@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize("by", ["another", "the same"])
async def test_a_worker_that_loses_its_database_lets_go_of_its_job_which_is_ended_once(
    bench: Bench, dsn: str, by: str, *, within: bool
) -> None:
    lease = timedelta(seconds=0.4)
    runner = Cut(within=within)
    async with over_a_line(dsn) as (line, database):
        worker = Worker("cut off", database, {"count": runner}, bench.clock, bench.health, lease=lease)
        running = asyncio.create_task(worker.run(bench.stop))
        await runner.reached.wait()
        await line.cut()
        async with asyncio.timeout(10):
            await runner.broken_off.wait()
        await eventually(bench.health.problems, lambda problems: "cut off" in problems)
        job = await bench.now()
        assert (job.status, job.cursor, await bench.pieces()) == (Status.RUNNING, 2, [1, 2])
        other = bench.worker("other", Counting())
        assert not await other.work_once(bench.stop)
        bench.clock.instant += lease + timedelta(milliseconds=1)
        if by == "another":
            assert await eventually(lambda: other.work_once(bench.stop), bool)  # once the server has seen the line cut
        await line.mend()
        await eventually(bench.now, lambda now: now.status is Status.DONE)
        await eventually(bench.health.problems, lambda problems: "cut off" not in problems)
        bench.stop.set()
        await running
    job = await bench.now()
    assert (job.status, job.counts, job.attempts) == (Status.DONE, {"changed": LAST}, 0)
    assert await bench.pieces() == ONCE_EACH
