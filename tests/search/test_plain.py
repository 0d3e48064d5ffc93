"""Texts of ASCII and syllables alone take a short way: it leads where the long one does."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from common.filters.text import WHITE_SPACE, fold, is_plain
from search.plain import squeezed, usual_width, without_accents

_ASCII, _SYLLABLES = st.characters(max_codepoint=0x7F), st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3)


def _folded_by_the_tables(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).strip(WHITE_SPACE)


@given(st.text(_ASCII | _SYLLABLES))
def test_a_plain_text_is_folded_and_squeezed_as_the_tables_would(text: str) -> None:
    assert is_plain(text)
    assert fold(text) == _folded_by_the_tables(text)
    assert squeezed(text) == without_accents("".join(_folded_by_the_tables(usual_width(text)).split()))


@given(
    st.text(_ASCII | _SYLLABLES), st.sampled_from("éİıßＡﾔ゛ᄒㄱ가각\u0301\u1161\u11a8\u3000\xa0"), st.text(_ASCII | _SYLLABLES)
)
def test_one_other_character_and_the_tables_are_asked(before: str, other: str, after: str) -> None:
    text = before + other + after
    assert is_plain(text) is ("가" <= other <= "힣")
    assert fold(text) == _folded_by_the_tables(text)
