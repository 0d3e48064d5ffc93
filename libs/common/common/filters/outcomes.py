"""What one condition comes to for one contact: true, false, or a matter of the clock."""

from collections.abc import Callable, Collection, Container, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from typing import TypeAlias, assert_never

from common.built_ins import FROM_THE_START, value_at
from common.clock import from_wire, to_millis
from common.filters import windows
from common.filters.kept import KEPT
from common.filters.text import fold, initials, is_blank
from common.filters.tree import (
    DATE_OPERATORS,
    LIST_OPERATORS,
    NEGATIVE,
    NUMBER_OPERATORS,
    PHONE_OPERATORS,
    TEXT_OPERATORS,
    Comparison,
    Condition,
    DateOperator,
    FieldType,
    ListOperator,
    NumberOperator,
    Operator,
    PhoneOperator,
    Size,
    TextOperator,
    Window,
    one_of,
)
from common.filters.windows import Stretch
from common.phone import country_code, phone_forms

Contact = Mapping[str, object]
"""A contact as the API shows it: built-ins by name, `profile` a mapping, dates as RFC 3339 texts or aware datetimes."""

TermValues = Mapping[str, Container[str]]
"""By term set: its terms, folded (phones as E.164)."""


@dataclass(frozen=True, slots=True)
class During:
    """True during some stretches of the present."""

    stretches: tuple[Stretch, ...]

    def look(self, now: int) -> tuple[bool, int | None]:
        """The truth at `now` and the instant up to which it surely stays so; None is for ever."""
        return windows.at(self.stretches, now)

    def holds(self, now: int) -> bool:
        """The truth at `now`."""
        return windows.inside(self.stretches, now)


@dataclass(frozen=True, slots=True)
class Yearly:
    """True from so many days before until the end of the day on which an instant's month and day come round, each year."""

    instant: int
    within: int
    zone: str

    def look(self, now: int) -> tuple[bool, int | None]:
        """The truth at `now` and the instant up to which it surely stays so; None is for ever."""
        return windows.at(windows.anniversaries(self.instant, self.within, self.zone, now), now)

    def holds(self, now: int) -> bool:
        """The truth at `now`."""
        return self.look(now)[0]


Clocked: TypeAlias = During | Yearly
Outcome: TypeAlias = bool | Clocked

_SHORT = 64
_MAPPINGS, _LISTS = (dict, Mapping), (list, tuple)  # nearly all are the first, which is told sooner


def value_of(contact: Contact, key: str) -> object:
    """The value under a key, as it would be kept today; None for none: empty and blank texts and empty lists are none too."""
    return reader(key)(contact)


@lru_cache(maxsize=4096)
def reader(key: str) -> Callable[[Contact], object]:
    """How to read the value under a key, as `value_of` does: made ready for many contacts."""
    if key.startswith("profile."):
        return partial(_of_profile, key.removeprefix("profile."))
    keep, from_the_start = KEPT.get(key), FROM_THE_START.get(key)
    if keep is None and "." not in key and from_the_start is None:
        return partial(_of_contact, key)

    def read(contact: Contact) -> object:
        value = value_at(contact, key)
        value = value if keep is None else keep(value)
        return _or_none(from_the_start if value is None else value)

    return read


def _of_profile(key: str, contact: Contact) -> object:
    profile = contact.get("profile")
    return _or_none(profile.get(key)) if isinstance(profile, _MAPPINGS) else None


def _of_contact(key: str, contact: Contact) -> object:
    return _or_none(contact.get(key))


def _or_none(value: object) -> object:
    if isinstance(value, str):
        return value if value[:1].isalnum() or not is_blank(value) else None
    return None if isinstance(value, _LISTS) and not value else value


def instant_of(value: object) -> int | None:
    """Milliseconds since 1970 of a date's value; None where it is none."""
    if isinstance(value, datetime):
        return to_millis(value)
    return _read_instant(value) if isinstance(value, str) else None


