"""The loop of timers and workers: what comes after work, what it outlives, and what ends it."""

import asyncio

import pytest
from structlog.testing import capture_logs

from common.errors import Unavailable
from common.health import Health
from common.loop import Outage, moving, reached, repeat
from tests.support.api import eventually

HOUR = 3600.0


class Work:
    """Answers, or raises, what it was given one by one; then it tells the loop to stop, or says that it has been here."""

    def __init__(self, *outcomes: object, stops: bool = True) -> None:
        self.outcomes = list(outcomes)
        self.stops = stops
        self.stop = asyncio.Event()
        self.through = asyncio.Event()
        self.health = Health({})
        self.health.started = True
        self.seen: list[dict[str, str]] = []

    async def work(self) -> object:
        self.seen.append(await self.health.problems())
        outcome = self.outcomes.pop(0)
        if not self.outcomes:
            self.through.set()
            if self.stops:
                self.stop.set()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def run(self, every: float) -> None:
        async with asyncio.timeout(10):
            await repeat(self.work, self.stop, every=every, name="keeper", health=self.health, away=0)


async def test_work_that_has_more_is_done_again_at_once() -> None:
    work = Work(True, 3, True)
    await work.run(HOUR)
    assert len(work.seen) == 3


async def test_work_that_is_done_comes_again_after_its_time() -> None:
    work = Work(False, None, 0)
    await work.run(0.001)
    assert len(work.seen) == 3


async def test_a_loop_that_waits_stops_at_once_when_told() -> None:
    work = Work(True, False, stops=False)
    running = asyncio.create_task(work.run(HOUR))
    await work.through.wait()
    work.stop.set()
    await running
    assert len(work.seen) == 2


async def test_a_loop_that_is_told_to_stop_before_it_begins_does_nothing() -> None:
    work = Work(True)
    work.stop.set()
    await work.run(0)
    assert work.seen == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Unavailable("The index does not answer."), "The index does not answer."),
        (ConnectionResetError("user=hong"), "ConnectionResetError"),
        (TimeoutError(), "TimeoutError"),
        (OSError(28, "No space left on device"), "OSError"),
    ],
)
async def test_what_is_away_is_waited_for_and_the_health_says_so_until_it_is_back(error: Exception, reason: str) -> None:
    work = Work(error, error, True, False)
    await work.run(HOUR)
    assert work.seen == [{}, {"keeper": reason}, {"keeper": reason}, {}]


async def test_what_is_away_is_not_asked_again_before_its_time() -> None:
    work = Work(Unavailable("away"), stops=False)
    running = asyncio.create_task(repeat(work.work, work.stop, every=0, name="keeper", health=work.health, away=HOUR))
    await work.through.wait()
    work.stop.set()
    async with asyncio.timeout(10):
        await running
    assert len(work.seen) == 1


async def test_any_other_failure_ends_the_loop() -> None:
    work = Work(True, RuntimeError("broken"), stops=False)
    with pytest.raises(RuntimeError):
        await work.run(HOUR)
    assert await work.health.problems() == {}


async def test_work_that_comes_seldom_has_no_part_in_the_health() -> None:
    ticks = iter(range(0, 1000, 100))
    work = Work(Unavailable("away"), True, False)
    work.health = Health({}, monotonic=lambda: next(ticks))
    work.health.started = True
    await repeat(work.work, work.stop, every=HOUR, name="purge", away=0)
    assert work.seen == [{}, {}, {}]


async def test_what_takes_long_says_so_until_it_is_done_and_answers() -> None:
    health = Health({})
    health.started = True
    done = asyncio.Event()

    async def long() -> int:
        await done.wait()
        return 7

    working = asyncio.create_task(moving(long(), health, "relay", "Kafka does not answer", every=0.01))
    async with asyncio.timeout(10):
        while await health.problems() != {"relay": "Kafka does not answer"}:
            await asyncio.sleep(0)
        done.set()
        assert await working == 7
    health.beat("relay")
    assert await health.problems() == {}


async def test_what_takes_long_fails_as_it_would_alone_and_ends_with_who_waits_for_it() -> None:
    health, ended = Health({}), asyncio.Event()

    async def broken() -> None:
        raise Unavailable("Kafka does not answer.")

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(Unavailable):
        await moving(broken(), health, "relay", "it is away")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await moving(endless(), health, "relay", "it is away")
    async with asyncio.timeout(10):
        await ended.wait()


def test_an_outage_is_told_when_it_begins_every_minute_and_when_it_is_over() -> None:
    now = 100.0
    outage = Outage("keeper", monotonic=lambda: now)
    with capture_logs() as told:
        outage.over()
        for now in (100.0, 101.0, 159.0, 160.0, 161.0, 219.9, 220.0):  # noqa: B007 - the clock reads it
            outage.met("The database does not answer.")
        now = 225.0
        outage.over()
        outage.over()
        outage.met("The index does not answer.")
    assert [(line["event"], line["log_level"], line.get("seconds")) for line in told] == [
        ("waiting for a store", "warning", None),
        ("still waiting for a store", "warning", 60),
        ("still waiting for a store", "warning", 120),
        ("the store answers again", "info", 125),
        ("waiting for a store", "warning", None),
    ]


async def test_a_store_that_is_away_at_the_start_is_waited_for() -> None:
    work = Work(Unavailable("away"), ConnectionRefusedError(), None, stops=False)
    assert await reached(work.work, work.stop, name="relay", health=work.health, away=0)
    assert work.seen == [{}, {"relay": "away"}, {"relay": "ConnectionRefusedError"}]
    assert await work.health.problems() == {}


async def test_who_waits_for_a_store_stops_when_told() -> None:
    work = Work(Unavailable("away"))
    async with asyncio.timeout(10):
        assert not await reached(work.work, work.stop, name="relay", health=work.health, away=HOUR)


async def test_work_that_fails_after_it_has_waited_is_not_told_as_a_store_that_answers() -> None:
    health, waits = Health({}), asyncio.Event()

    async def fails() -> None:
        await waits.wait()
        raise Unavailable("The database does not answer.")

    with capture_logs() as told:
        working = asyncio.create_task(moving(fails(), health, "relay", "Kafka does not answer", every=0.01))
        await eventually(lambda: asyncio.sleep(0, told), bool)
        waits.set()
        with pytest.raises(Unavailable):
            await working
    assert [line["event"] for line in told] == ["waiting for a store"]
