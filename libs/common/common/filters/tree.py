"""The syntax tree of the filter language: what every interpreter works on, typed and normalised."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias, TypeVar, get_args

from common import built_ins
from common.clock import from_millis, to_wire
from common.fields import FieldType as FieldType
from common.number import one_form


class Operator(StrEnum):
    """What a condition asks of a value, by its name in a filter; other names of the same are read as these."""

    EXISTS = "exists"
    NOT_EXISTS = "notExists"
    EQ = "eq"
    NE = "ne"
    CONTAINS = "contains"
    NOT_CONTAINS = "notContains"
    STARTS_WITH = "startsWith"
    ENDS_WITH = "endsWith"
    CHOSUNG = "chosung"
    DOMAIN = "domain"
    LAST_DIGITS = "lastDigits"
    COUNTRY_CODE = "countryCode"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    BETWEEN = "between"
    NOT_BETWEEN = "notBetween"
    BEFORE = "before"
    AFTER = "after"
    ON = "on"
    WITHIN_LAST = "withinLast"
    NOT_WITHIN_LAST = "notWithinLast"
    WITHIN_NEXT = "withinNext"
    CALENDAR = "calendar"
    ANNIVERSARY = "anniversary"
    HAS_ANY = "hasAny"
    HAS_ALL = "hasAll"
    HAS_NONE = "hasNone"
    IS_EXACTLY = "isExactly"
    HAS_PREFIX = "hasPrefix"
    SIZE = "size"
    IN = "in"
    NOT_IN = "notIn"


NEGATIVE: Mapping[Operator, Operator] = {
    Operator.NOT_EXISTS: Operator.EXISTS,
    Operator.NE: Operator.EQ,
    Operator.NOT_CONTAINS: Operator.CONTAINS,
    Operator.NOT_BETWEEN: Operator.BETWEEN,
    Operator.HAS_NONE: Operator.HAS_ANY,
    Operator.NOT_IN: Operator.IN,
}
"""By negative operator: the one of which it is the exact complement."""

# What an interpreter must know of each type: `exists` and the negative ones are the same for all.
TextOperator: TypeAlias = Literal[
    Operator.EQ, Operator.CONTAINS, Operator.STARTS_WITH, Operator.ENDS_WITH, Operator.CHOSUNG, Operator.DOMAIN
]
PhoneOperator: TypeAlias = Literal[
    Operator.EQ, Operator.CONTAINS, Operator.STARTS_WITH, Operator.ENDS_WITH, Operator.LAST_DIGITS, Operator.COUNTRY_CODE
]
Comparison: TypeAlias = Literal[Operator.EQ, Operator.GT, Operator.GTE, Operator.LT, Operator.LTE]
NumberOperator: TypeAlias = Comparison | Literal[Operator.BETWEEN]
DateOperator: TypeAlias = Literal[
    Operator.BEFORE, Operator.AFTER, Operator.BETWEEN, Operator.ON, Operator.WITHIN_LAST, Operator.NOT_WITHIN_LAST,
    Operator.WITHIN_NEXT, Operator.CALENDAR, Operator.ANNIVERSARY,
]  # fmt: skip
ListOperator: TypeAlias = Literal[
    Operator.HAS_ANY, Operator.HAS_ALL, Operator.IS_EXACTLY, Operator.HAS_PREFIX, Operator.SIZE
]  # fmt: skip

TEXT_OPERATORS: tuple[TextOperator, ...] = get_args(TextOperator)
PHONE_OPERATORS: tuple[PhoneOperator, ...] = get_args(PhoneOperator)
COMPARISONS: tuple[Comparison, ...] = get_args(Comparison)
NUMBER_OPERATORS: tuple[NumberOperator, ...] = (*COMPARISONS, Operator.BETWEEN)
DATE_OPERATORS: tuple[DateOperator, ...] = get_args(DateOperator)
LIST_OPERATORS: tuple[ListOperator, ...] = get_args(ListOperator)

_T = TypeVar("_T")


def one_of(operators: Iterable[_T], operator: Operator) -> _T:
    """The operator, known to be one of these. The parser lets no other through for the type whose operators they are."""
    return next(each for each in operators if each is operator)


BUILT_INS: Mapping[str, FieldType] = {key: built_in.type for key, built_in in built_ins.BUILT_INS.items()}
"""The types of the built-in fields."""


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

    op: Comparison
    n: int


Value: TypeAlias = str | int | float | bool | Window | Size
"""Texts are folded, phones E.164 or digits, numbers doubles, instants milliseconds since 1970, days ISO dates."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. `zone` is the channel's, for days.

    `term_set` stands in place of values. Two conditions that mean the same are equal, wherever they were written.
    """

    key: str
    type: FieldType
    operator: Operator
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
            shown: dict[str, object] = {"key": node.key, "operator": node.operator.value}
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
            return {"op": op.value, "n": n}
        case float():
            return one_form(value)
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
