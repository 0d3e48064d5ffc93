"""The distinct conditions on one field of a channel's segments, each asked once however many segments have it. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from math import nextafter
from typing import TypeAlias, assert_never

from common.built_ins import value_at
from common.clock import EPOCH
from common.filters import Condition, FieldType, Operator, Size, Window, fold, windows
from common.filters.outcomes import Contact, Outcome, TermValues, double_of, instant_of, outcome_of, value_of
from common.filters.tree import COMPARISONS, NEGATIVE, Comparison, one_of
from segments.flips import bits
from segments.flips.pieces import Pieces, Span

_PAIRS = frozenset({Operator.BETWEEN, Operator.NOT_BETWEEN})
_WINDOWS = frozenset({Operator.WITHIN_LAST, Operator.NOT_WITHIN_LAST, Operator.WITHIN_NEXT})
_CLOCKED = _WINDOWS | {Operator.CALENDAR, Operator.ANNIVERSARY}
_MOST_REMEMBERED = 1024
_INFINITY = float("inf")

_Ask: TypeAlias = Callable[[Contact], Outcome]


def canonical(condition: Condition) -> Condition:
    """The condition as it is told from others: of values of which any will do, the order and a second time mean nothing."""
    if len(condition.values) < 2 or condition.operator in _PAIRS:
        return condition
    return replace(condition, values=tuple(sorted(set(condition.values), key=repr)))


@dataclass
class _Asked:
    """How the conditions are found that hold of a value: numbers of conditions as bits throughout."""

    of_none: int = 0
    of_any: int = 0
    """Those that hold of every value, or whose opposite is looked up."""
    equal: dict[FieldType, dict[object, int]] = field(default_factory=dict[FieldType, dict[object, int]])
    days: dict[str, dict[int, int]] = field(default_factory=dict[str, dict[int, int]])
    spans: dict[FieldType, list[Span]] = field(default_factory=dict[FieldType, list[Span]])
    ages: list[Span] = field(default_factory=list[Span])
    others: list[tuple[int, _Ask]] = field(default_factory=list[tuple[int, _Ask]])
    clocked: list[tuple[int, _Ask]] = field(default_factory=list[tuple[int, _Ask]])


class Field:
    """One key. A condition has a number, given again when nobody asks it any more; segments have theirs from the channel.

    `needed[n]` are the segments that are false where condition n is false, `unwanted[n]` those that are false where it is true,
    `above[n]` all that have it.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self._profile_key = key.removeprefix("profile.") if key.startswith("profile.") else None
        self.numbers: dict[Condition, int] = {}
        self.above: list[int] = []
        self._needed: list[int] = []
        self._unwanted: list[int] = []
        self._free: list[int] = []
        self._asks: dict[int, _Ask] = {}
        self._stale = True

    def add(self, condition: Condition, segment: int, terms: TermValues) -> int:
        """Note that a segment asks this condition; answers its number."""
        number = self.numbers.get(condition)
        if number is None:
            number = self._free.pop() if self._free else len(self.above)
            if number == len(self.above):
                for column in (self.above, self._needed, self._unwanted):
                    column.append(0)
            self.numbers[condition] = number
            self._asks[number] = outcome_of(condition, terms)
        self.above[number] |= 1 << segment
        self._stale = True
        return number

    def need(self, number: int, segment: int, *, wanted: bool) -> None:
        """Note that the segment is false wherever the condition is not as it is wanted."""
        (self._needed if wanted else self._unwanted)[number] |= 1 << segment

    def drop(self, condition: Condition, segment: int) -> None:
        """The segment asks this no more."""
        number = self.numbers[condition]
        for column in (self.above, self._needed, self._unwanted):
            column[number] &= ~(1 << segment)
        if not self.above[number]:
            del self.numbers[condition]
            del self._asks[number]
            self._free.append(number)
        self._stale = True

    def prepare(self) -> None:
        """Make ready what was changed; the first question would."""
        if self._stale:
            self._prepare()

    @property
    def one_by_one(self) -> int:
        """How many conditions are asked each by itself."""
        self.prepare()
        return len(self._asked.others) + len(self._asked.clocked)

    @property
    def moves(self) -> bool:
        """Whether the clock alone can turn any of the conditions."""
        self.prepare()
        return bool(self._asked.ages or self._asked.clocked)

    def value(self, contact: Contact) -> object:
        """The contact's value, as conditions see it."""
        return value_of(contact, self.key)

    def differs(self, old: Contact, new: Contact) -> bool:
        """Whether the value may be another: what is written alike is the same."""
        if self._profile_key is not None:
            before, after = old.get("profile"), new.get("profile")
            if isinstance(before, Mapping) and isinstance(after, Mapping):
                return not _alike(before.get(self._profile_key), after.get(self._profile_key))
            return True
        return not _alike(value_at(old, self.key), value_at(new, self.key))

    def truths(self, contact: Contact, value: object, now: int | None) -> int:
        """The conditions that are true of a contact, whose value this is, at an instant (milliseconds).

        Without an instant those alone count that the clock cannot turn.
        """
        self.prepare()
        asked = self._asked
        if value is None:
            return asked.of_none
        found = asked.of_any ^ self._looked_up(value, now)
        for number, ask in asked.others:
            if ask(contact) is True:
                found |= 1 << number
        if now is not None:
            for number, ask in asked.clocked:
                outcome = ask(contact)
                if outcome if isinstance(outcome, bool) else outcome.look(now)[0]:
                    found |= 1 << number
        return found

    def lacking(self, true: int, *, still: bool = False) -> int:
        """The segments that are false whatever else is true, given which conditions are.

        `still` leaves out what the clock may turn.
        """
        self.prepare()
        known = (true, still)
        found = self._remembered.get(known)
        if found is None:
            asked = self._still if still else -1
            found = bits.joined(self._needed, self._all & ~true & asked) | bits.joined(self._unwanted, self._all & true & asked)
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[known] = found
        return found

    def over(self, conditions: int) -> int:
        """The segments that have any of these conditions."""
        return bits.joined(self.above, conditions)

    def turned(self, contact: Contact, value: object, after: int, until: int) -> int:
        """The conditions that the clock turns after an instant, up to and including another."""
        self.prepare()
        found = 0
        t = instant_of(value)
        if t is not None:
            found = self._ages.turned(after - t, until - t)
        for number, ask in self._asked.clocked:
            following = _next(ask(contact), after)
            if following is not None and following <= until:
                found |= 1 << number
        return found

    def next_turn(self, contact: Contact, value: object, now: int, among: int) -> int | None:
        """The first instant after `now` at which the clock turns a condition that any of these segments has."""
        self.prepare()
        instants: list[int] = []
        t = instant_of(value)
        if t is not None:
            for age, turning in self._ages.following(now - t):
                if any(self.above[number] & among for number in turning):
                    instants.append(t + int(age))
                    break
        for number, ask in self._asked.clocked:
            if self.above[number] & among and (following := _next(ask(contact), now)) is not None:
                instants.append(following)
        return min(instants, default=None)

    def _looked_up(self, value: object, now: int | None) -> int:
        match value:
            case bool():
                return self._hit(FieldType.BOOLEAN, value)
            case int() | float():
                return self._number.at(double_of(value)) if self._number is not None else 0
            case list() | tuple():
                return self._of_list(value)
            case str():
                return self._of_text(value) | self._of_instant(value, now)
            case datetime():
                return self._of_instant(value, now)
            case _:
                return 0

    def _hit(self, kind: FieldType, value: object) -> int:
        equal = self._asked.equal.get(kind)
        return equal.get(value, 0) if equal else 0

    def _of_text(self, value: str) -> int:
        equal = self._asked.equal
        found = equal[FieldType.PHONE].get(value, 0) if FieldType.PHONE in equal else 0
        if FieldType.STRING in equal:
            found |= equal[FieldType.STRING].get(fold(value), 0)
        return found

    def _of_list(self, value: list[object] | tuple[object, ...]) -> int:
        found = self._size.at(len(value)) if self._size is not None else 0
        if equal := self._asked.equal.get(FieldType.LIST):
            for element in value:
                if isinstance(element, str):
                    found |= equal.get(fold(element), 0)
        return found

    def _of_instant(self, value: object, now: int | None) -> int:
        if not self._dated or (t := instant_of(value)) is None:
            return 0
        found = self._instant.at(t)
        if now is not None:
            found |= self._ages.at(now - t)
        for zone, days in self._asked.days.items():
            found |= days.get(windows.day_of(t, zone), 0)
        return found

    def _prepare(self) -> None:
        self._asked = asked = _Asked()
        self._all = bits.of(self.numbers.values())
        self._still = bits.of(number for condition, number in self.numbers.items() if condition.operator not in _CLOCKED)
        self._remembered: dict[tuple[int, bool], int] = {}
        for condition, number in self.numbers.items():
            _sort_in(asked, condition, number, self._asks[number])
        self._ages = Pieces(asked.ages)
        self._instant = Pieces(asked.spans.get(FieldType.DATE, ()))
        self._number = Pieces(asked.spans[FieldType.NUMBER]) if FieldType.NUMBER in asked.spans else None
        self._size = Pieces(asked.spans[FieldType.LIST]) if FieldType.LIST in asked.spans else None
        self._dated = bool(asked.ages or asked.days or FieldType.DATE in asked.spans)
        self._stale = False


