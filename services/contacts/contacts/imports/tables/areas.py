"""Areas of a sheet, asked for by rows that rise: those of uncalculated formulas and those of merged cells. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from contacts.imports.tables.package import too_large
from contacts.imports.tables.table import UnreadableFile

_MOST_AREAS = 1000
_MOST_WORK = 20_000_000
"""How many cells and areas may be looked at in all: as many as a column for each of twenty formulas."""


@dataclass(frozen=True, slots=True)
class Area:
    """Rows and columns, the last ones included; rows are counted from 1, columns from 0."""

    top: int
    bottom: int
    left: int
    right: int


class Areas:
    """Which columns are covered, row by row; `most` areas at once are taken, more raise `too_much`."""

    def __init__(self, *, most: int = _MOST_AREAS, too_much: Callable[[], UnreadableFile] = too_large) -> None:
        self._most = most
        self._too_much = too_much
        self._areas: list[Area] = []
        self._columns: Sequence[int] = ()
        self._same_until = 0
        self._work = 0

    def add(self, area: Area) -> None:
        """One more. Raises UnreadableFile for more than any person makes."""
        if len(self._areas) >= self._most:
            raise self._too_much()
        self._areas.append(area)
        self._same_until = 0

    def columns(self, row: int) -> Sequence[int]:
        """The columns of this row that some area covers, in rising order. Raises UnreadableFile for areas without measure."""
        if row >= self._same_until:
            self._look(row)
        self._count(len(self._columns))
        return self._columns

    def _look(self, row: int) -> None:
        """The columns from this row on, and the row from which on they are others."""
        self._count(len(self._areas))
        self._areas = [area for area in self._areas if area.bottom >= row]
        covering = [area for area in self._areas if area.top <= row]
        covered = 0
        for area in covering:
            covered |= ((1 << (area.right + 1)) - 1) >> area.left << area.left
        self._columns = list(_places(covered))
        self._count(len(self._columns))
        turns = [area.bottom + 1 for area in covering] + [area.top for area in self._areas if area.top > row]
        self._same_until = min(turns, default=1 << 62)

    def _count(self, work: int) -> None:
        self._work += work
        if self._work > _MOST_WORK:
            raise self._too_much()


def _places(bits: int) -> Iterator[int]:
    """Where a one stands, the lowest first."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest
