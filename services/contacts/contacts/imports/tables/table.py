"""A table as a file brings it, whatever the format: numbered lines of cells, of which a head is read before all of it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from common.errors import Unprocessable
from common.filters.text import WHITE_SPACE

MOST_COLUMNS, MOST_ROWS = 500, 1_000_000
HEAD_LINES = 10
"""Among how many first lines the headings are looked for."""


class Broken:
    """Stands for a cell that holds an error instead of a value, such as a formula's #N/A."""


BROKEN = Broken()

Cell: TypeAlias = str | int | float | bool | datetime | Broken | None
"""A cell's value. A datetime is one without an offset, by the clock of whoever wrote the file."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line; `number` is the one that a spreadsheet program shows, from 1."""

    number: int
    cells: Sequence[Cell]

    @property
    def blank(self) -> bool:
        """Whether nothing stands in it."""
        return all(cell is None for cell in self.cells)


class UnreadableFile(Unprocessable):
    """The file cannot be read as a table; the words say what to do about it."""

    code = "unreadableFile"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail, code=code, pointer="/file")


def too_many_rows() -> UnreadableFile:
    """The file has more rows than one import takes."""
    return UnreadableFile(f"An import takes {MOST_ROWS:,} rows at most. Send the file in parts.", code="tooManyRows")


def too_many_columns() -> UnreadableFile:
    """The file has more columns than a table may have."""
    return UnreadableFile(
        f"A table may have {MOST_COLUMNS} columns at most. Delete those that are not needed.", code="tooManyColumns"
    )


def stripped(text: str) -> str | None:
    """A text without white space at its ends; None for a blank one."""
    return text.strip(WHITE_SPACE) or None


def to_json(cell: Cell) -> Any:
    """The cell as a JSON value that `from_json` reads back."""
    match cell:
        case Broken():
            return {"broken": True}
        case datetime():
            return {"at": cell.isoformat()}
        case _:
            return cell


def from_json(value: Any) -> Cell:
    """What `to_json` wrote."""
    if isinstance(value, dict):
        return datetime.fromisoformat(value["at"]) if "at" in value else BROKEN
    cell: Cell = value
    return cell
