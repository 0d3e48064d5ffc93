"""Which of the conditions on one field hold of a value, found by the value: numbers of conditions as bits throughout. Pure.

Whatever can be found by hash, by length or in a sorted line is; only parts of phone numbers, term sets, and what depends on the
calendar are asked one by one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from math import nextafter
from typing import TypeAlias, assert_never

from common.clock import EPOCH
from common.filters import Condition, FieldType, Operator, Size, Window, fold, initials, windows
from common.filters.outcomes import Contact, Outcome, double_of, instant_of
from common.filters.tree import COMPARISONS, NEGATIVE, Comparison, one_of
from segments.flips.pieces import Pieces, Span

Ask: TypeAlias = Callable[[Contact], Outcome]

WINDOWS = frozenset({Operator.WITHIN_LAST, Operator.NOT_WITHIN_LAST, Operator.WITHIN_NEXT})
CLOCKED = WINDOWS | {Operator.CALENDAR, Operator.ANNIVERSARY}
"""What the clock alone can turn."""
_INFINITY = float("inf")
_fold = lru_cache(maxsize=16_384)(fold)

_Texts: TypeAlias = dict[str, int]
_ByLength: TypeAlias = dict[int, _Texts]


@dataclass
class Sorted:
    """The conditions, sorted in by how they are found."""

    of_none: int = 0
    of_any: int = 0
    """Those that hold of every value, or whose opposite is looked up."""
    equal: dict[FieldType, dict[object, int]] = field(default_factory=dict[FieldType, dict[object, int]])
    prefixes: _ByLength = field(default_factory=_ByLength)
    """Of a list's elements; the others are of texts."""
    starts: _ByLength = field(default_factory=_ByLength)
    ends: _ByLength = field(default_factory=_ByLength)
    parts: _Texts = field(default_factory=_Texts)
    initials: _Texts = field(default_factory=_Texts)
    domains: _Texts = field(default_factory=_Texts)
    several: dict[str, list[tuple[frozenset[str], bool, int]]] = field(
        default_factory=dict[str, list[tuple[frozenset[str], bool, int]]]
    )
    """By one of the elements that a list must have: all of them, whether it may have no others, and the condition."""
    days: dict[str, dict[int, int]] = field(default_factory=dict[str, dict[int, int]])
    spans: dict[FieldType, list[Span]] = field(default_factory=dict[FieldType, list[Span]])
    ages: list[Span] = field(default_factory=list[Span])
    others: list[tuple[int, Ask]] = field(default_factory=list[tuple[int, Ask]])
    clocked: list[tuple[int, Ask]] = field(default_factory=list[tuple[int, Ask]])


