"""The syntax tree of the filter language: what every interpreter works on, typed and normalised."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, TypeAlias

from common.clock import from_millis, to_wire


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

# Below it every whole number is a double of its own.
_EXACT_INTEGERS = 2**53

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
"""Texts are folded, phones E.164 or digits, numbers doubles, instants milliseconds since 1970, days ISO dates."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. `operator` is one of the canonical words (`eq`, never `in`); `zone` is the channel's, for days.

    `term_set` stands in place of values. Two conditions that mean the same are equal, wherever they were written.
    """

    key: str
    type: FieldType
    operator: str
    values: tuple[Value, ...] = ()
    missing: Missing | None = None
    term_set: str | None = None
    zone: str = "UTC"
    pointer: str = field(default="", compare=False)


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
            elif node.values:
                shown["values"] = [_shown(node.type, value) for value in node.values]
            if node.missing is not None:
                shown["missing"] = node.missing
            return shown


def _shown(kind: FieldType, value: Value) -> object:
    match value:
        case Window(n, unit):
            return {"n": n, "unit": unit}
        case Size(op, n):
            return {"op": op, "n": n}
        case float() if value.is_integer() and abs(value) < _EXACT_INTEGERS:
            return int(value)
        case int() if kind is FieldType.DATE:
            return to_wire(from_millis(value))
        case _:
            return value


def conditions(node: Node) -> list[Condition]:
    """All conditions, in the order of writing."""
    match node:
        case Condition():
            return [node]
        case Not(child):
            return conditions(child)
        case And(children) | Or(children):
            return [c for child in children for c in conditions(child)]
