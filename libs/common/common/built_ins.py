"""The built-in fields by key, as they are declared at the members of the published contact. Everything else follows from here.

Whoever adds a field declares a member of `common.events.contacts.Contact` with its type and names: filters, sorting, the index,
exports, imports, answers, the size of a contact and the list of fields have it by that.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from common.events.contacts import Contact
from common.fields import BuiltIn, FieldType

_AT_FIRST: Mapping[FieldType, object] = {FieldType.BOOLEAN: False, FieldType.NUMBER: 0}


def declared(model: type[BaseModel]) -> dict[str, BuiltIn]:
    """What is declared at a model's members, by their names on the wire."""
    return {
        str(member.alias): built_in
        for member in model.model_fields.values()
        for built_in in member.metadata
        if isinstance(built_in, BuiltIn)
    }


BUILT_INS: Mapping[str, BuiltIn] = declared(Contact)
GIVEN = frozenset(key for key, built_in in BUILT_INS.items() if built_in.given)
"""Those that callers write."""
CONSENTS = tuple(key for key in BUILT_INS if f"{key}UpdatedAt" in BUILT_INS)
"""Those whose time of change is kept beside them."""

FROM_THE_START: Mapping[str, object] = {
    key: _AT_FIRST[built_in.type] for key, built_in in BUILT_INS.items() if built_in.type in _AT_FIRST
}
"""What a contact has from the start, so that one that leaves it out means the same: nothing is counted, nothing is agreed to."""


def value_at(contact: Mapping[str, Any], key: str) -> Any:
    """What a contact, as the API shows it, has under the key of a built-in: `web.os` is the `os` of its `web`."""
    holder, dot, member = key.partition(".")
    if not dot:
        return contact.get(key)
    within = contact.get(holder)
    return within.get(member) if isinstance(within, Mapping) else None
