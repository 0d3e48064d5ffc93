"""The areas of formulas that were never calculated: what they cover, row by row, at a cost that has a bound."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.imports.tables.areas import Area, Areas
from contacts.imports.tables.sheet import MOST_ROW
from contacts.imports.tables.table import MOST_COLUMNS, UnreadableFile

EDGES = st.integers(0, 12)
AREAS = st.lists(st.tuples(EDGES, st.builds(Area, EDGES, EDGES, EDGES, EDGES)), max_size=8)


@given(AREAS)
def test_a_row_has_the_columns_that_some_area_covers_which_was_told_before(told: list[tuple[int, Area]]) -> None:
    areas = Areas()
    for row in range(13):
        for at, area in told:
            if at == row:
                areas.add(area)
        known = [area for at, area in told if at <= row]
        covered = {c for a in known if a.top <= row <= a.bottom for c in range(a.left, a.right + 1)}
        assert list(areas.columns(row)) == sorted(covered)


def test_a_thousand_formulas_over_whole_columns_are_looked_at_once_and_refused_where_they_have_no_end() -> None:
    areas, begun = Areas(), time.process_time()
    for number in range(1000):
        areas.add(Area(1, MOST_ROW, number % 7, MOST_COLUMNS - 1))
    assert len(areas.columns(2)) == MOST_COLUMNS
    with pytest.raises(UnreadableFile) as refused:
        for row in range(3, MOST_ROW):
            areas.columns(row)
    assert refused.value.code == "workbookTooLarge"
    assert time.process_time() - begun < 5


def test_areas_that_come_with_every_row_are_bounded_beside_those_that_stand() -> None:
    areas, begun = Areas(), time.process_time()
    for _ in range(999):
        areas.add(Area(1, MOST_ROW, MOST_COLUMNS - 1, MOST_COLUMNS - 1))
    with pytest.raises(UnreadableFile) as refused:
        for row in range(1, MOST_ROW):
            areas.add(Area(row, row, 3, 4))
            assert areas.columns(row) == [3, 4, MOST_COLUMNS - 1]
    assert refused.value.code == "workbookTooLarge"
    assert time.process_time() - begun < 5


def test_a_formula_of_its_own_in_each_row_is_no_work() -> None:
    areas = Areas()
    for row in range(1, MOST_ROW // 4):
        areas.add(Area(row, row, 3, 4))
        assert areas.columns(row) == [3, 4]


def test_a_million_rows_of_a_few_formulas_are_no_work() -> None:
    areas = Areas()
    areas.add(Area(2, MOST_ROW, 1, 3))
    assert all(areas.columns(row) == [1, 2, 3] for row in range(2, 1_000_000))
