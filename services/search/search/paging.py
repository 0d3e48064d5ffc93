"""Where in a sorted list a page begins: after a row or before it, or at values that somebody names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

from common.clock import from_wire, to_millis
from common.errors import Unprocessable
from common.filters.text import fold
from common.filters.tree import FieldType
from search.document import term

Order: TypeAlias = list[dict[str, Any]]
"""The index's sort, the id as the last key."""

# The index's own values of a date and of a boolean that is not there, where such come last in rising order.
_LAST_DATE, _LAST_BOOLEAN = 2**63 - 1, 2**31 - 1
_TEXTS = frozenset({FieldType.STRING, FieldType.EMAIL, FieldType.PHONE})


@dataclass(frozen=True, slots=True)
class Seek:
    """The first row at or after these sort values; with an id at this very row, or where it would be."""

    values: tuple[object, ...]
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """The rows after these sort values (an id as the last), or the rows before them; `after` None is from the beginning."""

    after: list[Any] | None = None
    backwards: bool = False


def backwards(order: Order) -> Order:
    """The same rows in the opposite order."""
    return [{name: _opposite(how) for name, how in key.items()} for key in order]


def _opposite(how: str | Mapping[str, str]) -> str | dict[str, str]:
    if isinstance(how, str):
        return "asc" if how == "desc" else "desc"
    return {
        "order": "asc" if how["order"] == "desc" else "desc",
        "missing": "_first" if how["missing"] == "_last" else "_last",
    }


def place_of(seek: Seek, kinds: Sequence[tuple[FieldType, str]]) -> Place:
    """Where a list begins that is sorted by keys of these types and orders, `asc` or `desc`. Raises Unprocessable."""
    if len(seek.values) != len(kinds):
        words = f"Give one value for each key of the sort, {len(kinds)} in all; null is for a row without the value."
        raise Unprocessable(words, pointer="/seek/values", extra={"count": len(kinds)})
    read = [
        _read(value, kind, order, f"/seek/values/{n}")
        for n, (value, (kind, order)) in enumerate(zip(seek.values, kinds, strict=True))
    ]
    return Place([*read, "" if seek.id is None else _before(str(seek.id))])


def _before(name: str) -> str:
    """A text that comes right before an id: before it, and after all ids that do."""
    return f"{name[:-1]}{chr(ord(name[-1]) - 1)}~"


def _read(value: object, kind: FieldType, order: str, pointer: str) -> object:
    """A sort value as the index has it. Raises Unprocessable."""
    wrong = Unprocessable(
        f"The list is sorted by a field of the type {kind.value}. Give a value of that type, or null for rows without one.",
        code="wrongType",
        pointer=pointer,
        extra={"fieldType": kind.value},
    )
    if value is None:
        return _absent(kind, order)
    match kind:
        case FieldType.DATE if isinstance(value, str):
            try:
                return to_millis(from_wire(value))
            except ValueError:
                raise wrong from None
        case FieldType.NUMBER if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                return float(value) + 0.0
            except OverflowError:
                raise wrong from None
        case FieldType.BOOLEAN if isinstance(value, bool):
            return int(value)
        case _ if kind in _TEXTS and isinstance(value, str):
            return term(value) if kind is FieldType.PHONE else term(fold(value))
        case _:
            raise wrong


def _absent(kind: FieldType, order: str) -> object:
    match kind:
        case FieldType.NUMBER:
            return "Infinity" if order == "asc" else "-Infinity"
        case FieldType.DATE:
            return _LAST_DATE if order == "asc" else -_LAST_DATE - 1
        case FieldType.BOOLEAN:
            return _LAST_BOOLEAN if order == "asc" else -_LAST_BOOLEAN - 1
        case _:
            return None
