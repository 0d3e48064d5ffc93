"""A lease is renewed while work is done; the work is broken off when it cannot be, or when the process is to stop."""

import asyncio
from datetime import timedelta

import pytest

from common.errors import Unavailable
from common.lease import Lost, Stopped, kept, pause_after

SHORT, LONG = timedelta(milliseconds=4), timedelta(hours=1)


class Renewals:
    """Answers, or raises, what it was given one by one, the last again and again; the third tells that it has been here."""

    def __init__(self, *outcomes: bool | Exception) -> None:
        self.outcomes = outcomes
        self.count = 0
        self.enough = asyncio.Event()

    async def __call__(self) -> bool:
        outcome = self.outcomes[min(self.count, len(self.outcomes) - 1)]
        self.count += 1
        if self.count == 3:
            self.enough.set()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


class Endless:
    """Work that never ends by itself."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.broken_off = False

    async def __call__(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.broken_off = True
            raise


async def test_the_lease_is_renewed_until_the_work_is_done_and_nothing_is_left_of_it() -> None:
    renew = Renewals(True)

    async def work() -> str:
        await renew.enough.wait()
        return "done"

    async with asyncio.timeout(10):
        async with kept(renew, asyncio.Event(), SHORT) as lease:
            assert await lease.during(work()) == "done"
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize(
    ("outcomes", "why"),
    [
        ([False], Lost),
        ([True, True, False], Lost),
        ([True, Unavailable("The database does not answer.")], Unavailable),
        ([TimeoutError()], TimeoutError),
    ],
)
async def test_work_whose_lease_is_not_kept_is_broken_off_and_told_why(
    outcomes: list[bool | Exception], why: type[Exception]
) -> None:
    work = Endless()
    async with asyncio.timeout(10):
        with pytest.raises(why):
            async with kept(Renewals(*outcomes), asyncio.Event(), SHORT) as lease:
                await lease.during(work())
    assert work.broken_off


async def test_a_renewal_that_fails_while_the_lease_lasts_is_tried_again() -> None:
    away = Unavailable("The database does not answer.")
    renew = Renewals(away, TimeoutError(), True)

    async def work() -> str:
        await renew.enough.wait()
        return "done"

    async with asyncio.timeout(10), kept(renew, asyncio.Event(), timedelta(seconds=2)) as lease:
        assert await lease.during(work()) == "done"


async def test_a_renewal_that_hangs_ends_with_the_lease() -> None:
    async def renew() -> bool:
        await asyncio.Event().wait()
        return True

    work = Endless()
    async with asyncio.timeout(10):
        with pytest.raises(TimeoutError):
            async with kept(renew, asyncio.Event(), timedelta(seconds=0.1)) as lease:
                await lease.during(work())
    assert work.broken_off


async def test_work_is_broken_off_at_once_when_the_process_is_to_stop() -> None:
    work, stop, renew = Endless(), asyncio.Event(), Renewals(True)

    async def told() -> None:
        async with kept(renew, stop, LONG) as lease:
            await lease.during(work())

    working = asyncio.create_task(told())
    await work.begun.wait()
    stop.set()
    async with asyncio.timeout(1):
        with pytest.raises(Stopped):
            await working
    assert (work.broken_off, renew.count) == (True, 0)


async def test_what_comes_after_the_end_of_the_lease_is_not_begun() -> None:
    first, second = Endless(), Endless()
    async with asyncio.timeout(10), kept(Renewals(False), asyncio.Event(), SHORT) as lease:
        for work in (first, second):
            with pytest.raises(Lost):
                await lease.during(work())
    assert (first.begun.is_set(), second.begun.is_set()) == (True, False)


async def test_what_the_work_raises_is_raised_and_a_renewal_that_fails_afterwards_is_nobodys() -> None:
    asked = asyncio.Event()

    async def renew() -> bool:
        asked.set()
        raise Unavailable("The database does not answer.")

    async def broken() -> None:
        raise ValueError

    async with asyncio.timeout(10), kept(renew, asyncio.Event(), SHORT) as lease:
        with pytest.raises(ValueError):
            await lease.during(broken())
        await asked.wait()


async def test_work_ends_with_its_worker() -> None:
    work = Endless()

    async def worker() -> None:
        async with kept(Renewals(True), asyncio.Event(), LONG) as lease:
            await lease.during(work())

    working = asyncio.create_task(worker())
    await work.begun.wait()
    working.cancel()
    await asyncio.wait([working], timeout=10)
    assert (working.cancelled(), work.broken_off) == (True, True)


def test_pauses_between_attempts_grow_to_half_a_minute() -> None:
    assert [pause_after(n).total_seconds() for n in (*range(9), 5000)] == [1, 1, 2, 4, 8, 16, 30, 30, 30, 30]
