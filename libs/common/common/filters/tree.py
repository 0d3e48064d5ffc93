"""The syntax tree of the filter language: what every interpreter works on, typed and normalised."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal, TypeAlias


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


BUILT_INS: Mapping[str, FieldType] = {
    **dict.fromkeys(("member", "blocked", "unsubscribeEmail", "unsubscribeTexting", "unsubscribeAppPush"), FieldType.BOOLEAN),
    **dict.fromkeys(("createdAt", "updatedAt", "firstSeenAt", "lastSeenAt"), FieldType.DATE),
    **dict.fromkeys(("mobileNumber", "landlineNumber"), FieldType.PHONE),
    **dict.fromkeys(("id", "memberId", "name", "avatarUrl", "language", "country", "city"), FieldType.STRING),
    "email": FieldType.EMAIL,
    "sessionsCount": FieldType.NUMBER,
    "tags": FieldType.LIST,
}

Missing: TypeAlias = Literal["include", "exclude"]


@dataclass(frozen=True, slots=True)
class Window:
    """So many minutes, hours, days (of 24 hours) or weeks."""

    n: int
    unit: Literal["minutes", "hours", "days", "weeks"]

    @property
    def millis(self) -> int:
        """Its length."""
        return self.n * {"minutes": 60_000, "hours": 3_600_000, "days": 86_400_000, "weeks": 604_800_000}[self.unit]


@dataclass(frozen=True, slots=True)
class Size:
    """A comparison with the number of a list's elements."""

    op: Literal["eq", "gt", "gte", "lt", "lte"]
    n: int


Value: TypeAlias = str | int | float | bool | Window | Size
"""Texts are folded, phones E.164 or digits, instants milliseconds since 1970, days ISO dates."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. `operator` is one of the canonical words (`eq`, never `in`); `zone` is the channel's, for days.

    `shown` are the values as the normalised filter writes them; `term_set` stands in place of values.
    """

    key: str
    type: FieldType
    operator: str
    values: tuple[Value, ...] = ()
    shown: tuple[object, ...] = ()
    missing: Missing | None = None
    term_set: str | None = None
    zone: str = "UTC"
    pointer: str = ""


@dataclass(frozen=True, slots=True)
class And:
    """All of them; of none: everyone."""

    children: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of them; of none: no one."""

    children: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The complement."""

    child: "Node"


Node: TypeAlias = And | Or | Not | Condition


def to_json(node: Node) -> dict[str, object]:
    """The normalised filter; reading it again gives the same."""
    match node:
        case And(children):
            return {"and": [to_json(child) for child in children]}
        case Or(children):
            return {"or": [to_json(child) for child in children]}
        case Not(child):
            return {"not": to_json(child)}
        case Condition():
            shown: dict[str, object] = {"key": node.key, "operator": node.operator}
            if node.type is not FieldType.SEGMENT:
                shown["type"] = node.type.value
            if node.term_set is not None:
                shown["termSet"] = node.term_set
            elif node.shown:
                shown["values"] = list(node.shown)
            if node.missing is not None:
                shown["missing"] = node.missing
            return shown


def conditions(node: Node) -> list[Condition]:
    """All conditions, in the order of writing."""
    match node:
        case Condition():
            return [node]
        case Not(child):
            return conditions(child)
        case And(children) | Or(children):
            return [c for child in children for c in conditions(child)]
