"""What a search asks for, as far as it can be understood without asking anybody."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.errors import Unprocessable
from common.filters.parser import FieldDefinition
from common.filters.tree import BUILT_INS, FieldType
from search.document import Slots, field_name

NEWEST: list[dict[str, Any]] = [{"builtin.createdAt": {"order": "desc", "missing": "_last"}}]
BEST: list[dict[str, Any]] = [{"_score": "desc"}, {"seen": {"order": "desc", "missing": "_last"}}]
BY_ID: dict[str, Any] = {"id": "asc"}


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key to sort by."""

    key: str
    order: str


def sort_of(
    keys: list[SortKey] | None, fields: Mapping[str, FieldDefinition], slots: Slots, *, ranked: bool
) -> list[dict[str, Any]]:
    """The index's sort: as asked, else best match first, else newest first; ties by id. Raises Unprocessable.

    `fields` are the profile fields by bare key. Two texts that agree in their first 8,000 code points are a tie by hash.
    """
    if not keys:
        return [*(BEST if ranked else NEWEST), BY_ID]
    kinds = kinds_of(keys, fields, ranked=ranked)
    found: list[dict[str, Any]] = []
    for each, (kind, order) in zip(keys, kinds, strict=True):
        texts = kind in {FieldType.STRING, FieldType.EMAIL, FieldType.PHONE}
        name = field_name(canonical(each.key), slots) + (".term" if texts else "")
        found.append({name: {"order": order, "missing": "_last"}})
    return [*found, BY_ID]


def kinds_of(keys: list[SortKey] | None, fields: Mapping[str, FieldDefinition], *, ranked: bool) -> list[tuple[FieldType, str]]:
    """The type and the order, `asc` or `desc`, of each key of the sort. Raises Unprocessable."""
    if keys:
        _check_apart(keys)
        return [(_kind(canonical(each.key), fields, f"/sort/{n}/key"), each.order) for n, each in enumerate(keys)]
    if ranked:
        words = (
            "Without `sort`, what `query` finds is in the order of how well it fits: there is no value to go to. Add a `sort`."
        )
        raise Unprocessable(words, pointer="/seek")
    return [(FieldType.DATE, "desc")]


def _check_apart(keys: list[SortKey]) -> None:
    known: set[str] = set()
    for n, key in enumerate(canonical(each.key) for each in keys):
        if key in known:
            raise Unprocessable("A field stands twice in the order.", code="twice", pointer=f"/sort/{n}/key")
        known.add(key)


def canonical(key: str) -> str:
    """A key as it is known, however it is written."""
    bare = key.removeprefix("user.")
    return {"sessionCount": "sessionsCount"}.get(bare, bare)


def _kind(key: str, fields: Mapping[str, FieldDefinition], pointer: str) -> FieldType:
    definition = fields.get(key[8:]) if key.startswith("profile.") else None
    kind = BUILT_INS.get(key) if definition is None else definition.type
    if kind is None:
        raise Unprocessable(
            "There is no such field. `GET /v1/fields` lists those to sort by.", code="unknownField", pointer=pointer
        )
    if definition is not None and definition.archived:
        raise Unprocessable("This field is archived. Restore it, or sort by another.", code="archivedField", pointer=pointer)
    if kind is FieldType.LIST:
        raise Unprocessable("A List field cannot be sorted by. Choose another.", code="notSortable", pointer=pointer)
    return kind