def _sort_in(asked: _Asked, condition: Condition, number: int, ask: _Ask) -> None:
    """Put a condition where it is found by a value; by itself, where no order helps."""
    bit = 1 << number
    if ask({}) is True:
        asked.of_none |= bit
    operator = NEGATIVE.get(condition.operator, condition.operator)
    if operator is Operator.EXISTS:
        asked.of_any |= 0 if condition.operator in NEGATIVE else bit
    elif _looked_up(asked, condition, operator, number):
        asked.of_any |= bit if condition.operator in NEGATIVE else 0
    elif condition.operator in _CLOCKED:
        asked.clocked.append((number, ask))
    else:
        asked.others.append((number, ask))


def _looked_up(asked: _Asked, condition: Condition, operator: Operator, number: int) -> bool:
    """Note which values the condition holds of, where that can be looked up."""
    if condition.term_set is not None:
        return False
    kind, bit = condition.type, 1 << number
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
        case FieldType.DATE, Operator.ON:
            days = asked.days.setdefault(condition.zone, {})
            for day in {date.fromisoformat(str(value)).toordinal() - EPOCH.toordinal() for value in condition.values}:
                days[day] = days.get(day, 0) | bit
        case FieldType.DATE, Operator.BEFORE | Operator.AFTER | Operator.BETWEEN:
            asked.spans.setdefault(kind, []).append((*_instants(condition, operator), number))
        case FieldType.DATE, _ if operator in _WINDOWS:
            asked.ages.append((*_age(condition, operator), number))
        case _:
            return False
    return True


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


def _next(outcome: Outcome, after: int) -> int | None:
    return None if isinstance(outcome, bool) else outcome.look(after)[1]


def _alike(one: object, other: object) -> bool:
    """Whether two values of JSON are the same, True and 1 not."""
    if type(one) is not type(other) or one != other:
        return False
    if isinstance(one, list) and isinstance(other, list):
        return all(type(a) is type(b) for a, b in zip(one, other, strict=True))
    return True
