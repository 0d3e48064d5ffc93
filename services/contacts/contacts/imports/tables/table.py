"""A table as a file brings it, whatever the format: numbered lines of cells, of which a head is read before all of it is."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeAlias

from common.errors import Unprocessable
from common.filters.text import WHITE_SPACE

MOST_COLUMNS, MOST_ROWS = 500, 1_000_000
_MOST_PLAIN = 40
_AS_THEY_ARE = (str, int, float)
HEAD_LINES = 10
"""Among how many first lines the headings are looked for."""


class Fault(StrEnum):
    """Why what stands in a cell is no value."""

    ERROR = "error"
    UNCALCULATED = "uncalculated"
    CUT = "cut"
    MERGED = "merged"


@dataclass(frozen=True, slots=True)
class Broken:
    """Stands for a cell that holds no value, or not the whole of one."""

    fault: Fault = Fault.ERROR


BROKEN = Broken()
"""An error instead of a value, such as a formula's #N/A."""
UNCALCULATED = Broken(Fault.UNCALCULATED)
"""A formula whose value no program has written yet."""
CUT = Broken(Fault.CUT)
"""The beginning of a text that was longer than a cell, without the rest."""
MERGED = Broken(Fault.MERGED)
"""Covered by another cell, which it was merged with."""


@dataclass(frozen=True, slots=True)
class Formatted:
    """A number of a workbook that its cell shows otherwise than by its plain digits, or a day with a time of its own writing.

    `text` is what a person sees. `value` is None where that alone is meant, such as a time of day.
    """

    value: int | float | datetime | None
    text: str
    code: bool = False
    """Whether it is written as a code is: with zeros in front, or in groups with dashes."""
    grouped: bool = False
    """Whether the text is the number with commas between its thousands, and nothing else."""
    cut: bool = False
    """Whether the program that wrote it keeps fewer digits than the number has."""


Cell: TypeAlias = str | int | float | bool | datetime | Formatted | Broken | None
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

    def __init__(self, detail: str, *, code: str | None = None, extra: Mapping[str, object] | None = None) -> None:
        super().__init__(detail, code=code, pointer="/file", extra=extra)


def too_many_rows() -> UnreadableFile:
    """The file has more rows than one import takes."""
    detail = f"An import takes {MOST_ROWS:,} rows at most. Send the file in parts."
    return UnreadableFile(detail, code="tooManyRows", extra={"most": MOST_ROWS})


def too_many_columns() -> UnreadableFile:
    """The file has more columns than a table may have."""
    detail = f"A table may have {MOST_COLUMNS} columns at most. Delete those that are not needed."
    return UnreadableFile(detail, code="tooManyColumns", extra={"most": MOST_COLUMNS})


_COLUMN = re.compile(r"[A-Za-z]{1,3}", re.ASCII)
_FORMULA = re.compile(r'="((?:[^"]|"")*)"')


def unguarded(text: str) -> str:
    """A text without the formula that guards its zeros: `="02134"` is 02134, as spreadsheet programs show it."""
    guarded = _FORMULA.fullmatch(text) if text.startswith("=") else None
    return text if guarded is None else guarded[1].replace('""', '"')


def stripped(text: str) -> str | None:
    """A text without white space at its ends; None for a blank one."""
    return text.strip(WHITE_SPACE) or None


def column_number(letters: str) -> int | None:
    """The number, counted from 0, of a column that is called so: A is 0, AA is 26; None for what is no name of one."""
    if not _COLUMN.fullmatch(letters):
        return None
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1


def as_text(cell: Cell) -> str:
    """The cell as a person reads it."""
    match cell:
        case bool():
            return "true" if cell else "false"
        case datetime() if cell.time() == time():
            return f"{cell:%Y-%m-%d}"
        case datetime():
            return f"{cell:%Y-%m-%d %H:%M:%S}"
        case float():
            return plainly(cell)
        case Formatted():
            return cell.text
        case _:
            return str(cell)


def plainly(number: int | float) -> str:
    """A number's digits, of which a spreadsheet program keeps fifteen: 0.1 + 0.2 is 0.3; no exponent where that is short."""
    if isinstance(number, int):
        return str(number)
    digits = f"{Decimal(f'{number:.15g}'):f}"
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return digits if len(digits) <= _MOST_PLAIN else f"{number:.15g}"


def to_json(cell: Cell) -> Any:
    """The cell as a JSON value that `from_json` reads back."""
    if cell is None or isinstance(cell, _AS_THEY_ARE):  # by far the most
        return cell
    match cell:
        case Broken():
            return {"broken": cell.fault.value}
        case datetime():
            return {"at": cell.isoformat()}
        case Formatted():
            return {"text": cell.text, "value": to_json(cell.value), "is": [cell.code, cell.grouped, cell.cut]}
        case _:
            return cell


def from_json(value: Any) -> Cell:
    """What `to_json` wrote."""
    if isinstance(value, dict):
        if "text" in value:
            return Formatted(from_json(value["value"]), value["text"], *value["is"])  # type: ignore[arg-type]  # as it was written
        return datetime.fromisoformat(value["at"]) if "at" in value else Broken(_fault(value))
    cell: Cell = value
    return cell


def _fault(value: Mapping[str, Any]) -> Fault:
    """Rows that were written down by an earlier version say `true`, and whether a text was cut."""
    if value["broken"] is True:
        return Fault.CUT if value.get("cut") else Fault.ERROR
    return Fault(value["broken"])
