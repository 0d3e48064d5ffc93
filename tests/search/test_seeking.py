"""A sorted list entered anywhere and read in both directions: the same rows as the list read from its beginning."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from common.clock import to_wire
from common.errors import Unprocessable
from common.events.contacts import Contact
from common.postgres import Database
from search.index import Index
from search.neighbours import Neighbours
from search.paging import Seek
from search.queries import Finder
from search.request import SortKey
from search.seal import Sealer
from search.store import Store
from search.term_sets.store import TermSetStore
from search.understanding import Wanted
from tests.search.support import FixedNow, contact, define, put

FIELDS = {"grade": "string", "count": "number", "at": "date", "ok": "boolean"}
VALUES: dict[str, list[Any]] = {
    "profile.grade": ["b", None, "A", "가", "a ", "É"],
    "profile.count": [0, None, -1.5, 1e300, 2, 2],
    "profile.at": ["1969-01-01T00:00:00.000Z", None, "2026-11-02T00:00:00.001Z", "2026-11-02T00:00:00.000Z"],
    "profile.ok": [True, None, False],
}


@pytest.fixture
def channel() -> str:
    return f"seek-{uuid4().hex[:12]}"


@pytest.fixture
async def finder(database: Database, index: Index, neighbours: Neighbours, channel: str) -> Finder:
    store = Store(database)
    await define(store, channel, FIELDS)

    async def caught_up() -> Any:
        raise AssertionError("nobody waits here")

    return Finder(store, TermSetStore(database), index, neighbours, Sealer(b"a key of the tests' own"), FixedNow(), caught_up)


def people_of(channel: str) -> list[Contact]:
    def profile(n: int) -> dict[str, Any]:
        own = {key[8:]: values[n % len(values)] for key, values in VALUES.items()}
        return {key: value for key, value in own.items() if value is not None}

    return [contact(channel, n, profile=profile(n)) for n in range(24)]


async def whole(finder: Finder, channel: str, sort: list[SortKey]) -> list[dict[str, Any]]:
    return (await finder.search(channel, Wanted(), sort, 100, None)).items


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("keys", [["profile.grade"], ["profile.count"], ["profile.at"], ["profile.ok", "profile.grade"]])
async def test_any_row_is_sought_by_its_values_and_pages_go_both_ways(
    finder: Finder, index: Index, channel: str, keys: list[str], order: str
) -> None:
    await put(index, channel, people_of(channel), FIELDS)
    sort = [SortKey(key, order) for key in keys]
    rows = await whole(finder, channel, sort)
    assert len(rows) == 24

    def values_of(row: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(row["profile"].get(key[8:]) for key in keys)

    def same(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
        return [v.strip().casefold() if isinstance(v, str) else v for v in one] == [
            v.strip().casefold() if isinstance(v, str) else v for v in other
        ]

    for at in range(0, 24, 5):
        first = next(n for n, row in enumerate(rows) if same(values_of(row), values_of(rows[at])))
        begun = await finder.search(channel, Wanted(), sort, 4, None, Seek(values_of(rows[at])))
        assert begun.items == rows[first : first + 4]
        assert begun.total == 24
        exact = await finder.search(channel, Wanted(), sort, 4, None, Seek(values_of(rows[at]), UUID(rows[at]["id"])))
        assert exact.items == rows[at : at + 4]
        back: list[dict[str, Any]] = []
        page = exact
        while page.previous is not None:
            page = await finder.search(channel, Wanted(), sort, 4, page.previous)
            back = page.items + back
            assert page.next is not None
        assert back == rows[:at]
        onward: list[dict[str, Any]] = []
        page = exact
        while page.next is not None:
            page = await finder.search(channel, Wanted(), sort, 4, page.next)
            onward += page.items
            assert page.previous is not None
        assert onward == rows[at + 4 :]
        if exact.next is not None:
            following = await finder.search(channel, Wanted(), sort, 4, exact.next)
            assert (await finder.search(channel, Wanted(), sort, 4, following.previous)).items == exact.items


async def test_what_lies_between_or_beyond_all_rows_can_be_sought_too(finder: Finder, index: Index, channel: str) -> None:
    await put(index, channel, [contact(channel, n, profile={"count": n * 10}) for n in range(6)], FIELDS)
    up, down = [SortKey("profile.count", "asc")], [SortKey("profile.count", "desc")]

    async def shown(sort: list[SortKey], value: float | None, limit: int = 2) -> list[int]:
        found = await finder.search(channel, Wanted(), sort, limit, None, Seek((value,)))
        return [item["profile"]["count"] for item in found.items]

    assert await shown(up, 25) == [30, 40]
    assert await shown(down, 25) == [20, 10]
    assert await shown(up, -1) == [0, 10]
    assert await shown(up, 51) == await shown(up, None) == await shown(down, -1) == []
    beyond = await finder.search(channel, Wanted(), up, 4, None, Seek((51,)))
    assert (beyond.next, beyond.total) == (None, 6)
    assert beyond.previous is not None
    page = await finder.search(channel, Wanted(), up, 4, beyond.previous)
    assert [item["profile"]["count"] for item in page.items] == [20, 30, 40, 50]
    assert page.next is None or (await finder.search(channel, Wanted(), up, 4, page.next)).items == []


async def test_the_first_and_only_page_has_none_around_it(finder: Finder, index: Index, channel: str) -> None:
    await put(index, channel, [contact(channel, n) for n in range(3)], FIELDS)
    only = await finder.search(channel, Wanted(), None, 3, None)
    assert (only.next, only.previous) == (None, None)
    first = await finder.search(channel, Wanted(), None, 2, None)
    assert first.previous is None
    begun = await finder.search(channel, Wanted(), None, 2, None, Seek((to_wire(FixedNow.NOW.replace(year=2030)),)))
    assert (begun.items, begun.previous) == (first.items, None)


@pytest.mark.parametrize(
    ("sort", "query", "seek", "pointer"),
    [
        ([SortKey("name", "asc")], None, Seek((1,)), "/seek/values/0"),
        ([SortKey("name", "asc")], None, Seek(("a", "b")), "/seek/values"),
        ([SortKey("createdAt", "asc")], None, Seek(("2026-11-24",)), "/seek/values/0"),
        ([SortKey("sessionsCount", "asc")], None, Seek((True,)), "/seek/values/0"),
        ([SortKey("sessionsCount", "asc"), SortKey("member", "asc")], None, Seek((1, "yes")), "/seek/values/1"),
        (None, "kim", Seek(("a",)), "/seek"),
    ],
)
async def test_what_cannot_be_sought_is_refused_with_its_place(
    finder: Finder, channel: str, sort: list[SortKey] | None, query: str | None, seek: Seek, pointer: str
) -> None:
    with pytest.raises(Unprocessable) as refusal:
        await finder.search(channel, Wanted(query=query), sort, 10, None, seek)
    assert refusal.value.pointer == pointer
