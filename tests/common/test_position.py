"""The word a write answers with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Unreadable
from common.position import Applied, Position, decode, last_by_partition

KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\n\0"), min_size=1, max_size=40)
VERSIONS = st.integers(0, 2**63 - 1)
ENTRIES = st.lists(
    st.builds(Applied, st.just("contact"), st.uuids().map(str), VERSIONS) | st.builds(Applied, st.just("field"), KEYS, VERSIONS),
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
        decode(Position(tuple(Applied("field", str(n), n) for n in range(65))).encode())


@pytest.mark.parametrize(
    "entry",
    [
        Applied("contact", "not-an-id", 1),
        Applied("contact", "019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c11", 2**63),
        Applied("field", "profile.a\0", 1),
    ],
)
def test_a_word_that_names_what_cannot_be_is_unreadable_and_never_reaches_a_store(entry: Applied) -> None:
    with pytest.raises(Unreadable):
        decode(Position((entry,)).encode())
