"""The consumer loop: nothing lost, nothing skipped, bad messages aside, a store's absence waited out."""

import asyncio
from collections.abc import Sequence
from functools import partial

import pytest

from common.consumer import Consumer, Work
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

    def applied(self) -> Work:
        polled = self.polled

        async def record() -> None:
            self.committed = polled

        return record


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


class InTwoSteps(Harness):
    """What is left of a batch of two takes until the next is applied, where `together` says so."""

    def __init__(self, batches: list[list[str]], *, together: bool) -> None:
        super().__init__(batches)
        self.together = together
        self.another = asyncio.Event()
        self.course: list[str] = []

    async def begin(self, messages: Sequence[str]) -> Work:
        self.course.append(f"apply {messages[0]}")
        self.another.set()
        return partial(self.end, messages, last=self.source.polled == len(self.source.batches))

    async def end(self, messages: Sequence[str], *, last: bool) -> None:
        self.course.append(f"begin the rest of {messages[0]}, {self.source.committed} recorded")
        self.another.clear()
        if self.failures:
            raise self.failures.pop(0)
        if self.together and not last:
            await asyncio.wait_for(self.another.wait(), 5)
        self.course.append(f"end {messages[0]}")

    async def run(self) -> None:
        await Consumer(self.source, decode, self.begin, self.dead, self.health, most=2).run(self.stop)


async def test_while_many_wait_the_next_batch_is_applied_while_the_rest_of_this_one_is_done() -> None:
    harness = InTwoSteps([["a", "b"], ["c", "d"], ["e", "f"]], together=True)
    await harness.run()
    assert harness.course == [
        "apply a", "begin the rest of a, 0 recorded", "apply c", "end a",
        "begin the rest of c, 1 recorded", "apply e", "end c",
        "begin the rest of e, 2 recorded", "end e",
    ]  # fmt: skip
    assert harness.source.committed == 3


async def test_after_a_batch_that_is_not_full_nothing_is_read_before_all_of_it_is_done() -> None:
    harness = InTwoSteps([["a"], ["b"]], together=False)
    await harness.run()
    assert harness.course == [
        "apply a", "begin the rest of a, 0 recorded", "end a", "apply b", "begin the rest of b, 1 recorded", "end b",
    ]  # fmt: skip


async def test_what_was_read_ahead_is_not_recorded_where_the_batch_before_it_fails() -> None:
    harness = InTwoSteps([["a", "b"], ["c", "d"]], together=False)
    harness.failures.append(RuntimeError("broken"))
    with pytest.raises(RuntimeError):
        await harness.run()
    assert harness.source.committed == 0


async def test_the_rest_of_a_batch_is_tried_again_alone_while_a_store_is_away() -> None:
    harness = InTwoSteps([["a"]], together=False)
    harness.failures.append(Unavailable("The index does not answer."))
    await harness.run()
    assert harness.course == ["apply a", *["begin the rest of a, 0 recorded"] * 2, "end a"]
    assert harness.source.committed == 1