class Lookup:
    """The conditions of a field as they are now."""

    def __init__(self, numbers: Mapping[Condition, int], asks: Mapping[int, Ask]) -> None:
        self.sorted = found = Sorted()
        for condition, number in numbers.items():
            _sort_in(found, condition, number, asks[number])
        self.ages = Pieces(found.ages)
        self._instant = Pieces(found.spans.get(FieldType.DATE, ()))
        self._number = Pieces(found.spans[FieldType.NUMBER]) if FieldType.NUMBER in found.spans else None
        self._size = Pieces(found.spans[FieldType.LIST]) if FieldType.LIST in found.spans else None
        self._dated = bool(found.ages or found.days or FieldType.DATE in found.spans)
        self._in_texts = bool(found.starts or found.ends or found.parts or found.initials or found.domains)
        self._of_texts = self._in_texts or not found.equal.keys().isdisjoint({FieldType.STRING, FieldType.PHONE})
        self.told_by_text = not self._dated and not found.clocked
        """Whether all follows from a text alone: instants are hardly ever the same."""
        self.in_order = len(found.ages) + sum(map(len, found.spans.values()))
        """How many conditions hold along a line, where a good part of them holds of any value."""

    def truths(self, contact: Contact, value: object, now: int | None) -> int:
        """As `Field.truths`, of a value that is there."""
        found = self.sorted.of_any ^ self._looked_up(value, now)
        for number, ask in self.sorted.others:
            if ask(contact) is True:
                found |= 1 << number
        if now is not None:
            for number, ask in self.sorted.clocked:
                outcome = ask(contact)
                if outcome if isinstance(outcome, bool) else outcome.holds(now):
                    found |= 1 << number
        return found

    def _looked_up(self, value: object, now: int | None) -> int:
        match value:
            case str():
                found = self._of_text(value) if self._of_texts else 0
                return found | self._of_instant(value, now) if self._dated else found
            case bool():
                return self._hit(FieldType.BOOLEAN, value)
            case int() | float():
                return self._number.at(double_of(value)) if self._number is not None else 0
            case list() | tuple():
                return self._of_list(value)
            case datetime():
                return self._of_instant(value, now)
            case _:
                return 0

    def _hit(self, kind: FieldType, value: object) -> int:
        equal = self.sorted.equal.get(kind)
        return equal.get(value, 0) if equal else 0

    def _of_text(self, value: str) -> int:
        asked, found = self.sorted, self._hit(FieldType.PHONE, value)
        folded = _fold(value)
        found |= self._hit(FieldType.STRING, folded)
        if not self._in_texts:
            return found
        for length, texts in asked.starts.items():
            found |= texts.get(folded[:length], 0)
        for length, texts in asked.ends.items():
            found |= texts.get(folded[-length:], 0)
        for part, bit in asked.parts.items():
            if part in folded:
                found |= bit
        if asked.initials:
            own = initials(value)
            for part, bit in asked.initials.items():
                if part in own:
                    found |= bit
        if asked.domains and "@" in value:
            found |= asked.domains.get(folded.rpartition("@")[2], 0)
        return found

    def _of_list(self, value: list[object] | tuple[object, ...]) -> int:
        asked, found = self.sorted, self._size.at(len(value)) if self._size is not None else 0
        equal = asked.equal.get(FieldType.LIST)
        elements = {text for element in value if isinstance(element, str) and (text := _fold(element))}
        for element in elements:
            if equal:
                found |= equal.get(element, 0)
            for length, texts in asked.prefixes.items():
                found |= texts.get(element[:length], 0)
            for wanted, exactly, bit in asked.several.get(element, ()):
                if elements == wanted if exactly else elements >= wanted:
                    found |= bit
        return found

    def _of_instant(self, value: object, now: int | None) -> int:
        if (t := instant_of(value)) is None:
            return 0
        found = self._instant.at(t)
        if now is not None:
            found |= self.ages.at(now - t)
        for zone, days in self.sorted.days.items():
            found |= days.get(windows.day_of(t, zone), 0)
        return found


def _sort_in(asked: Sorted, condition: Condition, number: int, ask: Ask) -> None:
    """Put a condition where it is found by a value; by itself, where no order helps."""
    bit = 1 << number
    if ask({}) is True:
        asked.of_none |= bit
    operator = NEGATIVE.get(condition.operator, condition.operator)
    if operator is Operator.EXISTS:
        asked.of_any |= 0 if condition.operator in NEGATIVE else bit
    elif condition.term_set is None and _looked_up(asked, condition, operator, bit, number):
        asked.of_any |= bit if condition.operator in NEGATIVE else 0
    elif condition.operator in CLOCKED:
        asked.clocked.append((number, ask))
    else:
        asked.others.append((number, ask))


