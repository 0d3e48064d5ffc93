"""`make bench-segments`: what one contact's change costs a channel of many segments, found by condition and by evaluating all.

Two channels of one to four conditions a segment: a broad one, as large ones are, and that of `bench-cost`, where nine fields
with a handful of values each are in all segments, so that one change flips hundreds. Contacts change as visits and upserts
change them, and as a team does. Both ways come to the same, and for some changes to what the oracle of the tests says, or the
run ends. The processor's time of this thread, change by change.
"""

import gc
import random
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from common.clock import to_millis, to_wire
from common.filters import FieldDefinition, FieldType, compile_filter
from segments.definition import Channel, Segment, meaning
from segments.flips.channel import Flips
from segments.ruling import NOTHING, Ruling, ruled
from tests.bench import broad
from tests.bench.cost import definitions
from tests.bench.measure import machine, percentile
from tests.bench.people import CITIES, GRADES, NOW, TAGS, contact_message, person
from tests.bench.serving import require
from tests.support import oracle

SIZES = (10, 100, 1000, 10_000)
_CONTACTS = 60
_MOST_JUDGED = 1_000_000
"""So many judgements of the slow way are made of each size, and as many to compare."""
_BY_ORACLE = 50_000
_AT = to_millis(NOW)

Doc = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a contact."""

    kind: str
    before: Doc
    after: Doc


@dataclass(frozen=True, slots=True)
class World:
    """A kind of channel, and what happens in it."""

    name: str
    fields: Mapping[str, str]
    segments: Callable[[int], Iterator[Mapping[str, Any]]]
    changes: Sequence[Change]

    def channel(self, size: int) -> Channel:
        """One of so many live segments."""
        defined = {key.removeprefix("profile."): FieldDefinition(FieldType(kind.lower())) for key, kind in self.fields.items()}
        every = (
            Segment(UUID(int=number), each["name"], each["filter"], 1, "live", None, 1, 0)
            for number, each in enumerate(self.segments(size))
        )
        return Channel(1, fields=defined, segments={each.id: each for each in every})

    def oracle(self) -> oracle.World:
        """Its fields, for the oracle."""
        return oracle.World(fields={key.removeprefix("profile."): kind.lower() for key, kind in self.fields.items()})


def worlds() -> Sequence[World]:
    """Both."""
    return [
        World("a broad channel", broad.FIELDS, broad.segments, list(_broad(_CONTACTS))),
        World("nine fields", definitions.FIELDS, definitions.segments, list(_narrow(_CONTACTS))),
    ]


def _plain(chance: random.Random, number: int) -> Doc:
    """A contact seen within the last five days."""
    message = contact_message(person(number))
    assert message.value is not None
    return {**orjson.loads(message.value)["contact"], "lastSeenAt": broad.ago(chance, 5)}


def _broad(count: int) -> Iterator[Change]:
    chance = random.Random(2)
    for number in range(count):
        seen = {**_plain(chance, number), "lastSeenAt": broad.ago(chance, chance.choice((1, 7, 30, 90)))}
        for kind, before, after in broad.changed(chance, broad.contact(number, seen)):
            yield Change(kind, before, after)


def _narrow(count: int) -> Iterator[Change]:
    chance = random.Random(2)
    for number in range(count):
        before = _plain(chance, number)
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
        return {name: self._judges[name].holds(change.after, _AT) for name in self.found(change)}

    def moved(self, change: Change, was: set[UUID]) -> tuple[set[UUID], set[UUID]]:
        """Who enters and who leaves, given whom the filters were true of before."""
        judged = self.judged(change)
        return {name for name, true in judged.items() if true} - was, {name for name, true in judged.items() if not true} & was

    def evaluated(self, change: Change) -> set[UUID]:
        """Evaluating all after the change. Whom the filters were true of before is known, and costs nothing."""
        return {name for name, judge in self._judges.items() if judge.holds(change.after, _AT)}


def some(every: Sequence[Change], most: int) -> Sequence[Change]:
    """So many of them, of every kind."""
    return every if len(every) <= most else random.Random(3).sample(every, max(1, most))


def check(world: World, given: Channel, ways: Ways) -> float:
    """Both ways come to the same, and a few to the oracle's; answers how many flips a change has."""
    every, size, flips = world.changes, len(given.segments), 0
    compared = some(every, _MOST_JUDGED // size)
    for change in compared:
        was, now = ways.evaluated(replace(change, after=change.before)), ways.evaluated(change)
        require(ways.moved(change, was) == (now - was, was - now), f"{change.kind}: the same flips")
        flips += len(now ^ was)
    by_oracle = world.oracle()
    for change in some(every, _BY_ORACLE // size):
        was, now = (
            {name for name, each in given.segments.items() if oracle.holds(each.filter, doc, _AT, by_oracle)}
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


def measured(world: World, size: int) -> Mapping[str, list[float]]:
    """Each change's time by the way it is judged."""
    given = world.channel(size)
    ruling = ruled(given, {}, None, NOTHING)
    ways = Ways(ruling)
    flips = check(world, given, ways)
    print(
        f"{datetime.now(UTC):%H:%M:%S} {world.name}, {size:,} segments, {ruling.flips.conditions:,} distinct conditions:"
        f" {flips:.1f} flips a change, no difference", file=sys.stderr, flush=True,
    )  # fmt: skip
    gc.collect()
    gc.freeze()
    took = {
        "found": microseconds(ways.found, world.changes),
        "judged": microseconds(ways.judged, world.changes),
        "all": microseconds(ways.evaluated, some(world.changes, _MOST_JUDGED // size // 2)),
        "flips": [flips],
    }
    gc.unfreeze()
    return took


def exchanged(world: World, size: int) -> tuple[float, float]:
    """Milliseconds of the processor to read and compile all segments, and then one definition that changed."""
    given = world.channel(size)
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


def memory(world: World, size: int) -> tuple[float, float, int]:
    """Bytes a segment of trees and compiled filters, and of what finds them, in use; and the number of distinct conditions."""
    given = world.channel(size)
    tracemalloc.start()
    read = meaning(given)
    compiled = [compile_filter(node) for node in read.nodes.values()]
    filters = tracemalloc.get_traced_memory()[0]
    flips = Flips[UUID]()
    for name, node in read.nodes.items():
        flips.put(name, node, {})
    for change in world.changes:
        flips.changed(change.before, change.after, _AT)
    whole = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    require(len(compiled) == len(flips), "all compiled")
    return filters / size, (whole - filters) / size, flips.conditions


def _told(times: Sequence[float]) -> str:
    return f"{_mean(times):,.1f}, {percentile(times, 0.5):,.1f}, {percentile(times, 0.99):,.1f}"


def _mean(times: Sequence[float]) -> float:
    return sum(times) / len(times)


def told(world: World) -> None:
    """Measure one, and print its figures."""
    print(
        f"\n**Of {world.name}:**\n\n| segments | flips a change | found | found and judged | evaluating all"
        " | all : found, all : judged | found grows (√10 is 3.2) |\n|---|---|---|---|---|---|---|"
    )
    last, took = 0.0, dict[str, Sequence[float]]()
    for size in SIZES:
        took = dict(measured(world, size))
        found, judged, beside = (_mean(took[way]) for way in ("found", "judged", "all"))
        figures = " | ".join(_told(took[way]) for way in ("found", "judged", "all"))
        ratios = f"{beside / found:,.0f} ×, {beside / judged:,.0f} × | {f'{found / last:.1f} ×' if last else '–'}"
        print(f"| {size:,} | {took['flips'][0]:.1f} | {figures} | {ratios} |", flush=True)
        last = found
    print(f"\n| of {SIZES[-1]:,} segments | found | found and judged |\n|---|---|---|")
    for kind in dict.fromkeys(change.kind for change in world.changes):
        both = (
            [t for change, t in zip(world.changes, took[way], strict=True) if change.kind == kind] for way in ("found", "judged")
        )
        print(f"| {kind} | {' | '.join(map(_told, both))} |")
    whole, one = exchanged(world, SIZES[-1])
    filters, found_by, conditions = memory(world, SIZES[-1])
    print(
        f"\n{SIZES[-1]:,} segments are read and compiled in {whole:,.0f} ms, one that changed is exchanged in {one:,.1f} ms,"
        f" beside the loop. Trees and compiled filters take {filters:,.0f} bytes a segment, what finds them {found_by:,.0f},"
        f" with {conditions:,} distinct conditions.",
        flush=True,
    )


def main() -> None:
    """Measure, and print the figures as they go into docs/benchmarks.md."""
    print(f"`make bench-segments`, {machine(('orjson',))}; µs of the processor a change: mean, p50, p99.")
    for world in worlds():
        told(world)


if __name__ == "__main__":
    main()
