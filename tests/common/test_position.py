"""The word a write answers with."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Unreadable
from common.partition import partition_of
from common.position import EVERYTHING, MOST_ENTRIES, NOWHERE, Applied, Position, decode, kept, last_by_partition

KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\n\0"), min_size=1, max_size=40)
VERSIONS = st.integers(0, 2**63 - 1)
ENTRIES = st.lists(
    st.builds(Applied, st.just("contact"), st.uuids().map(str), VERSIONS) | st.builds(Applied, st.just("field"), KEYS, VERSIONS),
    max_size=32,
)
ONE = Position((Applied("field", "name", 7),))


def _in_partition(partition: int, count: int) -> list[Applied]:
    """So many contacts' first versions that all go to this partition."""
    ids = (str(UUID(int=n)) for n in range(10_000))
    return [Applied("contact", name, 1) for name in ids if partition_of(f"c/{name}") == partition][:count]


@given(ENTRIES)
def test_a_position_reads_back_as_it_was_written(entries: list[Applied]) -> None:
    position = Position(tuple(entries)) + NOWHERE
    assert decode(position.encode("c"), "c") == position


def test_only_the_last_write_of_each_partition_is_kept() -> None:
    here, there, elsewhere = _in_partition(0, 2), _in_partition(1, 1), Applied("field", "name", 1)
    written = [here[0], there[0], elsewhere, here[1]]
    assert set(last_by_partition("c", written).entries) == {here[1], there[0], elsewhere}


@pytest.mark.parametrize("word", ["!", "a", "Y3g6YQ", "eDE6YQ", "\u00e9", "YzE6", "Yy0xOmE"])
def test_any_other_word_is_unreadable(word: str) -> None:
    with pytest.raises(Unreadable):
        decode(word, "c")
    with pytest.raises(Unreadable):
        decode(f"{ONE.encode('c')}, {word}", "c")


def test_a_word_of_another_channel_or_one_that_was_cut_off_is_unreadable() -> None:
    word = ONE.encode("c")
    assert decode(word, "c") == ONE
    for other, channel in ((word, "d"), (word[:-1], "c"), (word[1:], "c"), (word + "A", "c"), (word + word, "c")):
        with pytest.raises(Unreadable):
            decode(other, channel)
    assert kept(word, "d") == kept(word[1:], "c") == EVERYTHING
    assert kept(None, "c") == NOWHERE


def test_several_words_stand_for_all_of_them_and_of_one_thing_for_its_highest_version() -> None:
    a1, a2, b = (Applied("field", name, version) for name, version in (("a", 1), ("a", 2), ("b", 1)))
    words = ", ".join(Position((each,)).encode("c") for each in (a2, b, a1))
    assert set(decode(words, "c").entries) == {a2, b}
    assert decode("", "c") == decode(" , ", "c") == decode(NOWHERE.encode("c"), "c") == NOWHERE
    assert NOWHERE.encode("c")


def test_what_is_written_stands_for_what_was_carried_in_its_partition_and_for_nothing_else() -> None:
    (before, now), (there, *_), field = _in_partition(0, 2), _in_partition(1, 1), Applied("field", "name", 1)
    carried = Position((before, there, field))
    assert set(Position((now,)).wrote().after(carried, "c").entries) == {now, there, field}
    met = Position((now,)).after(carried, "c")
    assert set(met.entries) == {now, before, there, field}


def test_what_several_transactions_wrote_stands_for_what_was_carried_in_the_partitions_of_all_of_them() -> None:
    (a1, a2, a3), (b1, b2, *_), (there, *_) = _in_partition(0, 3), _in_partition(1, 2), _in_partition(2, 1)
    first, second = Position((a2, b2)).wrote(), Position((a3,)).wrote()
    both = second.after(first.after(NOWHERE, "c"), "c")
    assert set(both.entries) == {a3, b2}
    assert set(both.after(Position((a1, b1, there)), "c").entries) == {a3, b2, there}


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 10), st.booleans()), max_size=200))
def test_a_chain_of_writes_has_a_short_word_that_stands_for_each_of_them(writes: list[tuple[int, int, bool]]) -> None:
    last, sent = NOWHERE, list[tuple[tuple[str, int], Applied]]()
    for name, version, of_a_contact in writes:
        entry = (
            Applied("contact", str(UUID(int=name)), version) if of_a_contact else Applied("field", f"profile.f{name}", version)
        )
        last = Position((entry,)).wrote().after(decode(last.encode("c"), "c"), "c")
        sent.append(((entry.kind, partition_of(f"c/{entry.id}")), entry))
    assert len(last.entries) <= 32
    # Whoever has read each partition up to the entries of the word has read every write.
    places = {(entry.kind, partition_of(f"c/{entry.id}")): entry for entry in last.entries}
    for place, entry in sent:
        read = [each for where, each in sent if where == place]
        following = read[read.index(entry) :]
        assert any((each.kind, each.id) == (places[place].kind, places[place].id) for each in following)


@given(st.integers(MOST_ENTRIES - 2, MOST_ENTRIES + 40))
def test_a_word_that_would_be_too_long_stands_for_everything_and_never_for_less(count: int) -> None:
    position = Position(tuple(Applied("field", f"f{n}", n) for n in range(count)))
    again = decode(position.encode("c"), "c")
    assert again == (position if count <= MOST_ENTRIES else EVERYTHING)
    assert len(position.encode("c")) < 4096
    following = Position((Applied("field", "a", 1),)).wrote().after(again, "c")
    assert decode(following.encode("c"), "c").everything == (count > MOST_ENTRIES)


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
        decode(Position((entry,)).encode("c"), "c")
