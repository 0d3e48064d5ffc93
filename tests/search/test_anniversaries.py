"""Anniversaries in the index: each zone's days are those that the evaluator knows, long ago and far ahead too."""

import os
import random
import secrets
from collections.abc import Sequence
from uuid import uuid4

import pytest

from common.clock import from_millis, to_wire
from common.filters import parse, windows
from common.zones import zone_names
from search.compile import compile_filter
from search.index import Index
from tests.search.support import contact, contact_id, fields_of, put
from tests.support import oracle

SEED = int(os.environ.get("DANGOL_TEST_SEED") or secrets.randbelow(2**32))
FIRST, LAST = oracle.instant("0001-01-03T00:00:00Z"), oracle.instant("9999-12-29T00:00:00Z")
NOW = oracle.instant("2026-11-24T03:00:00Z")
# Where other tables of zones than ours had other clocks, and where a day was left out, came twice or began late.
NOTED = ["Europe/Oslo", "Asia/Seoul", "EST", "HST", "MST", "ROC", "Pacific/Apia", "Asia/Manila", "America/Juneau", "Asia/Gaza"]


@pytest.fixture
def channel() -> str:
    return f"anniversaries-{uuid4().hex[:12]}"


async def born(index: Index, channel: str, instants: Sequence[str]) -> None:
    await put(index, channel, [contact(channel, instant, profile={"born": instant}) for instant in instants])


async def found(index: Index, channel: str, within: int, now: int, zone: str) -> set[str]:
    known = fields_of(zone=zone)
    raw = {"key": "profile.born", "operator": "anniversary", "values": [{"n": within, "unit": "days"}]}
    query = compile_filter(parse(raw, known.context), known.slots, now)
    hits = await index.search({"bool": {"filter": [{"term": {"channel": channel}}, query]}}, [{"id": "asc"}], 1000)
    return {source["source"]["id"] for source in hits.sources}


@pytest.mark.parametrize("within", range(230, 235))
async def test_a_day_is_judged_by_the_zones_clocks_of_then(index: Index, channel: str, within: int) -> None:
    # In the night between two days; tables of zones differ in whether Oslo had summer time before 1965.
    instant = "1964-07-14T22:30:00.000Z"
    await born(index, channel, [instant])
    meant = oracle.moment("anniversary", oracle.instant(instant), [{"n": within, "unit": "days"}], NOW, "Europe/Oslo")
    assert await found(index, channel, within, NOW, "Europe/Oslo") == ({contact_id(channel, instant)} if meant else set())


@pytest.mark.parametrize("number", [10, pytest.param(None, marks=pytest.mark.deep)], ids=["some", "all"])
async def test_every_zone_has_the_same_days_in_the_index_as_in_the_evaluator(
    index: Index, channel: str, number: int | None
) -> None:
    chance = random.Random(SEED)
    named = sorted(zone_names())
    zones = [*NOTED, *(named if number is None else chance.sample(named, number))]
    changes = [change for zone in zones for change in windows.offsets(zone)[0]]
    instants = {chance.randrange(FIRST, LAST) for _ in range(200)}
    instants |= {chance.choice(changes) + chance.randrange(-oracle.UNITS["days"], oracle.UNITS["days"]) for _ in range(500)}
    instants |= {oracle.instant(f"{year}-02-{day}T00:00:00Z") - 1 for year in (1600, 1904, 1964, 9600) for day in (28, 29)}
    written = {instant: to_wire(from_millis(instant)) for instant in instants}
    await born(index, channel, list(written.values()))
    for zone in zones:
        for within in (0, 1, 30, chance.randrange(365), 364):
            now = NOW + chance.randrange(2000) * oracle.UNITS["days"] + chance.randrange(oracle.UNITS["days"])
            window = [{"n": within, "unit": "days"}]
            told = await found(index, channel, within, now, zone)
            for instant, text in written.items():
                meant = oracle.moment("anniversary", instant, window, now, zone)
                assert meant == (contact_id(channel, text) in told), (text, within, now, zone, SEED)
                assert meant == windows.at(windows.anniversaries(instant, within, zone, now), now)[0]
