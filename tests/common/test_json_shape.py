"""JSON with a member twice is found out however it is written, and no other is; depth has an end."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.json_shape import MOST_DEPTH, TooDeep, members, repeated_member

names = st.sampled_from(["a", "b", 'a":', '":', 'b" :', "\\", '\\":1', "é", "", "/~"])
trees = st.recursive(
    names | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(names, inner), max_size=4).map(tuple),
    max_leaves=12,
)
gaps = st.sampled_from(["", " ", "\n", " \t\r\n "])


def written(tree: Any, gap: str) -> str:
    """Objects are tuples of pairs here, so that one may have a member twice."""
    if isinstance(tree, tuple):
        return "{" + ",".join(f"{json.dumps(name)}{gap}:{gap}{written(value, gap)}" for name, value in tree) + "}"
    if isinstance(tree, list):
        return "[" + ",".join(written(each, gap) for each in tree) + "]"
    return json.dumps(tree)


def has_twice(tree: Any) -> bool:
    if isinstance(tree, tuple):
        pairs: tuple[tuple[str, Any], ...] = tree
        return len({name for name, _ in pairs}) < len(pairs) or any(has_twice(value) for _, value in pairs)
    return isinstance(tree, list) and any(map(has_twice, tree))


@given(trees, gaps)
def test_a_member_that_is_there_twice_is_found(tree: Any, gap: str) -> None:
    body = written(tree, gap).encode()
    found = repeated_member(body, members(orjson.loads(body)))
    assert (found is not None) == has_twice(tree)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"filter": {"and": [{"key": "name"}], "and": []}}', "/filter/and"),
        (b'[{"a": 1}, {"a": 1, "\\u0061": 2}]', "/1/a"),
        (b'{"a":1,"a" :2}', "/a"),
        (b'{"x/y": 1, "x/y": 1}', "/x~1y"),
        (b'{"a": "\\":", "b" : 1}', None),
        (b'{"a": {"a": {"a": []}}}', None),
        (b'"\\":"', None),
        (b"[]", None),
    ],
)
def test_the_place_is_told(body: bytes, pointer: str | None) -> None:
    assert repeated_member(body, members(orjson.loads(body))) == pointer


def test_members_are_counted_down_to_the_depth_that_is_allowed() -> None:
    tree: dict[str, Any] = {}
    for _ in range(MOST_DEPTH - 1):
        tree = {"in": tree, "beside": 1}
    assert members(tree) == 2 * (MOST_DEPTH - 1)
    with pytest.raises(TooDeep):
        members([tree])
