"""Streams of everyone: one instant, in order, and no more in memory for many than for few."""

import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from common.clock import FixedClock
from common.postgres import Database
from search.bulk import Entry
from search.index import Index
from search.neighbours import Neighbours
from search.queries import CaughtUp, Finder
from search.seal import Sealer
from search.store import Store
from search.term_sets.store import TermSetStore
from search.understanding import Wanted
from tests.search.support import contact, put

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
FEW, MANY = 20_000, 60_000


async def caught_up() -> CaughtUp:
    async def applied() -> bool:
        return True

    return applied


@pytest.fixture
def channel() -> str:
    return f"streams-{uuid4().hex[:12]}"


@pytest.fixture
async def finder(database: Database, index: Index, neighbours: Neighbours) -> Finder:
    return Finder(
        Store(database), TermSetStore(database), index, neighbours, Sealer(b"a key of the tests' own"), FixedClock(NOW), caught_up
    )


async def add(index: Index, channel: str, numbers: range) -> None:
    """Contacts of which nothing is known but their ids and versions."""
    for begin in range(numbers.start, numbers.stop, 5000):
        some = ((str(UUID(int=n)), n % 7 + 1) for n in range(begin, begin + 5000))
        told = [Entry(f"{channel}/{i}", v, {"channel": channel, "id": i, "version": v, "deleted": False}) for i, v in some]
        assert await index.write(told) == []
    await index.refresh()


async def peak_of_reading(finder: Finder, channel: str, expected: int) -> int:
    """The most memory in bytes that was held while all ids were read; each is looked at and let go."""
    tracemalloc.start()
    try:
        rows: AsyncIterator[dict[str, object]] = finder.scan(channel, Wanted(), None, whole=False)
        assert await anext(rows) == {"total": expected, "at": int(NOW.timestamp() * 1000)}
        number = 0
        async for row in rows:
            if "end" in row:
                assert row == {"end": True, "rows": expected}
                continue
            assert row == {"id": str(UUID(int=number)), "version": number % 7 + 1}
            number += 1
        assert number == expected
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def test_three_times_as_many_ids_take_no_more_memory(finder: Finder, index: Index, channel: str) -> None:
    await add(index, channel, range(FEW))
    few = await peak_of_reading(finder, channel, FEW)
    await add(index, channel, range(FEW, MANY))
    many = await peak_of_reading(finder, channel, MANY)
    assert many < few * 1.2


async def test_a_stream_is_of_one_instant_whatever_is_written_meanwhile(finder: Finder, index: Index, channel: str) -> None:
    await put(index, channel, [contact(channel, n, name="before") for n in range(2500)])
    for whole in (True, False):
        rows = finder.scan(channel, Wanted(), None, whole=whole)
        head = await anext(rows)
        version = 2 if whole else 3
        changed = [contact(channel, n, name="after", version=version) for n in range(2500, 2510)]
        await put(index, channel, [*changed, *(contact(channel, n, name="after", version=version) for n in range(50))])
        found = [row async for row in rows][:-1]
        assert len(found) == head["total"]
        assert {row["version"] for row in found} == ({1} if whole else {1, 2})
        assert [row["id"] for row in found] == sorted(row["id"] for row in found)
