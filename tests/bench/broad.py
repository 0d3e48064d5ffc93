"""A channel as large ones are: fifty fields, hundreds of tags, conditions of many kinds; most segments are about few contacts.

Beside that of `bench-cost`, whose nine fields with a handful of values each are in thousands of segments: there one change flips
hundreds.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from common.clock import to_wire
from tests.bench.people import NOW

TAGS = tuple(f"캠페인 {n}" for n in range(400))
CITIES = tuple(f"도시 {n}" for n in range(60))
_TEXTS = {f"text{n}": tuple(f"값 {n}-{m}" for m in range(4 + 6 * n)) for n in range(14)}
_NUMBERS = tuple(f"number{n}" for n in range(12))
_DATES = tuple(f"date{n}" for n in range(8))
_FLAGS = tuple(f"flag{n}" for n in range(6))
_LISTS = {f"list{n}": tuple(f"항목 {n}-{m}" for m in range(120)) for n in range(3)}
_MOST = 1_000_000

FIELDS: Mapping[str, str] = {
    f"profile.{key}": kind
    for kind, keys in (
        ("String", tuple(_TEXTS)), ("Number", _NUMBERS), ("Date", _DATES), ("Boolean", _FLAGS), ("List", tuple(_LISTS)),
    )
    for key in keys
}  # fmt: skip

Doc = dict[str, Any]
_Draw = Callable[[random.Random], tuple[str, list[object]]]


def _seldom(chance: random.Random, every: Sequence[str]) -> str:
    """One of them, the first ones more often than the last."""
    return every[int(len(every) * chance.random() ** 2)]


def _window(chance: random.Random) -> tuple[str, list[object]]:
    days = chance.choice((1, 3, 7, 7, 14, 30, 30, 30, 60, 90, 90, 180, 365)) if chance.random() < 0.9 else chance.randint(2, 400)
    return chance.choice(("withinLast", "withinLast", "notWithinLast")), [{"n": days, "unit": "days"}]


def _amount(most: int) -> _Draw:
    def draw(chance: random.Random) -> tuple[str, list[object]]:
        low = chance.randrange(most)
        operator = chance.choice(("gte", "gte", "lt", "between"))
        return operator, [low, low + max(1, most // 20)] if operator == "between" else [low]

    return draw


def _some(operators: Sequence[str], every: Sequence[str]) -> _Draw:
    return lambda chance: (chance.choice(operators), [_seldom(chance, every) for _ in range(chance.choice((1, 1, 1, 2, 3)))])


def _conditions() -> Iterator[tuple[str, int, _Draw]]:
    """Key, how often it is asked about, and what is asked."""
    yield "tags", 20, _some(("hasAny", "hasAny", "hasAny", "hasNone", "hasAll"), TAGS)
    yield "lastSeenAt", 12, _window
    yield "sessionsCount", 6, _amount(200)
    yield "city", 5, _some(("eq", "eq", "ne"), CITIES)
    yield "member", 5, lambda _: ("eq", [True])
    yield "email", 2, lambda _: ("exists", [])
    yield "name", 1, lambda chance: ("startsWith", [chance.choice("김이박최정강조윤장임")])
    for n, (key, values) in enumerate(_TEXTS.items()):
        yield f"profile.{key}", 4 if n < 5 else 1, _some(("eq", "eq", "eq", "ne", "contains"), values)
    for n, key in enumerate(_NUMBERS):
        yield f"profile.{key}", 3 if n < 4 else 1, _amount(_MOST)
    for n, key in enumerate(_DATES):
        yield f"profile.{key}", 3 if n < 3 else 1, _window
    for key in _FLAGS:
        yield f"profile.{key}", 1, lambda chance: ("eq", [chance.choice((True, False))])
    for key, values in _LISTS.items():
        yield f"profile.{key}", 2, _some(("hasAny", "hasAny", "hasNone"), values)


def segments(count: int) -> Iterator[dict[str, Any]]:
    """So many, the same each time; one of eight says `or`."""
    chance, every = random.Random(1), list(_conditions())
    for number in range(count):
        drawn = {
            key: draw
            for key, _, draw in chance.choices(every, [often for _, often, _ in every], k=chance.choice((1, 2, 3, 3, 4, 4)))
        }
        nodes: list[object] = []
        for key, draw in drawn.items():
            operator, values = draw(chance)
            nodes.append({"key": key, "operator": operator, **({"values": values} if values else {})})
        yield {"name": f"세그먼트 {number}", "filter": {"or" if chance.randrange(8) == 0 else "and": nodes}}


def contact(number: int, plain: Doc) -> Doc:
    """The contact of that number, given its plain form: half of the fields have a value."""
    chance = random.Random(number)
    profile: Doc = {key: chance.choice(values) for key, values in _TEXTS.items() if chance.random() < 0.5}
    profile |= {key: chance.randrange(_MOST) for key in _NUMBERS if chance.random() < 0.5}
    profile |= {key: ago(chance, 200) for key in _DATES if chance.random() < 0.5}
    profile |= {key: chance.random() < 0.5 for key in _FLAGS if chance.random() < 0.5}
    profile |= {key: chance.sample(values, chance.randint(1, 4)) for key, values in _LISTS.items() if chance.random() < 0.5}
    tags = [_seldom(chance, TAGS) for _ in range(chance.randint(0, 8))]
    return {**plain, "city": chance.choice(CITIES), "tags": tags, "sessionsCount": chance.randrange(200), "profile": profile}


def ago(chance: random.Random, days: int) -> str:
    """An instant within so many days before now."""
    return to_wire(NOW - timedelta(minutes=chance.randrange(1, days * 24 * 60)))


def changed(chance: random.Random, before: Doc) -> Iterator[tuple[str, Doc, Doc]]:
    """What may become of a contact, of each kind once: what it is called, before and after."""
    profile: Doc = before["profile"]
    lately = {**before, "lastSeenAt": to_wire(NOW - timedelta(seconds=chance.randrange(1, 29 * 60)))}
    visited = {**before, "lastSeenAt": to_wire(NOW)}
    bought = {key: profile.get(key, 0) + chance.randrange(most) for key, most in (("number0", 50_000), ("number1", 5_000))}
    bought |= {"date0": to_wire(NOW)}
    yield "a visit within a session", lately, visited
    yield "a visit that opens a session", before, {**visited, "sessionsCount": before["sessionsCount"] + 1}
    yield "an order (two amounts, a date)", before, {**before, "profile": {**profile, **bought}}
    yield "another word in a field", before, {**before, "profile": {**profile, "text3": chance.choice(_TEXTS["text3"])}}
    yield "another tag", before, {**before, "tags": [*before["tags"], _seldom(chance, TAGS)]}
    yield "another city", before, {**before, "city": chance.choice(CITIES)}
    yield "a mobile number, which no segment has", before, {**before, "mobileNumber": "+821099998888"}
