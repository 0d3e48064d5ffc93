"""What a search asks for, as far as it can be understood without asking anybody."""

from dataclasses import dataclass
from typing import Any

from common.errors import Unprocessable
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


def sort_of(keys: list[SortKey] | None, slots: Slots, *, ranked: bool) -> list[dict[str, Any]]:
    """The index's sort: as asked, else best match first, else newest first; ties by id. Raises Unprocessable."""
    if not keys:
        return [*(BEST if ranked else NEWEST), BY_ID]
    found: list[dict[str, Any]] = []
    for n, each in enumerate(keys):
        key = {"sessionCount": "sessionsCount"}.get(each.key.removeprefix("user."), each.key.removeprefix("user."))
        if key in BUILT_INS:
            kind = BUILT_INS[key]
        elif key.startswith("profile.") and key[8:] in slots:
            kind = slots[key[8:]][0]
        else:
            raise Unprocessable("There is no such field to sort by.", code="unknownField", pointer=f"/sort/{n}/key")
        if kind is FieldType.LIST:
            raise Unprocessable("A list is no field to sort by.", code="notSortable", pointer=f"/sort/{n}/key")
        texts = kind in {FieldType.STRING, FieldType.EMAIL, FieldType.PHONE}
        name = field_name(key, slots) + (".term" if texts else "")
        found.append({name: {"order": each.order, "missing": "_last"}})
    return [*found, BY_ID]
