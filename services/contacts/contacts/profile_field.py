"""Profile fields: what a channel's own data keys are called, of which type they are, and which values fit them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace
from pydantic import JsonValue

from common.clock import from_wire, is_wire, to_wire
from common.errors import Unprocessable
from common.events.contacts import FieldDefinition, FieldTypeName
from common.invisible import shows_nothing
from common.number import one_form

MOST_FIELDS = 200
MOST_NAME = 100
MOST_TEXT, MOST_ELEMENTS, MOST_ELEMENT = 10_000, 100, 256
MOST_KEY = 64
_KEY = re.compile(rf"[A-Za-z_][A-Za-z0-9_.\-]{{0,{MOST_KEY - 1}}}")

PRESETS: Mapping[str, tuple[FieldTypeName, str, str, bool]] = {
    "lastCheckoutCompletedAt": ("Date", "최근 주문 시간", "Last order", False),
    "lastCheckoutAt": ("Date", "최근 결제 시도 시간", "Last checkout", False),
    "firstCheckoutCompletedAt": ("Date", "첫 주문 시간", "First order", True),
    "cartCount": ("Number", "장바구니 상품 수", "Items in cart", False),
    "cartAmount": ("Number", "장바구니 금액", "Cart amount", False),
    "wishCount": ("Number", "찜한 상품 수", "Wishlist items", False),
    "totalAmount": ("Number", "총 주문 금액", "Total amount", False),
    "purchaseCount": ("Number", "총 주문 수", "Purchases", False),
    "point": ("Number", "적립금", "Points", False),
    "grade": ("String", "등급", "Grade", False),
    "birthday": ("Date", "생일", "Birthday", False),
    "firstReferrer": ("String", "첫 유입 경로", "First referrer", True),
    "firstUtmSource": ("String", "첫 UTM 소스", "First UTM source", True),
    "firstUtmMedium": ("String", "첫 UTM 매체", "First UTM medium", True),
    "firstUtmCampaign": ("String", "첫 UTM 캠페인", "First UTM campaign", True),
}


PRESET_FIELDS = [
    FieldDefinition(key=f"profile.{key}", type=kind, display_name={"ko": ko, "en": en}, order=order, once=once)
    for order, (key, (kind, ko, en, once)) in enumerate(PRESETS.items())
]
"""The well-known commerce keys, in an order that suits a list of them."""


def check_key(key: str, pointer: str) -> None:
    """Raises Unprocessable where a profile key is not 1 to 64 of A-Z a-z 0-9 _ . - beginning with a letter or _."""
    if _KEY.fullmatch(key) is None:
        detail = f"A profile key has 1 to {MOST_KEY} of A-Z a-z 0-9 _ . - and begins with a letter or _."
        raise Unprocessable(detail, code="invalidKey", pointer=pointer, extra={"most": MOST_KEY})


def archived(fields: Mapping[str, FieldDefinition]) -> frozenset[str]:
    """The bare keys of those whose values are not shown."""
    return frozenset(key for key, definition in fields.items() if not definition.collected)


def too_many_fields(key: str, pointer: str) -> Unprocessable:
    """The refusal of one field too many, by its name."""
    detail = f"A channel has {MOST_FIELDS} profile fields at most; `{key}` would be one more."
    return Unprocessable(detail, code="tooManyFields", pointer=pointer, extra={"most": MOST_FIELDS, "field": key})


def is_nothing(value: object) -> bool:
    """Whether a value stands for none in a field of any type: null, a blank text, a list of none."""
    match value:
        case None:
            return True
        case str():
            return not value.strip()
        case list():
            return all(isinstance(e, str) and not e.strip() for e in value)
        case _:
            return False


def same(one: JsonValue, other: JsonValue) -> bool:
    """Whether two values are one: 1 and 1.0 are, 1 and true are not."""
    return isinstance(one, bool) is isinstance(other, bool) and one == other


@dataclass(frozen=True, slots=True)
class NewField:
    """A field to be defined; what is left out is the preset's of a well-known key."""

    key: str
    type: FieldTypeName | None = None
    display_name: Mapping[str, str] = field(default_factory=dict[str, str])
    visible: bool = True
    inbox_visible: bool = True
    once: bool | None = None


def defined(wanted: NewField, order: int) -> FieldDefinition:
    """The definition of a field that is asked for by name. Raises Unprocessable where only a preset could say its type."""
    bare = wanted.key[8:]
    kind, ko, en, once = PRESETS.get(bare, (None, bare, bare, False))
    if wanted.type is None and kind is None:
        raise Unprocessable("A field of your own needs a type.", pointer="/type")
    return FieldDefinition(
        key=wanted.key,
        type=wanted.type or kind or "String",
        display_name={"ko": ko, "en": en} | _names(wanted.display_name),
        visible=wanted.visible,
        inbox_visible=wanted.inbox_visible,
        order=order,
        once=once if wanted.once is None else wanted.once,
    )


