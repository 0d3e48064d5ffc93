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


WEB, MOBILE = "web", "mobile"
"""The kinds of device: the web site, and the mobile app."""


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


@dataclass(frozen=True, slots=True)
class Fact:
    """Declared at a member of the device facts: its type, its names after those of the kind, and which kinds of device have it.

    Facts that are `told` stand in the device of a visit, the others are found by the system.
    """

    type: FieldType
    ko: str
    en: str
    kinds: tuple[str, ...] = (WEB, MOBILE)
    told: bool = True
