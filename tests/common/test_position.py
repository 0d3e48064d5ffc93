"""The word a write answers with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Unreadable
from common.position import Applied, Position, decode, last_by_partition

ENTRIES = st.lists(
    st.builds(
        Applied,
        st.sampled_from(["contact", "field"]),
        st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1, max_size=40),
        st.integers(0, 2**62),
    ),
    max_size=32,
)


@given(ENTRIES)
def test_a_position_reads_back_as_it_was_written(entries: list[Applied]) -> None:
    position = Position(tuple(entries))
    assert decode(position.encode()) == position


def test_only_the_last_write_of_each_partition_is_kept() -> None:
    a1, a2, b1 = Applied("contact", "a", 1), Applied("contact", "a", 2), Applied("contact", "b", 1)
    assert set(last_by_partition([(0, a1), (1, b1), (0, a2)]).entries) == {a2, b1}


@pytest.mark.parametrize("word", ["!", "a", "Y3g6YQ", "eDE6YQ", "\u00e9", "YzE6", "Yy0xOmE"])
def test_any_other_word_is_unreadable(word: str) -> None:
    with pytest.raises(Unreadable):
        decode(word)


def test_a_word_with_far_too_many_entries_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        decode(Position(tuple(Applied("contact", str(n), n) for n in range(65))).encode())
