"""A list in a cell: what is written is read back, and what people write is read as they meant it."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.filters.text import WHITE_SPACE, is_blank
from common.term_lists import read_list, write_list

NASTY = st.text(st.sampled_from('",，;\n\t \u3000\xa0a가😀') | st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(st.lists(NASTY.filter(lambda text: not is_blank(text)), max_size=8))
@example(["서울, 강남", "VIP"])
@example(['"', '""', 'a"', '"a', '"a"', '","'])
@example([" a ", "\u3000a", "a\nb", "a;b", "a，b"])
def test_a_written_list_reads_back_the_same(elements: list[str]) -> None:
    assert read_list(write_list(elements)) == elements


@pytest.mark.parametrize(
    ("elements", "text"),
    [
        ([], ""),
        (["VIP"], "VIP"),
        (["VIP/gold", "a b"], "VIP/gold, a b"),
        (["서울, 강남", "VIP"], '"서울, 강남", VIP'),
        (['5" nail', "x"], '"5"" nail", x'),
        (["a;b", "a\nb", "a，b"], '"a;b", "a\nb", "a，b"'),
        ([" a", "b\t"], '" a", "b\t"'),
        (["=1+1", "it's"], "=1+1, it's"),
    ],
)
def test_only_what_would_not_read_back_is_quoted(elements: list[str], text: str) -> None:
    assert write_list(elements) == text


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("", []),
        (" ,;，\n ", []),
        ("a,b;c，d\ne", ["a", "b", "c", "d", "e"]),
        ("  a b ,\u3000c\t", ["a b", "c"]),
        ('"a, b" , c', ["a, b", "c"]),
        ('  "a, b"  ', ["a, b"]),
        ('" a ",b', [" a ", "b"]),
        ('"a ""b"" c"', ['a "b" c']),
        ('"", "  ", a', ["a"]),
        # A quote that opens nothing, or that nothing ends, is a character.
        ('5" nail, 6" nail', ['5" nail', '6" nail']),
        ('"a, b', ['"a', "b"]),
        ('"a"b, c', ['"a"b', "c"]),
        ('a "b, c" d', ['a "b', 'c" d']),
        ('"', ['"']),
        ('"a"\n"b;c"', ["a", "b;c"]),
        ("“a, b”", ["“a", "b”"]),
    ],
)
def test_what_people_write_is_read_as_split_terms_are(text: str, elements: list[str]) -> None:
    assert read_list(text) == elements


@given(st.text(st.sampled_from('",， \na'), max_size=40))
def test_a_text_without_a_list_in_it_loses_nothing_but_separators_quotes_and_white_space(text: str) -> None:
    kept = "".join(read_list(text)).replace('"', "")
    assert [c for c in kept if c not in WHITE_SPACE + ",，"] == [c for c in text if c == "a"]


def test_a_long_text_of_quotes_is_read_in_time_that_grows_with_it_alone() -> None:
    for piece in ('"', '"a', '""', ',"', ',"""x', '" ', "  ", '",x'):
        assert len(read_list(piece * 50_000)) <= 50_000
