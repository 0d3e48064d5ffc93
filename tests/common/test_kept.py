"""What an earlier version kept otherwise is compared as it would be kept today."""

import timeit
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.email_address import is_email
from common.filters.kept import as_kept_today
from common.filters.outcomes import value_of
from common.filters.text import fold, read_tag


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


_TAGS = [f"단골  고객{n} \u200b서울" for n in range(20)]


@pytest.mark.parametrize(
    ("key", "value", "reading"),
    [
        ("email", "kim@한국도메인.한국", lambda: is_email("kim@한국도메인.한국")),
        ("email", "kim..@naver.com", lambda: is_email("kim..@naver.com")),
        ("tags", _TAGS, lambda: [fold(read_tag(tag)) for tag in _TAGS]),
    ],
)
def test_a_value_that_many_conditions_ask_for_is_read_once(key: str, value: object, reading: Callable[[], object]) -> None:
    """An international address takes some hundred times as long to read as to look up."""
    contact = {key: value}
    value_of(contact, key)
    asked = min(timeit.repeat(lambda: value_of(contact, key), number=200, repeat=5))
    assert asked < min(timeit.repeat(reading, number=200, repeat=5)) / 2
