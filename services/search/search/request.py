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
    found: list[dict[str, Any]] = []
    for n, each in enumerate(keys):
        key = {"sessionCount": "sessionsCount"}.get(each.key.removeprefix("user."), each.key.removeprefix("user."))
        kind = _kind(key, fields, f"/sort/{n}/key")
        texts = kind in {FieldType.STRING, FieldType.EMAIL, FieldType.PHONE}
        name = field_name(key, slots) + (".term" if texts else "")
        found.append({name: {"order": each.order, "missing": "_last"}})
    return [*found, BY_ID]


def _kind(key: str, fields: Mapping[str, FieldDefinition], pointer: str) -> FieldType:
    definition = fields.get(key[8:]) if key.startswith("profile.") else None
    kind = BUILT_INS.get(key) if definition is None else definition.type
    if kind is None:
        raise Unprocessable("There is no such field to sort by.", code="unknownField", pointer=pointer)
    if definition is not None and definition.archived:
        raise Unprocessable("This field is archived. Restore it, or sort by another.", code="archivedField", pointer=pointer)
    if kind is FieldType.LIST:
        raise Unprocessable("A list is no field to sort by.", code="notSortable", pointer=pointer)
    return kind
