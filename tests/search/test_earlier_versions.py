"""What an earlier version has left: an index of another layout answers rightly or not at all, and old values are found."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import uuid4

import httpx
import pytest

from common.clock import FixedClock
from common.errors import Gone
from common.ids import new_id
from common.postgres import Database
from localstack.stack import Stack
from search.connection import OtherLayout
from search.distinct import Distinct
from search.index import Index
from search.layout import FIELDS, QUICK, layout, mapping, settings
from search.neighbours import Neighbours
from search.queries import CaughtUp, Finder
from search.seal import Sealer
from search.store import Store
from search.term_sets.handlers import TermSets
from search.term_sets.store import TermSetStore
from search.understanding import Wanted
from tests.search.support import contact, put
from tests.support.api import eventually

SEALER = Sealer(b"a key of the tests' own")
CLOCK = FixedClock(datetime(2026, 11, 24, 3, tzinfo=UTC))
HONG = {"name": "홍길동", "email": "hong@naver.com,", "memberId": "h-\u200b1", "tags": ["VIP  gold", "vip gold\u200b"]}

Served: TypeAlias = tuple[Index, Callable[[Mapping[str, str] | str], Awaitable[None]]]


async def nothing_to_wait_for() -> CaughtUp:
    async def applied() -> bool:
        return True

    return applied


@pytest.fixture
def channel() -> str:
    return f"earlier-{uuid4().hex[:12]}"


@pytest.fixture
async def served(servers: Stack, channel: str) -> AsyncIterator[Served]:
    """An index with a contact, and how to have it be of another layout by its words."""
    body = {"settings": settings(), "mappings": mapping() | {"_meta": {"layout": layout()}}}
    async with httpx.AsyncClient(base_url=servers.opensearch, timeout=60) as client:
        (await client.put(f"/{channel}-000001", json=body | {"aliases": {channel: {"is_write_index": True}}})).raise_for_status()

        async def be(words: Mapping[str, str] | str) -> None:
            (await client.put(f"/{channel}/_mapping", json={"_meta": {"layout": words}})).raise_for_status()

        async with Index.open(servers.opensearch, channel) as index:
            await put(index, channel, [contact(channel, "hong", **HONG), contact(channel, "kim", name="김")])
            yield index, be
        (await client.delete(f"/{channel}-000001")).raise_for_status()


def finder_of(database: Database, index: Index, neighbours: Neighbours) -> Finder:
    return Finder(Store(database), TermSetStore(database), index, neighbours, SEALER, CLOCK, nothing_to_wait_for)


def equal(key: str, value: str) -> Wanted:
    return Wanted({"key": key, "operator": "hasAny" if key == "tags" else "eq", "values": [value]}, filter_given=True)


async def test_where_only_the_quick_search_is_another_versions_all_else_is_answered(
    database: Database, served: Served, neighbours: Neighbours, channel: str
) -> None:
    index, be = served
    await be(dict(layout()) | {QUICK: "another version's"})
    finder = finder_of(database, index, neighbours)
    assert (await finder.search(channel, equal("name", "홍길동"), None, 100, None)).total == 1
    assert (await finder.search(channel, Wanted(query=" "), None, 100, None)).total == 2
    for ask in (
        finder.search(channel, Wanted(query="홍ㄱㄷ"), None, 100, None),
        finder.count(channel, Wanted(query="홍ㄱㄷ")),
        finder.scanner.scan(channel, Wanted(query="홍ㄱㄷ"), None, whole=False).__aenter__(),
    ):
        with pytest.raises(OtherLayout, match="search rebuild"):
            await ask
    await be(layout())
    assert await eventually(lambda: found_again(finder, channel), bool)


async def found_again(finder: Finder, channel: str) -> bool:
    """Whether the one is found, in an index that is of this version's layout or about to be known as such."""
    try:
        return (await finder.search(channel, Wanted(query="홍ㄱㄷ"), None, 100, None)).total == 1
    except OtherLayout:
        return False


@pytest.mark.parametrize("words", ["one word for the whole", {FIELDS: "another version's", QUICK: layout()[QUICK]}])
async def test_nothing_is_asked_of_fields_that_are_another_versions(
    database: Database, served: Served, neighbours: Neighbours, channel: str, words: Mapping[str, str] | str
) -> None:
    index, be = served
    await be(words)
    finder = finder_of(database, index, neighbours)
    sets = TermSets(Store(database), TermSetStore(database), index, SEALER, CLOCK, new_id)
    for ask in (
        finder.search(channel, Wanted(), None, 100, None),
        finder.count_nodes(channel, Wanted()),
        Distinct(finder.understanding, index).values(channel, Wanted(), "city", None, 10),
        sets.create(channel, "name", ["홍길동"], "kim"),
    ):
        with pytest.raises(OtherLayout, match="search rebuild"):
            await ask


async def test_a_cursor_of_another_version_has_expired(
    database: Database, served: Served, neighbours: Neighbours, channel: str
) -> None:
    finder = finder_of(database, served[0], neighbours)
    begun = await finder.search(channel, Wanted(), None, 1, None)
    assert begun.next is not None
    state: dict[str, Any] = dict(SEALER.open("cursor", begun.next))
    for other in ({**state, "layout": {**layout(), QUICK: "another"}}, {k: v for k, v in state.items() if k != "layout"}):
        with pytest.raises(Gone) as refusal:
            await finder.search(channel, Wanted(), None, 1, SEALER.seal("cursor", other))
        assert refusal.value.code == "cursorExpired"
    assert len((await finder.search(channel, Wanted(), None, 1, begun.next)).items) == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("email", "hong@naver.com"),
        ("email", "hong@naver.com,"),
        ("memberId", "h-1"),
        ("memberId", "h-\u200b1"),
        ("tags", "VIP gold"),
    ],
)
async def test_what_an_earlier_version_kept_otherwise_is_found_by_what_it_stands_for(
    database: Database, served: Served, neighbours: Neighbours, channel: str, key: str, value: str
) -> None:
    finder = finder_of(database, served[0], neighbours)
    (found,) = (await finder.search(channel, equal(key, value), None, 100, None)).items
    assert {name: found[name] for name in HONG} == HONG


async def test_old_values_are_found_counted_and_listed_as_what_they_stand_for(
    database: Database, served: Served, neighbours: Neighbours, channel: str
) -> None:
    index = served[0]
    finder = finder_of(database, index, neighbours)
    assert [(await finder.count(channel, Wanted(query=typed)))[0] for typed in ("h-1", "hong@naver.com")] == [1, 1]
    one = {"key": "tags", "operator": "size", "values": [{"op": "eq", "n": 1}]}
    assert (await finder.count(channel, Wanted(one, filter_given=True)))[0] == 1
    listed = await Distinct(finder.understanding, index).values(channel, Wanted(), "tags", None, 10)
    assert listed.items == [("VIP gold", 1)]
    sets = TermSets(Store(database), TermSetStore(database), index, SEALER, CLOCK, new_id)
    assert (await sets.create(channel, "memberId", ["h-1", "h-2"], "kim")).counts[:2] == (1, 1)
