"""Bookmarks of a log, and which of them can be gone on from."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segments.changes.bookmark import LOWEST, Bookmark, Kept, after, kept_of, read, write

positions = st.integers(0, 2**36 - 1)
kepts = st.builds(Kept, positions, st.integers(0, 10**9))


@given(positions, kepts, st.booleans())
def test_a_bookmark_is_read_as_it_was_written_and_can_be_gone_on_from(position: int, kept: Kept, at_end: bool) -> None:
    bookmark = after(position, kept, at_end=at_end)
    assert read(write(bookmark)) == bookmark
    assert bookmark.goes_on(kept)
    assert abs(write(bookmark)) <= 2**53  # exact as a double
    if at_end:
        assert bookmark == Bookmark(max(position, kept.floor))


@given(positions, positions, kepts)
def test_what_is_read_later_has_the_greater_bookmark(one: int, other: int, kept: Kept) -> None:
    first, second = sorted((max(one, 1), max(other, 1)))
    assert write(after(first, kept)) <= write(after(second, kept))


@given(positions, kepts, st.integers(1, 30_000), positions)
def test_once_more_is_gone_a_place_before_that_is_refused_and_the_beginning_is_not(
    position: int, kept: Kept, times: int, more: int
) -> None:
    shorter = Kept(kept.floor + more, kept.snapshot + times)
    bookmark = after(position, kept)
    assert bookmark.goes_on(shorter) == (position == 0 or (bookmark.snapshot is None and position >= shorter.floor))


def test_a_plain_position_within_a_snapshot_may_be_of_somebody_who_stopped_there_long_ago() -> None:
    kept = Kept(floor=7, snapshot=3)
    assert not Bookmark(5).goes_on(kept)
    assert after(5, kept).goes_on(kept)
    assert Bookmark(7).goes_on(kept)
    assert Bookmark(0).goes_on(kept)
    assert not Bookmark(7, 3).goes_on(kept)  # no place within the snapshot


@given(st.uuids(), st.uuids(), positions, st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_place_in_another_segments_snapshot_is_refused(one: UUID, other: UUID, floor: int, snapshots: int, others: int) -> None:
    here, there = kept_of(one, floor + 1, snapshots), kept_of(other, floor + 1, others)
    place = after(floor, here)
    assert place.goes_on(here)
    assert place.goes_on(there) == (floor == 0 or here.snapshot % 2**15 == there.snapshot % 2**15)


def test_segments_count_their_snapshots_from_numbers_that_differ() -> None:
    assert len({kept_of(UUID(int=number), 1, 0).snapshot % 2**15 for number in range(100)}) > 95


@pytest.mark.parametrize("number", [-1, LOWEST - 1, -(2**51)])
def test_other_negative_numbers_are_no_bookmarks(number: int) -> None:
    with pytest.raises(ValueError, match="no bookmark"):
        read(number)
