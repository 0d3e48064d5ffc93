"""Merged cells of a sheet: which cells of a row are covered by one that stands above or left of them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import IO

from contacts.imports.tables.formulas import Area
from contacts.imports.tables.package import Over, Package, scan
from contacts.imports.tables.table import MOST_COLUMNS, Cell, UnreadableFile, column_number

MOST_MERGES = 200_000
_MOST_WORK = 20_000_000
"""How many covered cells and open areas may be looked at in all."""
_REFERENCE = re.compile(r"\$?([A-Za-z]{1,3})\$?(\d{1,7}):\$?([A-Za-z]{1,3})\$?(\d{1,7})", re.ASCII)
# A sheet says behind its rows what is merged. An element's name is spelled in the part's own encoding and can be in no other.
_NEEDLES = tuple("mergeCell".encode(codec) for codec in ("utf-8", "utf-16-le", "utf-16-be"))
_PIECE = 1024 * 1024


class Merges:
    """The merged cells, asked for by rows that rise."""

    def __init__(self, areas: Iterable[Area] = ()) -> None:
        self._coming = sorted(areas, key=lambda area: area.top, reverse=True)
        self._open: list[Area] = []
        self._work = 0

    def covered(self, row: int, cells: Sequence[Cell]) -> list[int]:
        """The columns of this row that a merged cell with a value covers, but for its first. Raises UnreadableFile."""
        if not self._open and not self._coming:
            return []
        self._open = [area for area in self._open if area.bottom >= row]
        while self._coming and self._coming[-1].top <= row:
            area = self._coming.pop()
            # The first cell of one that began in a row without cells is blank: it stands for nothing.
            if area.top == row and area.left < len(cells) and cells[area.left] is not None:
                self._open.append(area)
        found: set[int] = set()
        for area in self._open:
            self._work += 1 + area.right - area.left
            if self._work > _MOST_WORK:
                raise _too_many()
            found.update(range(area.left + (area.top == row), area.right + 1))
        return sorted(found)


def read_merges(package: Package, name: str) -> Merges:
    """What the sheet of this name merges. Raises UnreadableFile, ExpatError."""
    part = package.open(name)
    if part is None:
        return Merges()
    with part:
        some = _has_any(part)
    again = package.open(name) if some else None
    if again is None:
        return Merges()
    areas: list[Area] = []

    def start(element: str, attributes: dict[str, str]) -> None:
        if element == "mergeCell":
            areas.extend(_areas(attributes.get("ref", "")))
            if len(areas) > MOST_MERGES:
                raise _too_many()

    def end(element: str) -> None:
        if element == "mergeCells":
            raise Over

    with again:
        for _ in scan(again, start, end):
            pass
    return Merges(areas)


def _has_any(part: IO[bytes]) -> bool:
    """Whether a name of merged cells stands in it: few sheets have any, and their parts need not be parsed twice."""
    kept = b""
    while piece := part.read(_PIECE):
        kept += piece
        if any(needle in kept for needle in _NEEDLES):
            return True
        kept = kept[-len(_NEEDLES[1]) :]
    return False


def _areas(reference: str) -> Iterator[Area]:
    match = _REFERENCE.fullmatch(reference)
    if match is not None:
        left, right = sorted((column_number(match[1]) or 0, column_number(match[3]) or 0))
        top, bottom = sorted((int(match[2]), int(match[4])))
        if left < MOST_COLUMNS:
            yield Area(top, bottom, left, min(right, MOST_COLUMNS - 1))


def _too_many() -> UnreadableFile:
    return UnreadableFile(
        f"The sheet has more merged cells than can be looked at ({MOST_MERGES:,}). Unmerge them, fill each, and send it again.",
        code="tooManyMergedCells",
        extra={"most": MOST_MERGES},
    )
