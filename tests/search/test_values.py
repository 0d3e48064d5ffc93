"""Distinct values with their counts: as they are compared, as they are written most often, found by what one types."""

import random
from collections import Counter
from typing import Any
from uuid import uuid4

import pytest

from common.errors import Unprocessable
from common.events.contacts import FieldDefinition
from common.filters import fold
from common.postgres import Database
from search.bulk import Entry
from search.distinct import Distinct, Values
from search.document import tombstone
from search.index import Index
from search.neighbours import Neighbours
from search.store import Store
from search.term_sets.store import TermSetStore
from search.understanding import Understanding, Wanted
from tests.search.support import FixedNow, contact, contact_id, define, put

FIELDS = {"grade": "string", "sizes": "list", "ok": "boolean", "count": "number", "at": "date", "old": "string"}


@pytest.fixture
def channel() -> str:
    return f"values-{uuid4().hex[:12]}"


@pytest.fixture
async def distinct(database: Database, index: Index, neighbours: Neighbours, channel: str) -> Distinct:
    store = Store(database)
    await define(store, channel, FIELDS)
    archived = {"key": "profile.old", "type": "String", "archived": True}
    await store.save_fields(channel, [(FieldDefinition.of(archived), 2)])
    return Distinct(Understanding(store, TermSetStore(database), index, neighbours, FixedNow()), index)


async def graded(index: Index, channel: str, *grades: Any) -> None:
    people = [contact(channel, n, profile={} if grade is None else {"grade": grade}) for n, grade in enumerate(grades)]
    await put(index, channel, people, FIELDS)


async def test_the_commonest_come_first_in_their_commonest_writing(distinct: Distinct, index: Index, channel: str) -> None:
    await graded(index, channel, "VIP", "vip ", "Vip", "vip", "new", "New", "new", "old", "", "  ", None)
    assert await distinct.values(channel, Wanted(), "profile.grade", None, 50) == Values(
        [("vip", 4), ("new", 3), ("old", 1)], more=False, without=3
    )
    assert await distinct.values(channel, Wanted(), "user.profile.grade", None, 2) == Values(
        [("vip", 4), ("new", 3)], more=True, without=3
    )


async def test_what_is_counted_is_what_a_plain_count_says(distinct: Distinct, index: Index, channel: str) -> None:
    chance = random.Random(5)
    some = ["S", "s", "M", "L ", "엘", "a.b", "a|b", 'q"', "x\\y"]
    sizes = [[chance.choice(some) for _ in range(chance.randrange(4))] for _ in range(80)]
    await put(index, channel, [contact(channel, n, profile={"sizes": each}) for n, each in enumerate(sizes)], FIELDS)
    counts = Counter(value for each in sizes for value in {fold(one) for one in each})
    writings = Counter((fold(one), one.strip()) for each in sizes for one in dict.fromkeys(map(str.strip, each)))
    found = await distinct.values(channel, Wanted(), "profile.sizes", None, 50)
    shown = [(fold(str(value)), count) for value, count in found.items]
    assert shown == sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    for value, _ in found.items:
        mine = {writing: n for (folded, writing), n in writings.items() if folded == fold(str(value))}
        assert mine[str(value)] == max(mine.values())
    assert found.without == sum(not each for each in sizes)


async def test_a_text_is_shown_as_most_have_written_it(distinct: Distinct, index: Index, channel: str) -> None:
    chance = random.Random(6)
    long = "a" * 248
    some = [
        "S",
        "s",
        "s ",
        "엘",
        "엘 ",
        "Straße",
        "strasse",
        "STRASSE",
        "a|b",
        long + "bc",
        long + "bcd",
        long + "BCD",
        long + "Bcd",
    ]
    grades = [chance.choice(some) for _ in range(150)]
    await graded(index, channel, *grades)
    writings = Counter((fold(each), each.strip()) for each in grades)
    values = Counter(map(fold, grades))
    expected = {value: min((-n, way) for (folded, way), n in writings.items() if folded == value)[1] for value in values}
    found = await distinct.values(channel, Wanted(), "profile.grade", None, 50)
    assert {fold(str(value)): (value, count) for value, count in found.items} == {
        value: (expected[value], count) for value, count in values.items()
    }


