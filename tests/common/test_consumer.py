"""The consumer loop: nothing lost, nothing skipped, bad messages aside, a store's absence waited out."""

import asyncio
from collections.abc import Sequence

import pytest

from common.consumer import Consumer
from common.envelope import Delivered, UnreadableMessage
from common.errors import Unavailable
from common.health import Health


class ListSource:
    """A source over a list: gives batches in order, remembers what was committed, and stops the loop at the end."""

    def __init__(self, batches: list[list[str]], stop: asyncio.Event) -> None:
        self.batches = batches
        self.stop = stop
        self.polled = 0
        self.committed = 0

    async def poll(self, *, most: int = 2000, wait_ms: int = 200) -> list[Delivered]:
        if self.polled == len(self.batches):
            self.stop.set()
            return []
        batch = self.batches[self.polled]
        self.polled += 1
        return [Delivered("t", 0, n, f"c/{value}", value.encode(), {}) for n, value in enumerate(batch)]

    async def commit(self) -> None:
        self.committed = self.polled


class Kept:
    """Dead letters in a list."""

    def __init__(self) -> None:
        self.letters: list[tuple[str, str]] = []

    async def put(self, record: Delivered, reason: UnreadableMessage) -> None:
        self.letters.append((record.key, str(reason)))


def decode(record: Delivered) -> str:
    if record.value == b"bad":
        raise UnreadableMessage("it says bad")
    return (record.value or b"").decode()


class Harness:
    def __init__(self, batches: list[list[str]], failures: Sequence[Exception] = ()) -> None:
        self.stop = asyncio.Event()
        self.source = ListSource(batches, self.stop)
        self.dead = Kept()
        self.health = Health({})
        self.health.started = True
        self.failures = list(failures)
        self.applied: list[str] = []
        self.seen_unready: list[dict[str, str]] = []

    async def apply(self, messages: Sequence[str]) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.seen_unready.append(await self.health.problems())
        self.applied.extend(messages)

    async def run(self) -> None:
        await Consumer(self.source, decode, self.apply, self.dead, self.health).run(self.stop)


async def test_what_is_polled_is_applied_and_then_committed() -> None:
    harness = Harness([["a", "b"], [], ["c"]])
    await harness.run()
    assert harness.applied == ["a", "b", "c"]
    assert harness.source.committed == 3


async def test_what_cannot_be_understood_goes_aside_and_the_rest_goes_on() -> None:
    harness = Harness([["a", "bad", "b"]])
    await harness.run()
    assert harness.applied == ["a", "b"]
    assert harness.dead.letters == [("c/bad", "it says bad")]
    assert harness.source.committed == 1


async def test_a_store_that_is_away_is_waited_for_and_the_health_says_so() -> None:
    harness = Harness([["a"]], [Unavailable("The index does not answer."), Unavailable("The index does not answer.")])
    await harness.run()
    assert harness.applied == ["a"]
    assert harness.seen_unready == [{"consumer": "The index does not answer."}]
    assert await harness.health.problems() == {}


async def test_any_other_failure_ends_the_loop_with_nothing_committed() -> None:
    harness = Harness([["a"], ["b"]], [RuntimeError("broken")])
    with pytest.raises(RuntimeError):
        await harness.run()
    assert harness.applied == []
    assert harness.source.committed == 0
