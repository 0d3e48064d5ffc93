"""Figures are asked for when they are read: seldom enough, never for long, and never told once they are old."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import httpx
from prometheus_client.parser import text_string_to_metric_families

from common.errors import Unavailable
from common.figures import Figure, Figures, Reading
from common.health import Health, application

WAITING = Figure("test_waiting", "How many wait.", ("kind",))
BEHIND = Figure("test_behind_seconds", "How far behind.")


class Ticks:
    """A clock set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def samples(page: bytes) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def asks(*answers: Sequence[Reading] | Exception) -> tuple[list[int], Callable[[], Awaitable[Sequence[Reading]]]]:
    """What answers one after the other, and a list that grows with each question."""
    left, asked = list(answers), list[int]()

    async def ask() -> Sequence[Reading]:
        asked.append(1)
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return asked, ask


async def test_a_figure_is_asked_once_in_five_seconds_and_has_every_label() -> None:
    ticks = Ticks()
    figures = Figures(monotonic=ticks)
    asked, ask = asks([WAITING.at(3, "a"), WAITING.at(1, "b"), BEHIND.at(0.5)], [WAITING.at(2, "a")])
    figures.add("store", ask)
    first = samples(await figures.page())
    assert first == {
        ("test_waiting", ("a",)): 3, ("test_waiting", ("b",)): 1, ("test_behind_seconds", ()): 0.5,
        ("dangol_figures_answered", ("store",)): 1,
    }  # fmt: skip
    ticks.now += 4.9
    assert (samples(await figures.page()), len(asked)) == (first, 1)
    ticks.now += 0.1
    assert samples(await figures.page()) == {("test_waiting", ("a",)): 2, ("dangol_figures_answered", ("store",)): 1}


async def test_what_is_not_answered_is_left_out_and_that_is_told() -> None:
    ticks = Ticks()
    figures = Figures(monotonic=ticks)
    figures.add("store", asks([BEHIND.at(7)], Unavailable("It is away."), [BEHIND.at(9)])[1])
    figures.add("other", asks(*[[WAITING.at(1, "a")]] * 3)[1])
    for known in (7, None, 9):
        told = samples(await figures.page())
        assert told.get(("test_behind_seconds", ())) == known
        assert told["dangol_figures_answered", ("store",)] == (known is not None)
        assert told["test_waiting", ("a",)] == told["dangol_figures_answered", ("other",)] == 1
        ticks.now += 5


async def test_one_that_hangs_holds_up_nobody_for_long() -> None:
    async def hangs() -> Sequence[Reading]:
        await asyncio.Event().wait()
        return []

    figures = Figures(patience=0.05)
    figures.add("hangs", hangs)
    figures.add("other", asks([BEHIND.at(1)])[1])
    async with asyncio.timeout(2):
        told = samples(await figures.page())
    assert told == {
        ("test_behind_seconds", ()): 1, ("dangol_figures_answered", ("hangs",)): 0, ("dangol_figures_answered", ("other",)): 1,
    }  # fmt: skip


async def test_who_reads_at_once_asks_once() -> None:
    figures = Figures(monotonic=Ticks())
    asked, ask = asks([BEHIND.at(1)])
    figures.add("store", ask)
    pages = await asyncio.gather(*(figures.page() for _ in range(5)))
    assert (len(set(pages)), len(asked)) == (1, 1)


async def test_a_process_tells_them_beside_what_it_has_done_itself() -> None:
    health = Health({})
    health.figures.add("store", asks([BEHIND.at(0.25)])[1])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application(health)), base_url="http://test") as client:
        told = samples((await client.get("/metrics")).content)
    assert told["test_behind_seconds", ()] == 0.25
    assert told["process_resident_memory_bytes", ()] > 0
    assert ("python_gc_collections_total", ("0",)) in told
