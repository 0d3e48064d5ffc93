"""`make bench-segments`: what one contact's change costs a channel of many segments, found by condition and by evaluating all.

The segments are those of `bench-cost`, one to four conditions each over nine fields; contacts change as its visits and upserts
change them, and as a team does. Both ways come to the same, and for some changes to what the oracle of the tests says, or the run
ends. The processor's time of this thread, change by change.
"""

import gc
import random
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from common.clock import to_millis, to_wire
from common.filters import FieldDefinition, FieldType, compile_filter
from segments.definition import Channel, Segment, meaning
from segments.flips.channel import Flips
from segments.ruling import NOTHING, Ruling, ruled
from tests.bench.cost.definitions import FIELDS, segments
from tests.bench.measure import machine, percentile
from tests.bench.people import CITIES, GRADES, NOW, TAGS, contact_message, person
from tests.bench.serving import require
from tests.support import oracle

SIZES = (10, 100, 1000, 10_000)
_CONTACTS = 60
_MOST_JUDGED = 1_000_000
"""So many judgements of the slow way are made of each size, and as many to compare."""
_BY_ORACLE = 50_000
_DEFINED = {key.removeprefix("profile."): FieldDefinition(FieldType(kind.lower())) for key, kind in FIELDS.items()}
_AT = to_millis(NOW)