@lru_cache(maxsize=16_384)
def _read_instant(text: str) -> int | None:
    try:
        return to_millis(from_wire(text))
    except ValueError:
        return None


def outcome_of(node: Condition, terms: TermValues) -> Callable[[Contact], Outcome]:
    """How to find what the condition comes to for a contact.

    Raises ValueError for a condition that can't be judged by itself: a segment not inlined, a term set whose terms are not given.
    """
    if node.type is FieldType.SEGMENT:
        raise ValueError("segment conditions must be inlined before a filter is evaluated")
    if node.term_set is not None and node.term_set not in terms:
        raise ValueError("the terms of every term set in the filter must be given")
    read, negative = reader(node.key), node.operator in NEGATIVE
    operator = NEGATIVE.get(node.operator, node.operator)
    if operator is Operator.EXISTS:
        return lambda contact: (read(contact) is None) is negative
    without = negative if node.missing is None else node.missing == "include"
    positive = _positive(node, operator, terms)

    def outcome(contact: Contact) -> Outcome:
        value = read(contact)
        if value is None:
            return without
        found = positive(value)
        return found is not negative if isinstance(found, bool) else found

    return outcome


def _positive(node: Condition, operator: Operator, terms: TermValues) -> Callable[[object], Outcome]:
    """The positive operator upon a value that is there. A value of another type than the field's never matches."""
    if node.term_set is not None:
        return _among(node.type, terms[node.term_set])
    operands = frozenset(value for value in node.values if isinstance(value, str))
    match node.type:
        case FieldType.DATE:
            date = _date(node, one_of(DATE_OPERATORS, operator))
            return lambda value: False if (t := instant_of(value)) is None else date(t)
        case FieldType.NUMBER:
            number = _number(node, one_of(NUMBER_OPERATORS, operator))
            return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and number(double_of(value))
        case FieldType.BOOLEAN:
            return lambda value: isinstance(value, bool) and value in node.values
        case FieldType.LIST:
            elements = _list(node, one_of(LIST_OPERATORS, operator), operands)
            return lambda value: isinstance(value, list | tuple) and elements(value)
        case FieldType.PHONE:
            phone = _phone(one_of(PHONE_OPERATORS, operator), operands)
            return lambda value: isinstance(value, str) and phone(value)
        case FieldType.STRING | FieldType.EMAIL:
            text = _text(one_of(TEXT_OPERATORS, operator), operands)
            return lambda value: isinstance(value, str) and text(value)
        case FieldType.SEGMENT:
            raise ValueError("segment conditions must be inlined before a filter is evaluated")
        case _:
            assert_never(node.type)


def _folded(text: str) -> str:
    """As `fold`; short texts are remembered, for of one contact every condition reads the same again."""
    return _fold_once(text) if len(text) <= _SHORT else fold(text)


_fold_once = lru_cache(maxsize=16_384)(fold)


def _among(kind: FieldType, terms: Container[str]) -> Callable[[object], bool]:
    """Whether a value, or any element of a list, is one of a term set's."""
    if kind is FieldType.LIST:
        return lambda value: isinstance(value, list | tuple) and any(isinstance(e, str) and fold(e) in terms for e in value)
    if kind is FieldType.PHONE:
        return lambda value: isinstance(value, str) and value in terms
    return lambda value: isinstance(value, str) and fold(value) in terms


def _text(operator: TextOperator, operands: Collection[str]) -> Callable[[str], bool]:
    match operator:
        case Operator.EQ:
            return lambda value: _folded(value) in operands
        case Operator.CONTAINS:
            return lambda value: any(map(fold(value).__contains__, operands))
        case Operator.STARTS_WITH:
            starts = tuple(operands)
            return lambda value: fold(value).startswith(starts)
        case Operator.ENDS_WITH:
            ends = tuple(operands)
            return lambda value: fold(value).endswith(ends)
        case Operator.CHOSUNG:
            return lambda value: any(map(initials(value).__contains__, operands))
        case Operator.DOMAIN:
            return lambda value: "@" in value and fold(value).rpartition("@")[2] in operands
        case _:
            assert_never(operator)


