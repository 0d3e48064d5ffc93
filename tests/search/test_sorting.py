"""Every sortable key sorts as the values themselves do, absent ones last both ways; and any row is found again by its values."""

import random
from functools import cmp_to_key
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.filters import BUILT_INS
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
from tests.support import oracle
from tests.support.filter_values import FIELDS, TYPES, population

TOLD_APART = 8000  # characters; longer texts that agree in these are in the order of their hashes
KINDS = {**{key: kind.value for key, kind in BUILT_INS.items()}, **TYPES}
KEYS = sorted(key for key, kind in KINDS.items() if kind != "list")


def comparable(key: str, value: Any) -> Any:
    kind = KINDS[key]
    if value is None:
        return None
    if kind in {"string", "email", "phone"}:
        return oracle.same(value) or None
    if kind == "number":
        return float(value)
    return oracle.instant(value) if kind == "date" else value


def texts(shown: Any) -> list[str]:
    """All texts in a contact."""
    match shown:
        case str():
            return [shown]
        case dict():
            return [text for value in shown.values() for text in texts(value)]
        case _:
            return []


@pytest.fixture
async def finder(database: Database, index: Index, neighbours: Neighbours) -> Finder:
    async def caught_up() -> Any:
        raise AssertionError("nobody waits here")

    return Finder(Store(database), TermSetStore(database), index, neighbours, Sealer(b"a key"), FixedNow(), caught_up)


async def test_every_key_sorts_as_its_values_do_and_its_rows_can_be_sought(
    finder: Finder, database: Database, index: Index
) -> None:
    channel = f"sorted-{uuid4().hex[:12]}"
    await define(Store(database), channel, FIELDS)
    people = [each for each in population(random.Random(11), 120) if max(map(len, texts(each))) <= TOLD_APART][:60]
    assert len(people) == 60
    await put(index, channel, [contact(channel, n, **shown) for n, shown in enumerate(people)])
    for key in KEYS:
        values = {
            each["id"]: comparable(key, value) if (value := oracle.stored(each, key)) is not None else None for each in people
        }
        assert len({type(value) for value in values.values()} - {type(None), int, float}) <= 1, key
        for order, sign in (("asc", 1), ("desc", -1)):

            def compared(one: str, other: str, values: dict[str, Any] = values, sign: int = sign) -> int:
                a, b = values[one], values[other]
                if a == b:
                    return -1 if one < other else 1
                if a is None or b is None:
                    return 1 if a is None else -1
                return sign if a > b else -sign

            expected = sorted(values, key=cmp_to_key(compared))
            sort = [SortKey(key, order)]
            rows = (await finder.search(channel, Wanted(), sort, 100, None)).items
            assert [row["id"] for row in rows] == expected, (key, order)
            for at in (0, 17, 59):
                seek = Seek((oracle.stored(rows[at], key),), UUID(rows[at]["id"]))
                begun = await finder.search(channel, Wanted(), sort, 5, None, seek)
                assert [row["id"] for row in begun.items] == expected[at : at + 5], (key, order, at)
