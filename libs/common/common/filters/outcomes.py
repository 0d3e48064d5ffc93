"""What one condition comes to for one contact: true, false, or a matter of the clock."""

from collections.abc import Callable, Collection, Container, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TypeAlias

from common.clock import from_wire, to_millis
from common.filters import windows
from common.filters.text import country_code, fold, initials, is_blank, phone_forms
from common.filters.tree import Condition, FieldType, Size, Window
from common.filters.windows import Stretch

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


@dataclass(frozen=True, slots=True)
class Yearly:
    """True from so many days before until the end of the day on which an instant's month and day come round, each year."""

    instant: int
    within: int
    zone: str

    def look(self, now: int) -> tuple[bool, int | None]:
        """The truth at `now` and the instant up to which it surely stays so; None is for ever."""
        return windows.at(windows.anniversaries(self.instant, self.within, self.zone, now), now)


Clocked: TypeAlias = During | Yearly
Outcome: TypeAlias = bool | Clocked

_NEGATIVE = {"ne": "eq", "notContains": "contains", "notBetween": "between", "hasNone": "hasAny", "notExists": "exists"}
# What a contact has from the start, so that a document which leaves it out means the same.
_FROM_THE_START: Mapping[str, object] = {
    **dict.fromkeys(("blocked", "unsubscribeEmail", "unsubscribeTexting", "unsubscribeAppPush"), False),
    "sessionsCount": 0,
}


def value_of(contact: Contact, key: str) -> object:
    """The value under a key; None for none: empty and blank texts and empty lists are none too."""
    if key.startswith("profile."):
        profile = contact.get("profile")
        value = profile.get(key[8:]) if isinstance(profile, Mapping) else None
    else:
        value = contact.get(key)
        if value is None:
            value = _FROM_THE_START.get(key)
    if isinstance(value, str) and is_blank(value):
        return None
    if isinstance(value, list | tuple) and not value:
        return None
    return value


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
    key, negative = node.key, node.operator in _NEGATIVE
    operator = _NEGATIVE.get(node.operator, node.operator)
    if operator == "exists":
        return lambda contact: (value_of(contact, key) is None) is negative
    without = negative if node.missing is None else node.missing == "include"
    positive = _positive(node, operator, terms)

    def outcome(contact: Contact) -> Outcome:
        value = value_of(contact, key)
        if value is None:
            return without
        found = positive(value)
        return found is not negative if isinstance(found, bool) else found

    return outcome


def _positive(node: Condition, operator: str, terms: TermValues) -> Callable[[object], Outcome]:
    """The positive operator upon a value that is there. A value of another type than the field's never matches."""
    if node.type is FieldType.DATE:
        date = _date(node, operator)
        return lambda value: False if (t := instant_of(value)) is None else date(t)
    if node.type is FieldType.NUMBER:
        number = _number(node, operator)
        return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and number(_double(value))
    if node.type is FieldType.BOOLEAN:
        return lambda value: isinstance(value, bool) and value in node.values
    if node.term_set is not None:
        return _among(node.type, terms[node.term_set])
    operands = frozenset(value for value in node.values if isinstance(value, str))
    if node.type is FieldType.LIST:
        elements = _list(node, operator, operands)
        return lambda value: isinstance(value, list | tuple) and elements(value)
    text = (_phone if node.type is FieldType.PHONE else _text)(node, operator, operands)
    return lambda value: isinstance(value, str) and text(value)


def _among(kind: FieldType, terms: Container[str]) -> Callable[[object], bool]:
    """Whether a value, or any element of a list, is one of a term set's."""
    if kind is FieldType.LIST:
        return lambda value: isinstance(value, list | tuple) and any(isinstance(e, str) and fold(e) in terms for e in value)
    if kind is FieldType.PHONE:
        return lambda value: isinstance(value, str) and value in terms
    return lambda value: isinstance(value, str) and fold(value) in terms