def _phone(operator: PhoneOperator, operands: Collection[str]) -> Callable[[str], bool]:
    match operator:
        case Operator.EQ:
            return lambda value: value in operands
        case Operator.COUNTRY_CODE:
            return lambda value: country_code(value) in operands
        case Operator.CONTAINS:
            return lambda value: any(part in form for form in phone_forms(value) for part in operands)
        case Operator.STARTS_WITH:
            starts = tuple(operands)
            return lambda value: any(form.startswith(starts) for form in phone_forms(value))
        case Operator.ENDS_WITH | Operator.LAST_DIGITS:
            ends = tuple(operands)
            return lambda value: any(form.endswith(ends) for form in phone_forms(value))
        case _:
            assert_never(operator)


def double_of(value: int | float) -> float:
    """A number as it is compared."""
    try:
        return float(value)
    except OverflowError:  # a whole number beyond all doubles
        return float("inf") if value > 0 else float("-inf")


def _number(node: Condition, operator: NumberOperator) -> Callable[[float], bool]:
    operands = tuple(float(value) for value in node.values if isinstance(value, int | float))
    first, last = operands[0], operands[-1]
    match operator:
        case Operator.EQ:
            any_of = frozenset(operands)
            return lambda number: number in any_of
        case Operator.BETWEEN:
            return lambda number: first <= number <= last
        case _:
            return _comparison(operator, first)


def _comparison(operator: Comparison, operand: float) -> Callable[[float], bool]:
    match operator:
        case Operator.EQ:
            return lambda number: number == operand
        case Operator.GT:
            return lambda number: number > operand
        case Operator.GTE:
            return lambda number: number >= operand
        case Operator.LT:
            return lambda number: number < operand
        case Operator.LTE:
            return lambda number: number <= operand
        case _:
            assert_never(operator)


def _list(
    node: Condition, operator: ListOperator, operands: Collection[str]
) -> Callable[[list[object] | tuple[object, ...]], bool]:
    def folded(value: list[object] | tuple[object, ...]) -> set[str]:
        return {text for element in value if isinstance(element, str) and (text := _folded(element))}

    match operator:
        case Operator.HAS_ANY:
            return lambda value: any(element in operands for element in folded(value))
        case Operator.HAS_ALL:
            return lambda value: folded(value).issuperset(operands)
        case Operator.IS_EXACTLY:
            return lambda value: folded(value) == operands
        case Operator.HAS_PREFIX:
            starts = tuple(operands)
            return lambda value: any(element.startswith(starts) for element in folded(value))
        case Operator.SIZE:
            (size,) = node.values
            assert isinstance(size, Size)
            holds = _comparison(size.op, size.n)
            return lambda value: holds(len(value))
        case _:
            assert_never(operator)


def _date(node: Condition, operator: DateOperator) -> Callable[[int], Outcome]:
    zone = node.zone
    limits = [value for value in node.values if isinstance(value, int)]
    spans = [value for value in node.values if isinstance(value, Window)]
    match operator:
        case Operator.BEFORE:
            return lambda t: t < limits[0]
        case Operator.AFTER:
            return lambda t: t > limits[0]
        case Operator.BETWEEN:
            return lambda t: limits[0] <= t < limits[1]
        case Operator.ON:
            return lambda t: any(windows.on(t, str(day), zone) for day in node.values)
        case Operator.CALENDAR:
            return lambda t: During(tuple(s for word in node.values for s in windows.calendar(t, str(word), zone)))
        case Operator.ANNIVERSARY:
            return lambda t: Yearly(t, spans[0].n, zone)
        case Operator.WITHIN_LAST:
            return lambda t: During(((t, t + spans[0].millis),))
        case Operator.NOT_WITHIN_LAST:
            return lambda t: During(((t + spans[0].millis, None),))
        case Operator.WITHIN_NEXT:
            return lambda t: During(((t - spans[0].millis, t),))
        case _:
            assert_never(operator)
