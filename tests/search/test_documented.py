"""Every example of docs/filters.md finds whom the page says, by oracle, evaluator and index; every operator has an example."""

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest

from common.clock import to_millis
from common.filters import compile_filter, conditions, parse
from localstack.home import checkout
from localstack.stack import Stack
from search.index import Index
from tests.search.judge import IndexJudge
from tests.search.support import contact, fields_of, put
from tests.support import oracle
from tests.support.filter_cases import OPERATORS
from tests.support.filter_values import FIELDS

PAGE = (checkout() / "docs" / "filters.md").read_text("utf-8")
BLOCKS = [(who, orjson.loads(body)) for who, body in re.findall(r"^```json ([^\n]+)\n(.*?)^```$", PAGE, re.M | re.S)]
CHANNEL = "documented"
PEOPLE = [contact(CHANNEL, shown["memberId"], **shown) for who, found in BLOCKS if who == "people" for shown in found]
EXAMPLES = [
    pytest.param(filter_, set(who.split(", ")), id=orjson.dumps(filter_).decode()) for who, filter_ in BLOCKS if who != "people"
]
NOW = to_millis(datetime(2026, 11, 24, 3, tzinfo=UTC))
CONTEXT = fields_of().context


@pytest.fixture(scope="module")
def judge(servers: Stack, alias: str) -> Iterator[IndexJudge]:
    async def fill() -> None:
        async with Index.open(servers.opensearch, alias) as index:
            await put(index, CHANNEL, PEOPLE)

    asyncio.run(fill())
    with httpx.Client(base_url=servers.opensearch, timeout=30) as client:
        yield IndexJudge(client, alias)


@pytest.mark.parametrize(("filter_", "found"), EXAMPLES)
def test_an_example_finds_whom_the_page_says(judge: IndexJudge, filter_: Any, found: set[str]) -> None:
    node = parse(filter_, CONTEXT)
    shown = {each.id: each.members() for each in PEOPLE}
    names = {str(each.id): str(each.member_id) for each in PEOPLE}
    world = oracle.World(fields=FIELDS)
    evaluate = compile_filter(node)
    assert {str(each.member_id) for each in PEOPLE if oracle.holds(filter_, shown[each.id], NOW, world)} == found
    assert {str(each.member_id) for each in PEOPLE if evaluate(shown[each.id], NOW).truth} == found
    assert {names[id_] for id_ in judge.found(CHANNEL, node, NOW, {})} == found


def test_every_operator_has_an_example() -> None:
    nodes = [parse(example.values[0], CONTEXT) for example in EXAMPLES]
    shown = {condition.operator for node in nodes for condition in conditions(node)}
    known = {operator for groups in OPERATORS.values() for group in groups for operator in group}
    assert shown == (known | {"exists", "notExists"}) - {"in", "notIn"}
