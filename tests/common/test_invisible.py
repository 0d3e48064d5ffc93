"""Characters that nobody sees: which they are, and where one of them shapes what is seen."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.invisible import has_invisible, shows_nothing, visible, without_invisible

UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060\u2064\u2066\u2069\u2800"
    "\u3164\ufe0f\ufeff\uffa0"
)


@pytest.mark.parametrize("c", [*UNSEEN, "\U000e0020", "\U000e0100", "\U0001d173"])
def test_it_is_found_and_taken_out_wherever_it_stands(c: str) -> None:
    for text in (c, f"{c}a", f"a{c}", f"a{c}b", f"홍{c}길동"):
        assert has_invisible(text)
        assert without_invisible(text) == text.replace(c, "")
        assert visible(text) == text.replace(c, "")


@pytest.mark.parametrize("text", ["", " \u3000\n", "\u200b", "\u3164 \u2800", "\u202e\ufeff"])
def test_what_nobody_sees_shows_nothing(text: str) -> None:
    assert shows_nothing(text)
    assert not shows_nothing(f"{text}김{text}")


def test_whatever_only_formats_is_one_of_them() -> None:
    every = map(chr, range(sys.maxunicode + 1))
    assert [c for c in every if unicodedata.category(c) == "Cf" and not has_invisible(c)] == []


@pytest.mark.parametrize(
    "text",
    [
        "👩\u200d👩\u200d👧", "👩🏽\u200d💻", "❤\ufe0f", "🏳\ufe0f\u200d🌈", "1\ufe0f\u20e3", "نامه\u200cای", "ශ්\u200dරී",
        "क्\u200dष", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "‼\ufe0f", "↔\ufe0f",
    ],
)  # fmt: skip
def test_what_shapes_an_emoji_or_a_letter_stays_where_people_read_it(text: str) -> None:
    assert visible(text) == text
    assert visible(f"\ufeff{text}\u200b") == text
    assert not has_invisible(without_invisible(text))


@pytest.mark.parametrize(
    "text", ["VIP\ufe0f", "V\u200dIP", "VIP\u200d", "\u200d👩", "홍\u200c길", "\u200cن", "a\U000e0067", "가\ufe0e"]
)
def test_a_joiner_that_joins_nothing_is_taken_out(text: str) -> None:
    assert visible(text) == without_invisible(text)


_PARTS = st.text(st.one_of(st.sampled_from("👩❤🏴a1\u20e3نک" + UNSEEN + "\U000e0067\ufe0e\u0600\u17b4"), st.characters()))


@given(_PARTS)
def test_what_is_left_is_left_again(text: str) -> None:
    assert visible(visible(text)) == visible(text)
    assert without_invisible(visible(text)) == without_invisible(text)
    assert not has_invisible(without_invisible(text))


@given(st.text(st.characters(exclude_categories=["Cf", "Mn", "Lo", "So", "Cn"])))
def test_nothing_else_is_touched(text: str) -> None:
    assert visible(text) == text