Doc = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a contact."""

    kind: str
    before: Doc
    after: Doc


def channel(size: int) -> Channel:
    """A channel of so many live segments."""
    every = (
        Segment(UUID(int=number), each["name"], each["filter"], 1, "live", None, 1, 0)
        for number, each in enumerate(segments(size))
    )
    return Channel(1, fields=_DEFINED, segments={each.id: each for each in every})


def changes(count: int) -> Iterator[Change]:
    """Contacts seen within the last five days, each changed in every way that is measured."""
    chance = random.Random(2)
    for number in range(count):
        message = contact_message(person(number))
        assert message.value is not None
        seen = to_wire(NOW - timedelta(minutes=chance.randrange(1, 5 * 24 * 60)))
        before: Doc = {**orjson.loads(message.value)["contact"], "lastSeenAt": seen}
        visited, profile = {**before, "lastSeenAt": to_wire(NOW)}, before["profile"]
        bought = {**profile, "totalAmount": profile["totalAmount"] + chance.randrange(1000, 50_000), "lastOrderAt": to_wire(NOW)}
        yield Change("a visit within a session", before, visited)
        yield Change("a visit that opens a session", before, {**visited, "sessionsCount": before["sessionsCount"] + 1})
        yield Change("an order", before, {**before, "profile": bought})
        yield Change("another grade", before, {**before, "profile": {**profile, "grade": chance.choice(GRADES)}})
        yield Change("another tag", before, {**before, "tags": [*before["tags"], chance.choice(TAGS)]})
        yield Change("another city", before, {**before, "city": chance.choice(CITIES)})
        yield Change("a name, which no segment has", before, {**before, "name": "김새이름"})


class Ways:
    """What a change flips, by condition and by evaluating all."""

    def __init__(self, ruling: Ruling) -> None:
        self._flips = ruling.flips
        self._judges = {name: rule.judge for name, rule in ruling.rules.items() if rule.judge is not None}

    def found(self, change: Change) -> list[UUID]:
        """The segments that could flip, and when the contact is due."""
        self._flips.due(change.after, _AT)
        return self._flips.changed(change.before, change.after, _AT)

    def judged(self, change: Change) -> dict[UUID, bool]:
        """What is found, each judged by its own filter after the change."""
        return {name: self._judges[name](change.after, _AT).truth for name in self.found(change)}

    def moved(self, change: Change, was: set[UUID]) -> tuple[set[UUID], set[UUID]]:
        """Who enters and who leaves, given whom the filters were true of before."""
        judged = self.judged(change)
        return {name for name, true in judged.items() if true} - was, {name for name, true in judged.items() if not true} & was

    def evaluated(self, change: Change) -> set[UUID]:
        """Evaluating all after the change. Whom the filters were true of before is known, and costs nothing."""
        return {name for name, judge in self._judges.items() if judge(change.after, _AT).truth}


def some(every: Sequence[Change], most: int) -> Sequence[Change]:
    """So many of them, of every kind."""
    return every if len(every) <= most else random.Random(3).sample(every, max(1, most))


def check(given: Channel, ways: Ways, every: Sequence[Change]) -> float:
    """Both ways come to the same, and a few to the oracle's; answers how many flips a change has."""
    size, flips = len(given.segments), 0
    compared = some(every, _MOST_JUDGED // size)
    for change in compared:
        was, now = ways.evaluated(replace(change, after=change.before)), ways.evaluated(change)
        require(ways.moved(change, was) == (now - was, was - now), f"{change.kind}: the same flips")
        flips += len(now ^ was)
    world = oracle.World(fields={key: definition.type.value for key, definition in _DEFINED.items()})
    for change in some(every, _BY_ORACLE // size):
        was, now = (
            {name for name, each in given.segments.items() if oracle.holds(each.filter, doc, _AT, world)}
            for doc in (change.before, change.after)
        )
        require(ways.moved(change, was) == (now - was, was - now), f"{change.kind}: the oracle's flips")
    return flips / len(compared)


def microseconds(judge: Callable[[Change], object], every: Sequence[Change]) -> list[float]:
    """The processor's time of each change; the second time that it is judged, for the first makes things ready."""
    for change in every:
        judge(change)
    took = []
    for change in every:
        began = time.thread_time_ns()
        judge(change)
        took.append((time.thread_time_ns() - began) / 1000)
    return took


def measured(size: int, every: Sequence[Change]) -> Mapping[str, list[float]]:
    """Each change's time by the way it is judged."""
    given = channel(size)
    ruling = ruled(given, {}, None, NOTHING)
    ways = Ways(ruling)
    flips = check(given, ways, every)
    print(
        f"{datetime.now(UTC):%H:%M:%S} {size:,} segments, {ruling.flips.conditions} distinct conditions:"
        f" {flips:.1f} flips a change, no difference", file=sys.stderr, flush=True,
    )  # fmt: skip
    gc.collect()
    gc.freeze()
    few = some(every, _MOST_JUDGED // size // 2)
    took = {
        "found": microseconds(ways.found, every),
        "judged": microseconds(ways.judged, every),
        "all": microseconds(ways.evaluated, few),
    }
    gc.unfreeze()
    return took


def exchanged(size: int) -> tuple[float, float]:
    """Milliseconds of the processor to read and compile all segments, and then one definition that changed."""
    given = channel(size)
    began = time.thread_time()
    ruling = ruled(given, {}, None, NOTHING)
    whole = time.thread_time() - began
    times = []
    for number in range(10):
        changed = replace(
            given.segments[UUID(int=number)], filter=given.segments[UUID(int=number + 1)].filter, definition_version=2
        )
        then = given.with_segment(changed)
        began = time.thread_time()
        ruling = ruled(then, {}, given, ruling)
        times.append(time.thread_time() - began)
        given = then
    return whole * 1000, percentile(times, 0.5) * 1000


def memory(size: int, every: Sequence[Change]) -> tuple[float, float, int]:
    """Bytes a segment of trees and compiled filters, and of what finds them, in use; and the number of distinct conditions."""
    given = channel(size)
    tracemalloc.start()
    read = meaning(given)
    compiled = [compile_filter(node) for node in read.nodes.values()]
    filters = tracemalloc.get_traced_memory()[0]
    flips = Flips[UUID]()
    for name, node in read.nodes.items():
        flips.put(name, node, {})
    for change in every:
        flips.changed(change.before, change.after, _AT)
    whole = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    require(len(compiled) == len(flips), "all compiled")
    return filters / size, (whole - filters) / size, flips.conditions


def _told(times: Sequence[float]) -> str:
    return f"{sum(times) / len(times):,.1f}, {percentile(times, 0.5):,.1f}, {percentile(times, 0.99):,.1f}"


def main() -> None:
    """Measure, and print the figures as they go into docs/benchmarks.md."""
    every = list(changes(_CONTACTS))
    print(f"`make bench-segments`, {machine(('orjson',))}; µs of the processor a change: mean, p50, p99.\n")
    print(
        "| segments | found | found and judged | evaluating all | all : found | grows (√10 is 3.2) |\n|---|---|---|---|---|---|"
    )
    last, took = 0.0, dict[str, Sequence[float]]()
    for size in SIZES:
        took = dict(measured(size, every))
        mean, beside = (sum(took[way]) / len(took[way]) for way in ("found", "all"))
        told = " | ".join(_told(took[way]) for way in ("found", "judged", "all"))
        print(f"| {size:,} | {told} | {beside / mean:,.0f} × | {f'{mean / last:.1f} ×' if last else '–'} |", flush=True)
        last = mean
    print(f"\n| of {SIZES[-1]:,} segments | found | found and judged |\n|---|---|---|")
    for kind in dict.fromkeys(change.kind for change in every):
        both = ([t for change, t in zip(every, took[way], strict=True) if change.kind == kind] for way in ("found", "judged"))
        print(f"| {kind} | {' | '.join(map(_told, both))} |")
    whole, one = exchanged(SIZES[-1])
    filters, found_by, conditions = memory(SIZES[-1], every)
    print(
        f"\n{SIZES[-1]:,} segments are read and compiled in {whole:,.0f} ms, one that changed is exchanged in {one:,.1f} ms,"
        f" beside the loop. Trees and compiled filters take {filters:,.0f} bytes a segment, what finds them {found_by:,.0f},"
        f" with {conditions} distinct conditions."
    )


if __name__ == "__main__":
    main()