async def test_of_two_writings_that_are_as_common_the_first_is_shown(distinct: Distinct, index: Index, channel: str) -> None:
    await graded(index, channel, "vip", "VIP", "ǆ", "ǅ")
    found = await distinct.values(channel, Wanted(), "profile.grade", None, 50)
    assert found.items == [("VIP", 2), ("ǅ", 2)]


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("서", {"서울", "서산"}),
        ("ㅅㅇ", {"서울", "수원"}),
        ("ㅅ", {"서울", "서산", "수원"}),
        ("서ㅇ", {"서울"}),
        ("서우", {"서울"}),
        ("se", {"Seoul (서울)"}),
        ("SEOUL (ㅅ", {"Seoul (서울)"}),
        ("ㅂㅅ", {"부산"}),
        ("산", set()),
        ("  서울 ", {"서울"}),
        (" ", {"서울", "서산", "수원", "부산", "Seoul (서울)", "a.b"}),
        ("a.", {"a.b"}),
        ("a?", set()),
        (".*", set()),
        ("x" * 100, set()),
        ("ㄱ" * 100, set()),
    ],
)  # fmt: skip
async def test_values_are_found_by_how_they_begin(
    distinct: Distinct, index: Index, channel: str, prefix: str, expected: set[str]
) -> None:
    await graded(index, channel, "서울", "서산", "수원", "부산", "Seoul (서울)", "a.b")
    found = await distinct.values(channel, Wanted(), "profile.grade", prefix, 50)
    assert {value for value, _ in found.items} == expected
    assert (found.more, found.without) == (False, 0)


async def test_only_those_who_are_asked_for_are_counted(distinct: Distinct, index: Index, channel: str) -> None:
    people = [contact(channel, n, profile={"grade": "VIP"}, blocked=n < 3, name=f"사람{n}") for n in range(6)]
    await put(index, channel, people, FIELDS)
    await put(index, f"{channel}-other", [contact(f"{channel}-other", n, profile={"grade": "VIP"}) for n in range(5)], FIELDS)
    gone = contact_id(channel, 5)
    await index.write([Entry(f"{channel}/{gone}", 2, tombstone(channel, gone, 2, erased=True))])
    await index.refresh()
    blocked = {"key": "blocked", "operator": "eq", "values": [True]}

    async def counted(wanted: Wanted, key: str) -> list[tuple[str | bool, int]]:
        return (await distinct.values(channel, wanted, key, None, 50)).items

    assert await counted(Wanted(), "profile.grade") == [("VIP", 5)]
    assert await counted(Wanted(blocked, True), "profile.grade") == [("VIP", 3)]
    assert await counted(Wanted(query="사람4"), "profile.grade") == [("VIP", 1)]
    assert await counted(Wanted(), "blocked") == [(True, 3), (False, 2)]
    assert await counted(Wanted(blocked, True), "blocked") == [(True, 3)]
    assert await counted(Wanted(query="nobody"), "blocked") == []


async def test_a_value_too_long_to_be_counted_by_its_writings_is_whole(distinct: Distinct, index: Index, channel: str) -> None:
    long = "Ab" * 4500
    await graded(index, channel, long, long, "B" * 900, "short")
    found = await distinct.values(channel, Wanted(), "profile.grade", None, 50)
    assert found.items == [(long, 2), ("B" * 900, 1), ("short", 1)]


@pytest.mark.parametrize(
    ("key", "prefix", "code", "pointer"),
    [
        ("id", None, "notListable", "/key"),
        ("memberId", None, "notListable", "/key"),
        ("email", None, "notListable", "/key"),
        ("mobileNumber", None, "notListable", "/key"),
        ("profile.count", None, "notListable", "/key"),
        ("profile.at", None, "notListable", "/key"),
        ("segment", None, "unknownField", "/key"),
        ("profile.none", None, "unknownField", "/key"),
        ("profile.old", None, "archivedField", "/key"),
        ("blocked", "t", "wrongType", "/prefix"),
    ],
)
async def test_what_is_not_listed_is_refused_with_its_place(
    distinct: Distinct, channel: str, key: str, prefix: str | None, code: str, pointer: str
) -> None:
    with pytest.raises(Unprocessable) as refusal:
        await distinct.values(channel, Wanted(), key, prefix, 50)
    assert (refusal.value.code, refusal.value.pointer) == (code, pointer)
