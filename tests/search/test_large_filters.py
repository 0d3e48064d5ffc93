"""The largest filters: what the limits let through the index takes, and what is too large for it is refused in words."""

from collections.abc import Callable
from datetime import date, timedelta
from uuid import uuid4

import pytest

from common.filters import Node, Or, parse
from common.filters.parser import MAX_VALUES
from common.filters.segments import MAX_INLINED_VALUES, PARTS_WEIGH
from search.cluster_settings import most_clauses
from search.compile import Query, compile_filter
from search.connection import FilterTooLarge
from search.index import Index
from tests.search.support import contact, fields_of, put

_WORDS = {"n": "number", "day": "date", "sizes": "list"}
_FIELDS = fields_of(_WORDS)
_CLAUSES = "indices.query.bool.max_clause_count"
_FIRST = date(1990, 1, 1)


def _text(n: int) -> object:
    return f"v{n}"


def _digits(n: int) -> object:
    return f"{n:07}"


def _number(n: int) -> object:
    return n


def _day(n: int) -> object:
    return str(_FIRST + timedelta(days=n))


def largest(key: str, operator: str, value: Callable[[int], object], **more: object) -> Node:
    """A filter with as many values as a filter may have once its segments stand in it."""
    parts: list[Node] = []
    most = MAX_INLINED_VALUES // (PARTS_WEIGH if operator in {"contains", "notContains"} else 1)
    for begin in range(0, most, MAX_VALUES):
        values = [value(n) for n in range(begin, begin + MAX_VALUES)]
        parts.append(parse({"key": key, "operator": operator, "values": values, **more}, _FIELDS.context))
    return Or(tuple(parts))


def query(node: Node, channel: str) -> Query:
    return {"bool": {"filter": [{"term": {"channel": channel}}, compile_filter(node, _FIELDS.slots, 0)]}}


@pytest.fixture
def channel() -> str:
    return f"large-{uuid4().hex[:12]}"


@pytest.mark.parametrize(
    ("key", "operator", "value", "found"),
    [
        ("name", "eq", _text, 0),
        ("name", "notContains", _text, 0),
        ("mobileNumber", "contains", _digits, 1),
        ("profile.n", "eq", _number, 1),
        ("profile.day", "on", _day, 1),
        ("profile.sizes", "isExactly", _text, 0),
    ],
)
async def test_as_many_values_as_the_limits_allow_are_taken_by_the_index(
    index: Index, channel: str, key: str, operator: str, value: Callable[[int], object], found: int
) -> None:
    profile = {"n": 7, "day": "1990-01-08T00:00:00.000Z", "sizes": ["v7"]}
    await put(index, channel, [contact(channel, 1, name="xv7x", mobileNumber="+821000000079", profile=profile)], _WORDS)
    node = largest(key, operator, value, missing="include" if operator != "notContains" else "exclude")
    assert await index.count(query(node, channel)) == found


async def test_more_than_the_index_takes_is_refused_in_words(index: Index) -> None:
    texts = [{"term": {"builtin.name.chars": f"v{n}"}} for n in range(110_000)]
    for too_many in ({"bool": {"should": texts}}, {"bool": {"filter": [{"bool": {"should": texts[n::5]}} for n in range(5)]}}):
        with pytest.raises(FilterTooLarge):
            await index.count(too_many)
        with pytest.raises(FilterTooLarge):
            await index.search(too_many, [{"id": "asc"}], 1)


async def test_the_index_is_set_up_for_large_filters(index: Index) -> None:
    await index.check()


@pytest.mark.parametrize(
    ("settings", "most"),
    [
        ({"transient": {}, "persistent": {}, "defaults": {_CLAUSES: "1024"}}, 1024),
        ({"transient": {}, "persistent": {_CLAUSES: "100000"}, "defaults": {_CLAUSES: "1024"}}, 100_000),
        ({"transient": {_CLAUSES: "7"}, "persistent": {_CLAUSES: "100000"}}, 7),
        ({}, 0),
    ],
)
def test_what_the_cluster_takes_is_what_it_was_told_last(settings: dict[str, dict[str, str]], most: int) -> None:
    assert most_clauses(settings) == most


async def test_a_request_that_the_index_would_not_even_read_is_refused_in_words(index: Index) -> None:
    with pytest.raises(FilterTooLarge):
        await index.count({"terms": {"builtin.name.term": ["x" * 1024] * (100 * 1024)}})
