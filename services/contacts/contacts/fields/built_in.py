"""The built-in fields that every channel has."""

from collections.abc import Mapping

from common.built_ins import BUILT_INS
from common.errors import NotFound
from common.events.contacts import FieldDefinition, FieldTypeName
from common.fields import BuiltIn, FieldType

_TYPES: Mapping[FieldType, FieldTypeName] = {
    FieldType.STRING: "String",
    FieldType.PHONE: "String",
    FieldType.EMAIL: "String",
    FieldType.NUMBER: "Number",
    FieldType.BOOLEAN: "Boolean",
    FieldType.DATE: "Date",
    FieldType.LIST: "List",
}


def _definition(order: int, key: str, built_in: BuiltIn) -> FieldDefinition:
    names = {"ko": built_in.ko, "en": built_in.en}
    return FieldDefinition(key=key, type=_TYPES[built_in.type], display_name=names, order=order, visible=built_in.listed)


BUILT_IN_FIELDS: Mapping[str, FieldDefinition] = {
    key: _definition(order, key, built_in)
    for order, (key, built_in) in enumerate(sorted(BUILT_INS.items(), key=lambda item: not item[1].listed))
}
"""The built-in fields as a new channel shows them; orders of profile fields follow theirs."""


def no_field() -> NotFound:
    """What is answered of an unknown field."""
    return NotFound("There is no such field.")
