"""The segments of a channel: one to four conditions each over the fields that shops ask about every day."""

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.bench.people import CITIES, GRADES, TAGS

FIELDS: Mapping[str, str] = {
    "profile.grade": "String", "profile.totalAmount": "Number", "profile.lastOrderAt": "Date", "profile.newsletter": "Boolean",
    "profile.interests": "List",
}  # fmt: skip

_Draw = Callable[[random.Random], list[object]]
# Thresholds of sessions are spread, as those of shops are: a visit that opens a session passes few of them.
_CONDITIONS: Mapping[tuple[str, str], _Draw] = {
    ("member", "eq"): lambda _: [True],
    ("lastSeenAt", "withinLast"): lambda chance: [{"n": chance.choice((7, 14, 30, 60, 90)), "unit": "days"}],
    ("sessionsCount", "gte"): lambda chance: [chance.randint(1, 50)],
    ("profile.grade", "eq"): lambda chance: [chance.choice(GRADES)],
    ("profile.totalAmount", "gte"): lambda chance: [chance.randrange(300_000, 1_000_000, 10_000)],
    ("profile.lastOrderAt", "withinLast"): lambda chance: [{"n": chance.choice((30, 90, 180)), "unit": "days"}],
    ("profile.newsletter", "eq"): lambda chance: [chance.choice((True, False))],
    ("tags", "hasAny"): lambda chance: [chance.choice(TAGS)],
    ("city", "eq"): lambda chance: [chance.choice(CITIES)],
}


def segments(count: int) -> Iterator[dict[str, Any]]:
    """So many, the same each time; the first of many are those of few."""
    chance = random.Random(1)
    for number in range(count):
        drawn = sorted(chance.sample(sorted(_CONDITIONS), chance.choice((1, 2, 2, 3, 3, 3, 4, 4, 4, 4))))
        nodes = [{"key": key, "operator": operator, "values": _CONDITIONS[key, operator](chance)} for key, operator in drawn]
        yield {"name": f"세그먼트 {number}", "filter": {"and": nodes}}
