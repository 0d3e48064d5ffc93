"""The types of fields, and what is declared of a built-in one."""

from dataclasses import dataclass
from enum import Enum


class FieldType(Enum):
    """The type of a key; the value is the word that a filter's `type` may use."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    LIST = "list"
    PHONE = "phone"
    EMAIL = "email"
    SEGMENT = "segment"


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """Declared at the member of the published contact that holds the field: its type and its names.

    `given` fields are written by callers, the others by the system alone. Those not `listed` are no columns of a new channel's
    list of contacts, and come after the others.
    """

    type: FieldType
    ko: str
    en: str
    given: bool = True
    listed: bool = True