def _looked_up(asked: Sorted, condition: Condition, operator: Operator, bit: int, number: int) -> bool:
    """Note which values the condition holds of, where that can be looked up."""
    kind = condition.type
    match kind, operator:
        case FieldType.LIST, Operator.SIZE:
            (size,) = condition.values
            assert isinstance(size, Size)
            asked.spans.setdefault(kind, []).append((*_compared(size.op, float(size.n)), number))
        case FieldType.NUMBER, _:
            asked.spans.setdefault(kind, []).extend((*span, number) for span in _number_spans(condition, operator))
        case _, Operator.EQ | Operator.HAS_ANY:
            equal = asked.equal.setdefault(FieldType.STRING if kind is FieldType.EMAIL else kind, {})
            for value in set(condition.values):
                equal[value] = equal.get(value, 0) | bit
        case FieldType.LIST, Operator.HAS_ALL | Operator.IS_EXACTLY if condition.values:
            wanted = frozenset(map(str, condition.values))
            asked.several.setdefault(min(wanted), []).append((wanted, operator is Operator.IS_EXACTLY, bit))
        case FieldType.STRING | FieldType.EMAIL | FieldType.LIST, _ if (texts := _texts(asked, operator)) is not None:
            for text in map(str, condition.values):
                place = texts(text)
                place[text] = place.get(text, 0) | bit
        case FieldType.DATE, Operator.ON:
            days = asked.days.setdefault(condition.zone, {})
            for day in {date.fromisoformat(str(value)).toordinal() - EPOCH.toordinal() for value in condition.values}:
                days[day] = days.get(day, 0) | bit
        case FieldType.DATE, Operator.BEFORE | Operator.AFTER | Operator.BETWEEN:
            asked.spans.setdefault(kind, []).append((*_instants(condition, operator), number))
        case FieldType.DATE, _ if operator in WINDOWS:
            asked.ages.append((*_age(condition, operator), number))
        case _:
            return False
    return True


def _texts(asked: Sorted, operator: Operator) -> Callable[[str], _Texts] | None:
    """Where the texts are noted that a text must have in it, each by its length where it must stand at an end."""
    match operator:
        case Operator.HAS_PREFIX:
            return lambda text: asked.prefixes.setdefault(len(text), {})
        case Operator.STARTS_WITH:
            return lambda text: asked.starts.setdefault(len(text), {})
        case Operator.ENDS_WITH:
            return lambda text: asked.ends.setdefault(len(text), {})
        case Operator.CONTAINS:
            return lambda _: asked.parts
        case Operator.CHOSUNG:
            return lambda _: asked.initials
        case Operator.DOMAIN:
            return lambda _: asked.domains
        case _:
            return None


def _number_spans(condition: Condition, operator: Operator) -> list[tuple[float | None, float | None]]:
    operands = [float(value) for value in condition.values if isinstance(value, int | float)]
    match operator:
        case Operator.EQ:
            return [_compared(Operator.EQ, operand) for operand in set(operands)]
        case Operator.BETWEEN:
            return [(operands[0], nextafter(operands[1], _INFINITY))]
        case _:
            return [_compared(one_of(COMPARISONS, operator), operands[0])]


def _compared(operator: Comparison, operand: float) -> tuple[float | None, float | None]:
    match operator:
        case Operator.EQ:
            return operand, nextafter(operand, _INFINITY)
        case Operator.GT:
            return nextafter(operand, _INFINITY), None
        case Operator.GTE:
            return operand, None
        case Operator.LT:
            return None, operand
        case Operator.LTE:
            return None, nextafter(operand, _INFINITY)
        case _:
            assert_never(operator)


def _instants(condition: Condition, operator: Operator) -> tuple[int | None, int | None]:
    limits = [value for value in condition.values if isinstance(value, int)]
    match operator:
        case Operator.BEFORE:
            return None, limits[0]
        case Operator.AFTER:
            return limits[0] + 1, None
        case _:
            return limits[0], limits[1]


def _age(condition: Condition, operator: Operator) -> tuple[int, int | None]:
    """How long ago, in milliseconds, an instant is wherever the window holds of it; below zero where it is yet to come."""
    (window,) = condition.values
    assert isinstance(window, Window)
    match operator:
        case Operator.WITHIN_LAST:
            return 0, window.millis
        case Operator.NOT_WITHIN_LAST:
            return window.millis, None
        case _:
            return -window.millis, 0
