"""The built-in fields by key, as they are declared at the members of the published contact; the rest follows from here.

Whoever adds a field declares a member of `common.events.contacts.Contact` (or its `DeviceFacts`) with its type and its names:
filters, sorting, the index, exports, imports, answers, the size of a contact and the list of fields have it by that.
"""

from collections.abc import Mapping
from typing import Any, TypeVar, get_args

from msgspec.structs import fields

from common.events.contacts import Contact, DeviceFacts
from common.events.wire import Body
from common.fields import MOBILE, WEB, BuiltIn, Fact, FieldType

_AT_FIRST: Mapping[FieldType, object] = {FieldType.BOOLEAN: False, FieldType.NUMBER: 0}


D = TypeVar("D", BuiltIn, Fact)


def _declared(body: type[Body], kind: type[D]) -> dict[str, D]:
    noted = {field.encode_name: get_args(field.type)[1:] for field in fields(body)}
    return {name: each for name, notes in noted.items() for each in notes if isinstance(each, kind)}


def declared(body: type[Body]) -> dict[str, BuiltIn]:
    """What is declared at a body's members, by their names on the wire."""
    return _declared(body, BuiltIn)


FACTS: Mapping[str, Fact] = _declared(DeviceFacts, Fact)
"""What is known of a device, by its name on the wire."""
_KINDS = {WEB: ("웹", "Web"), MOBILE: ("모바일", "Mobile")}
OF_DEVICES: Mapping[str, BuiltIn] = {
    f"{kind}.{name}": BuiltIn(fact.type, f"{ko} {fact.ko}", f"{en} {fact.en}", given=False, listed=False)
    for kind, (ko, en) in _KINDS.items()
    for name, fact in FACTS.items()
    if kind in fact.kinds
}
BUILT_INS: Mapping[str, BuiltIn] = {**declared(Contact), **OF_DEVICES}
GIVEN = frozenset(key for key, built_in in BUILT_INS.items() if built_in.given)
"""Those that callers write."""
CONSENTS = tuple(key for key in BUILT_INS if f"{key}UpdatedAt" in BUILT_INS)
"""Those whose time of change is kept beside them."""

FROM_THE_START: Mapping[str, object] = {
    key: _AT_FIRST[built_in.type] for key, built_in in BUILT_INS.items() if built_in.type in _AT_FIRST
}
"""What a contact has from the start, so that one that leaves it out means the same: nothing is counted, nothing is agreed to."""


def value_at(contact: Mapping[str, Any], key: str) -> Any:
    """What a contact, as the API shows it, has under the key of a built-in: `web.os` is the `os` of its `web`.

    Older events tell no `lastSeenAt` of a device: it is the `seenAt` of the visit that its facts are from, as in `DeviceFacts`.
    """
    holder, dot, member = key.partition(".")
    if not dot:
        return contact.get(key)
    within = contact.get(holder)
    if not isinstance(within, Mapping):
        return None
    value = within.get(member)
    return within.get("seenAt") if value is None and member == "lastSeenAt" else value