def _text(node: Condition, operator: str, operands: Collection[str]) -> Callable[[str], bool]:
    match operator:
        case "eq":
            return lambda value: fold(value) in operands
        case "contains":
            return lambda value: any(map(fold(value).__contains__, operands))
        case "startsWith":
            starts = tuple(operands)
            return lambda value: fold(value).startswith(starts)
        case "endsWith":
            ends = tuple(operands)
            return lambda value: fold(value).endswith(ends)
        case "chosung":
            return lambda value: any(map(initials(value).__contains__, operands))
        case "domain":
            return lambda value: "@" in value and fold(value).rpartition("@")[2] in operands
        case _:
            raise AssertionError(operator)


def _phone(node: Condition, operator: str, operands: Collection[str]) -> Callable[[str], bool]:
    match operator:
        case "eq":
            return lambda value: value in operands
        case "countryCode":
            return lambda value: country_code(value) in operands
        case "contains":
            return lambda value: any(part in form for form in phone_forms(value) for part in operands)
        case "startsWith":
            starts = tuple(operands)
            return lambda value: any(form.startswith(starts) for form in phone_forms(value))
        case "endsWith" | "lastDigits":
            ends = tuple(operands)
            return lambda value: any(form.endswith(ends) for form in phone_forms(value))
        case _:
            raise AssertionError(operator)


def _double(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number beyond all doubles
        return float("inf") if value > 0 else float("-inf")


def _number(node: Condition, operator: str) -> Callable[[float], bool]:
    operands = tuple(float(value) for value in node.values if isinstance(value, int | float))
    first, last = operands[0], operands[-1]
    match operator:
        case "eq":
            any_of = frozenset(operands)
            return lambda number: number in any_of
        case "between":
            return lambda number: first <= number <= last
        case _:
            return _comparison(operator, first)


def _comparison(operator: str, operand: float) -> Callable[[float], bool]:
    match operator:
        case "eq":
            return lambda number: number == operand
        case "gt":
            return lambda number: number > operand
        case "gte":
            return lambda number: number >= operand
        case "lt":
            return lambda number: number < operand
        case "lte":
            return lambda number: number <= operand
        case _:
            raise AssertionError(operator)


def _list(node: Condition, operator: str, operands: Collection[str]) -> Callable[[list[object] | tuple[object, ...]], bool]:
    def folded(value: list[object] | tuple[object, ...]) -> set[str]:
        return {text for element in value if isinstance(element, str) and (text := fold(element))}

    match operator:
        case "hasAny":
            return lambda value: any(element in operands for element in folded(value))
        case "hasAll":
            return lambda value: folded(value).issuperset(operands)
        case "isExactly":
            return lambda value: folded(value) == operands
        case "hasPrefix":
            starts = tuple(operands)
            return lambda value: any(element.startswith(starts) for element in folded(value))
        case "size":
            (size,) = node.values
            assert isinstance(size, Size)
            holds = _comparison(size.op, size.n)
            return lambda value: holds(len(value))
        case _:
            raise AssertionError(operator)


def _date(node: Condition, operator: str) -> Callable[[int], Outcome]:
    zone, first = node.zone, node.values[0]
    if isinstance(first, Window):
        return _window(operator, first, zone)
    match operator:
        case "on":
            return lambda t: any(windows.on(t, str(day), zone) for day in node.values)
        case "calendar":
            return lambda t: During(tuple(s for word in node.values for s in windows.calendar(t, str(word), zone)))
    limits = [value for value in node.values if isinstance(value, int)]
    start, end = limits[0], limits[-1]
    match operator:
        case "before":
            return lambda t: t < start
        case "after":
            return lambda t: t > start
        case "between":
            return lambda t: start <= t < end
        case _:
            raise AssertionError(operator)


def _window(operator: str, window: Window, zone: str) -> Callable[[int], Outcome]:
    length = window.millis if operator != "anniversary" else 0
    match operator:
        case "withinLast":
            return lambda t: During(((t, t + length),))
        case "notWithinLast":
            return lambda t: During(((t + length, None),))
        case "withinNext":
            return lambda t: During(((t - length, t),))
        case "anniversary":
            return lambda t: Yearly(t, window.n, zone)
        case _:
            raise AssertionError(operator)
