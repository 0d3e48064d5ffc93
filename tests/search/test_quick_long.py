"""The quick search's long terms: looked through to the end, read as they are typed, and asked for in few clauses."""

from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.index import Index
from search.quick import quick
from tests.search.support import contact, put, quickly
from tests.support.quick_oracle import finds


@pytest.fixture
def channel() -> str:
    return f"long-{uuid4().hex[:12]}"


async def test_a_long_text_is_looked_through_to_its_end(index: Index, channel: str) -> None:
    await put(index, channel, [contact(channel, 1, name="x" * 299 + "홍길동"), contact(channel, 2, name="홍길동" * 60)])
    assert len(await quickly(index, channel, "홍ㄱ")) == 2
    assert len(await quickly(index, channel, "홍길동" * 60)) == len(await quickly(index, channel, "ghdrlfehd" * 60)) == 1


async def test_in_a_long_term_initials_are_read_as_they_are_typed(index: Index, channel: str) -> None:
    sixty = "길" * 60
    name = f"가홍{sixty}이길수동"
    await put(index, channel, [contact(channel, 1, name=name)])
    for typed, count in {
        f"ㅎ{sixty}읷ㄷ": 1,  # of 63 characters
        f"ㄱㅎ{sixty}읷ㄷ": 1,  # 64
        f"ㄱㅎ {sixty} 읷 ㄷ": 1,  # and blanks
        f"ㄱㅎ{sixty}익ㅅㄷ": 0,  # 65
        f"ㄱㅎ{sixty}이ㄱㅅㄷ": 1,
        f"ㄱㅎ{sixty}이ㄱㅅ도": 1,
        f"ㄱㅎ{sixty}이ㄱㅅ기": 0,
        f"{sixty}이길 읷ㄷ": 1,  # a word of a term of 64
        f"{sixty}이길수 읷ㄷ": 0,
        f"{sixty}이길수 이ㄱㅅㄷ": 1,
    }.items():
        assert len(await quickly(index, channel, typed)) == count == finds(typed, [name]), typed


# Many readings, many endings, many runs, many words: what each of these costs most.
_WORST = [
    "읷ㄱ" * 3 + "길" * 993 + "고",
    "넵ㅎㅎ알겠습니당ㅎㅎ확인했습니당ㅎㅎ" * 50,
    "ㄱ고 " * 333,
    "길ㄱ고 " * 250,
    "ㄱ고" * 500,
    "읷ㄱ" * 32,
    "읷ㄱ읷ㄱ읷ㄱ" + "길ㄱ" * 28 + "고",
    "읷ㄱ읷ㄱ읷ㄱ읷 " * 9,
    "읷ㄱ읷ㄱ읷ㄱ고 " * 9,
]
_ALIKE = ["홍길동", "이길수", "고상민", "김 철수", "ㅋ곽", "네이버123"]
_FEW = 20_000  # of the 100,000 clauses that the index takes, most are left to the filter


def _clauses(query: object) -> int:
    """As the index counts them: a phrase is one, of runs among others each character is one."""
    match query:
        case {"query": str(run), "ordered": True}:
            return len(run)
        case {"term": _} | {"match_phrase": _} | {"regexp": _}:
            return 1
        case dict():
            return sum(map(_clauses, query.values()))
        case list():
            return sum(map(_clauses, query))
        case _:
            return 0


@pytest.mark.parametrize("typed", _WORST)
async def test_the_longest_terms_are_asked_for_in_few_clauses(index: Index, channel: str, typed: str) -> None:
    assert len(typed) <= 1000
    assert _clauses(quick(typed, "KR")) < _FEW
    await put(index, channel, [contact(channel, name, name=name) for name in _ALIKE])
    assert await quickly(index, channel, typed) == []


@settings(max_examples=40, deadline=None)
@given(st.text("읷ㄱ고길a1Q삵 ", min_size=2, max_size=12).filter(str.strip), st.sampled_from([30, 60, 63, 70, 1000]))
def test_no_term_is_asked_for_in_many_clauses(part: str, length: int) -> None:
    assert _clauses(quick((part * 500)[:length], "KR")) < _FEW
