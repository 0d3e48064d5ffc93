"""Figures that are asked for when somebody reads the metrics: how things stand, in a store or in this process.

What a process has done it counts by itself (common.telemetry). How much waits in a table or a topic is the same for all processes
of a role: each tells it, and whoever adds up takes the greatest, not the sum.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from common.telemetry import log

_ANSWER_SECONDS = 3.0
_FRESH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: its name, what it says, and the names of its labels, each of which has few values and none of a person."""

    name: str
    text: str
    labels: tuple[str, ...] = ()

    def at(self, value: float, *labels: str) -> "Reading":
        """What it is now."""
        return Reading(self, labels, value)


@dataclass(frozen=True, slots=True)
class Reading:
    """A figure, the values of its labels, and what it was when it was asked."""

    figure: Figure
    labels: tuple[str, ...]
    value: float


Ask = Callable[[], Awaitable[Iterable[Reading]]]
"""Answers how things stand now. Raises where the store does not answer."""

ANSWERED = Figure("dangol_figures_answered", "1 where these figures were answered, 0 where whoever knows them did not.", ("of",))


@dataclass(slots=True)
class _Asked:
    ask: Ask
    readings: Sequence[Reading] = ()
    answered: bool = False
    at: float | None = None


class Figures:
    """What a process is asked for, by name. Each is asked once in 5 seconds at the most, and for 3 seconds.

    One that is not answered is left out until it is: a figure of before would look like one of now.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic, patience: float = _ANSWER_SECONDS) -> None:
        self._monotonic = monotonic
        self._patience = patience
        self._asked: dict[str, _Asked] = {}
        self._alone = asyncio.Lock()
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def add(self, of: str, ask: Ask) -> None:
        """Ask this as well."""
        self._asked[of] = _Asked(ask)

    async def page(self) -> bytes:
        """All of them in Prometheus's text format."""
        async with self._alone:
            now = self._monotonic()
            due = [(of, asked) for of, asked in self._asked.items() if asked.at is None or now - asked.at >= _FRESH_SECONDS]
            await asyncio.gather(*(self._renew(of, asked, now) for of, asked in due))
        return generate_latest(self._registry)

    async def _renew(self, of: str, asked: _Asked, now: float) -> None:
        asked.at = now
        try:
            async with asyncio.timeout(self._patience):
                asked.readings = tuple(await asked.ask())
        except Exception as error:  # noqa: BLE001 - whatever a store's driver raises: the figure that it is not answered tells it
            log.debug("figures are not answered", of=of, exc_info=error)
            asked.readings, asked.answered = (), False
        else:
            asked.answered = True

    def collect(self) -> Iterator[Metric]:
        """As Prometheus's client asks for it: each figure with all of its readings, and which were answered."""
        families: dict[str, GaugeMetricFamily] = {}
        readings = [reading for asked in self._asked.values() for reading in asked.readings]
        readings += [ANSWERED.at(asked.answered, of) for of, asked in self._asked.items() if asked.at is not None]
        for reading in readings:
            figure = reading.figure
            if figure.name not in families:
                families[figure.name] = GaugeMetricFamily(figure.name, figure.text, labels=figure.labels)
            families[figure.name].add_metric(reading.labels, reading.value)
        yield from families.values()