def changed(before: FieldDefinition, updates: Mapping[str, object]) -> FieldDefinition:
    """The definition with these members changed. Raises Unprocessable for a blank or too long name, or `once` of a built-in."""
    if updates.get("once") and not before.key.startswith("profile."):
        raise Unprocessable("Only a field of your own can keep its first value for ever.", code="builtIn", pointer="/once")
    names = updates.get("display_name")
    if isinstance(names, Mapping):
        updates = {**updates, "display_name": {**before.display_name, **_names(names)}}
    return replace(before, **updates)


def _names(names: Mapping[str, str]) -> dict[str, str]:
    for language, name in names.items():
        if shows_nothing(name) or len(name) > MOST_NAME:
            detail = f"A display name has 1 to {MOST_NAME} characters."
            raise Unprocessable(detail, pointer=f"/displayName/{language}", extra={"most": MOST_NAME})
    return dict(names)


def ordered(current: Mapping[str, FieldDefinition], keys: Sequence[str]) -> list[str]:
    """All keys, the given ones first and the others after them in their order. Raises Unprocessable."""
    for n, key in enumerate(keys):
        if key not in current:
            raise Unprocessable("There is no such field.", code="unknownField", pointer=f"/keys/{n}")
        if key in keys[:n]:
            raise Unprocessable("A field stands twice in the order.", code="twice", pointer=f"/keys/{n}")
    return [*keys, *sorted(current.keys() - set(keys), key=lambda key: (current[key].order, key))]


def first_seen(key: str, value: object, order: int, pointer: str) -> FieldDefinition:
    """The definition of a key that is seen for the first time: a preset, or inferred from the value."""
    check_key(key, pointer)
    preset = PRESETS.get(key)
    if preset is not None:
        kind, ko, en, once = preset
        return FieldDefinition(key=f"profile.{key}", type=kind, display_name={"ko": ko, "en": en}, order=order, once=once)
    return FieldDefinition(key=f"profile.{key}", type=_infer(value, pointer), display_name={"ko": key, "en": key}, order=order)


def _infer(value: object, pointer: str) -> FieldTypeName:
    match value:
        case bool():
            return "Boolean"
        case int() | float():
            return "Number"
        case list():
            return "List"
        case str():
            try:
                from_wire(value)
            except ValueError:
                return "String"
            return "Date"
        case _:
            raise _wrong(pointer, "a text, a number, true or false, an instant, or a list of texts")


def fit(definition: FieldDefinition, value: object, pointer: str) -> JsonValue:
    """The value as it is kept; a blank text and an empty list are none. Raises Unprocessable where it does not fit."""
    if value is None:
        return None
    match definition.type:
        case "String":
            if not isinstance(value, str):
                raise _wrong(pointer, "a text")
            return text(value, pointer)
        case "Number":
            return _number(value, pointer)
        case "Boolean":
            if not isinstance(value, bool):
                raise _wrong(pointer, "true or false")
            return value
        case "Date":
            return _date(value, pointer)
        case "List":
            kept: JsonValue = elements(value, pointer)
            return kept


def _wrong(pointer: str, wanted: str) -> Unprocessable:
    detail = f"This value is of the wrong type: it must be {wanted}, or null to clear it."
    return Unprocessable(detail, code="wrongType", pointer=pointer, extra={"wanted": wanted})


def text(value: str, pointer: str, most: int = MOST_TEXT) -> str | None:
    """A text as it is kept; None for a blank one. Raises Unprocessable for one that is too long."""
    if len(value) > most:
        detail = f"A text here has {most:,} characters at most."
        raise Unprocessable(detail, code="tooLong", pointer=pointer, extra={"most": most})
    return value if value.strip() else None


def _number(value: object, pointer: str) -> JsonValue:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(pointer, "a number")
    try:
        return one_form(value)
    except ValueError:
        raise _wrong(pointer, "a number that a double can hold") from None


def _date(value: object, pointer: str) -> str | None:
    if not isinstance(value, str):
        raise _wrong(pointer, "an RFC 3339 instant with an offset")
    if is_wire(value):
        return value
    if not value.strip():
        return None
    try:
        return to_wire(from_wire(value))
    except ValueError:
        raise _wrong(pointer, "an RFC 3339 instant with an offset") from None


def elements(value: object, pointer: str, most: int = MOST_ELEMENTS) -> Any:
    """A list of texts as it is kept; None for an empty one."""
    if not isinstance(value, list) or not all(isinstance(e, str) for e in value):
        raise _wrong(pointer, "a list of texts")
    kept = [e for e in value if e.strip()]
    if len(kept) > most:
        raise Unprocessable(f"A list here has {most} elements at most.", code="tooLong", pointer=pointer, extra={"most": most})
    for n, element in enumerate(value):
        if len(element) > MOST_ELEMENT:
            detail = f"An element has {MOST_ELEMENT} characters at most."
            raise Unprocessable(detail, code="tooLong", pointer=f"{pointer}/{n}", extra={"most": MOST_ELEMENT})
    return kept or None
