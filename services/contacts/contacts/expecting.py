"""What the sender of a change saw: the values it expects to be there still, whatever else came meanwhile. Pure.

A version says that anything changed, a visit too. `expected` compares the named values alone, as a write of them would be: a
phone number written another way is the same, and so are tags in another order or writing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from common.built_ins import GIVEN
from common.errors import Unprocessable
from common.events.contacts import Contact, FieldDefinition
from common.pointer import escape
from contacts.built_in_value import may_be_from_before, nothing_of, read_built_in
from contacts.profile_field import check_key, fit, is_nothing, same
from contacts.tags import are_same

MEMBER = "expected"


@dataclass(frozen=True, slots=True)
class Expected:
    """One value that the sender saw, as it is kept; None for none. `key` is written as the API writes it."""

    key: str
    value: JsonValue
    pointer: str
    written: str | None = None
    """How the sender wrote it: what was kept before it was read as today stands there as it was seen."""

    def holds(self, now: JsonValue) -> bool:
        """Whether this is there."""
        if self.key == "tags" and isinstance(self.value, list) and isinstance(now, list):
            return are_same(map(str, self.value), map(str, now))
        return same(self.value, now) or (self.written is not None and self.written == now)


def read_expected(body: object, country: str, fields: Mapping[str, FieldDefinition]) -> Sequence[Expected]:
    """What a body expects; `fields` are the definitions by bare key. Raises Unprocessable with the place."""
    raw = body.get(MEMBER, {}) if isinstance(body, Mapping) else {}
    if not isinstance(raw, Mapping):
        raise Unprocessable("This must be an object of keys and values.", code="wrongType", pointer=f"/{MEMBER}")
    return [_read(key, value, country, fields, f"/{MEMBER}/{escape(key)}") for key, value in raw.items()]


def _read(key: str, value: object, country: str, fields: Mapping[str, FieldDefinition], pointer: str) -> Expected:
    if key in GIVEN:
        written = value if isinstance(value, str) else None
        try:
            return Expected(key, read_built_in(key, value, country, pointer), pointer, written)
        except Unprocessable:
            if written is None or not may_be_from_before(key, written):
                raise
            return Expected(key, written, pointer)
    definition = fields.get(key.removeprefix("profile.")) if key.startswith("profile.") else None
    if definition is not None:
        return Expected(key, fit(definition, value, pointer), pointer)
    if key.startswith("profile.") and is_nothing(value):
        check_key(key.removeprefix("profile."), pointer)
        return Expected(key, None, pointer)  # whoever writes a key for the first time saw nothing there
    raise Unprocessable(
        "There is no such field that can be written, so nobody saw a value of it. A key of your own is written `profile.<key>`.",
        code="unknownField",
        pointer=pointer,
    )


def first_other(state: Contact, expected: Sequence[Expected]) -> tuple[Expected, JsonValue] | None:
    """The first value that is another by now, and what it is. `state` is the contact as it is shown."""
    members = state.members()
    for each in expected:
        profile = each.key.startswith("profile.")
        now = state.profile.get(each.key[8:]) if profile else members.get(each.key, nothing_of(each.key))
        if not each.holds(now):
            return each, now
    return None
