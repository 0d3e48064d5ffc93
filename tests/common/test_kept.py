"""What an earlier version kept otherwise is compared as it would be kept today."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.filters.kept import as_kept_today
from common.filters.outcomes import value_of


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("email", "kim@naver.com,", "kim@naver.com"),
        ("email", "Kim@Naver.com; ", "Kim@Naver.com"),
        ("email", "김 <kim@naver.com>", "kim@naver.com"),
        ("email", "kim@nav\u200ber.com", "kim@naver.com"),
        ("email", "kim@xn--3e0b707e.com", "kim@한국.com"),
        ("email", "kim", "kim"),
        ("email", "a@b", "a@b"),
        ("email", None, None),
        ("memberId", "\ufeffm-\u200b1", "m-1"),
        ("memberId", "m  1", "m  1"),
        ("tags", ["VIP  gold", " a\n"], ["VIP gold", "a"]),
        ("tags", ["VIP", "V\u00adip", "x", "\u200b", ""], ["VIP", "x"]),
        ("tags", [], []),
        ("name", "a  b\u200b", "a  b\u200b"),
        ("city", "kim@naver.com,", "kim@naver.com,"),
        ("profile.tags", ["a  b"], ["a  b"]),
    ],
)  # fmt: skip
def test_a_value_is_read_as_the_border_would_keep_it(key: str, value: object, expected: object) -> None:
    assert as_kept_today(key, value) == expected


@given(st.sampled_from(["email", "memberId", "tags"]), st.text(" a@b.com,;<>\u200b\u00ad\n가", max_size=12))
def test_what_is_read_so_is_read_so_again(key: str, text: str) -> None:
    once = as_kept_today(key, [text] if key == "tags" else text)
    assert as_kept_today(key, once) == once


@pytest.mark.parametrize(("key", "value"), [("memberId", "\u200b"), ("tags", ["\u200b", " "])])
def test_where_nothing_is_left_there_is_no_value(key: str, value: object) -> None:
    assert value_of({key: value}, key) is None
