"""The distinct conditions on one field of a channel's segments, each asked once however many segments have it. Pure."""

from collections.abc import Callable
from dataclasses import replace
from sys import getsizeof
from typing import TypeVar

from common.filters import Condition, Operator
from common.filters.outcomes import Contact, Outcome, TermValues, instant_of, outcome_of, reader
from segments.flips import bits
from segments.flips.bits import Kept
from segments.flips.lookup import CLOCKED, Ask, Lookup

_PAIRS = frozenset({Operator.BETWEEN, Operator.NOT_BETWEEN})
_MOST_BYTES = 1 << 17
"""So much is remembered of each kind of answer, but sixteen of them at least."""
_FEW = 128
_K = TypeVar("_K")


def canonical(condition: Condition) -> Condition:
    """The condition as it is told from others: of values of which any will do, the order and a second time mean nothing."""
    if len(condition.values) < 2 or condition.operator in _PAIRS:
        return condition
    return replace(condition, values=tuple(sorted(set(condition.values), key=repr)))


class Field:
    """One key. A condition has a number, given again when nobody asks it any more; segments have theirs from the channel.

    `needed[n]` are the segments that are false where condition n is false, `unwanted[n]` those that are false where it is true,
    `above[n]` all that have it. What is asked again and again is remembered, up to a bound.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self.value: Callable[[Contact], object] = reader(key)
        """The contact's value, as conditions see it."""
        self.numbers: dict[Condition, int] = {}
        self.above: list[Kept] = []
        self._needed: list[Kept] = []
        self._unwanted: list[Kept] = []
        self._free: list[int] = []
        self._bits: list[int] = []
        self._asks: dict[int, Ask] = {}
        self._stale = True

    def add(self, condition: Condition, segment: int, terms: TermValues) -> None:
        """Note that a segment asks this condition."""
        number = self.numbers.get(condition)
        if number is None:
            number = self._free.pop() if self._free else len(self.above)
            if number == len(self.above):
                for column in (self.above, self._needed, self._unwanted):
                    column.append(bits.NONE)
                self._bits.append(1 << number)
            self.numbers[condition] = number
            self._asks[number] = outcome_of(condition, terms)
        self.above[number] = bits.with_one(self.above[number], segment)
        self._stale = True

    def need(self, condition: Condition, segment: int, *, wanted: bool) -> int:
        """Note that the segment is false wherever the condition is not as it is wanted; answers the condition's bit."""
        number = self.numbers[condition]
        column = self._needed if wanted else self._unwanted
        column[number] = bits.with_one(column[number], segment)
        return self._bits[number]

    def drop(self, condition: Condition, segment: int) -> None:
        """The segment asks this no more."""
        number = self.numbers[condition]
        for column in (self.above, self._needed, self._unwanted):
            column[number] = bits.without_one(column[number], segment)
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
    def deciding(self) -> int:
        """The segments that can be told to be false by this field alone."""
        self.prepare()
        return self._deciding

    @property
    def is_small(self) -> bool:
        """Whether few of its conditions are true at a time, so that which segments lack any is soon told."""
        self.prepare()
        return self._lookup.in_order <= _FEW and not self._lookup.sorted.others

    @property
    def moves(self) -> bool:
        """Whether the clock alone can turn any of the conditions."""
        self.prepare()
        return bool(self._lookup.sorted.ages or self._lookup.sorted.clocked)

    def bytes(self) -> int:
        """What its sets of segments take, and those that are remembered."""
        self.prepare()
        kept = sum(map(getsizeof, (*self.above, *self._needed, *self._unwanted)))
        return kept + sum(map(getsizeof, (*self._lacking.values(), *self._lacking_still.values())))

    def truths(self, contact: Contact, value: object, now: int | None) -> int:
        """The conditions that are true of a contact, whose value this is, at an instant (milliseconds).

        Without an instant those alone count that the clock cannot turn.
        """
        if self._stale:
            self._prepare()
        lookup = self._lookup
        if value is None:
            return lookup.sorted.of_none
        if not lookup.told_by_text or not isinstance(value, str):
            return lookup.truths(contact, value, now)
        found = self._by_text.get(value)
        if found is None:
            found = self._remember(self._by_text, value, lookup.truths(contact, value, now))
        return found

    def lacking(self, true: int) -> int:
        """The segments that are false whatever else is true, given which conditions are."""
        found = self._lacking.get(true)
        if found is None:
            found = self._remember(self._lacking, true, self._without(true, -1, self._once))
        return found

    def lacking_still(self, true: int) -> int:
        """The same, by those conditions alone that the clock cannot turn."""
        found = self._lacking_still.get(true)
        if found is None:
            found = self._remember(self._lacking_still, true, self._without(true, self.still, self._once_still))
        return found

    def _without(self, true: int, asked: int, once: int) -> int:
        """By the conditions asked; `once` are the segments that need one of these and no other.

        Of the conditions that are true as a rule those are gone through that are not, of the others those that are.
        """
        usual = self._lookup.sorted.of_any
        seldom, untrue = asked & ~usual, asked & usual & ~true
        found = once & ~self._usually & ~bits.joined(self._needed, self._needing & seldom & true)
        found |= bits.joined(self._needed, self._needing & untrue)
        found |= self._several & bits.joined(self._needed, self._of_several & seldom & ~true)
        return found | bits.joined(self._unwanted, self._unwanting & asked & true)

    def over(self, conditions: int, some: set[int]) -> int:
        """The segments that have any of these conditions: many as bits, the others put in among `some`."""
        found = 0
        for number in bits.numbers(conditions):
            above = self.above[number]
            if isinstance(above, int):
                found |= above
            else:
                some.update(above)
        return found

    def turned(self, contact: Contact, value: object, after: int, until: int) -> int:
        """The conditions that the clock turns after an instant, up to and including another."""
        self.prepare()
        found = 0
        t = instant_of(value)
        if t is not None:
            found = self._lookup.ages.turned(after - t, until - t)
        for number, ask in self._lookup.sorted.clocked:
            following = _next(ask(contact), after)
            if following is not None and following <= until:
                found |= 1 << number
        return found

    def next_turn(self, contact: Contact, value: object, now: int, counts: Callable[[Kept], bool] | None) -> int | None:
        """The first instant after `now` at which the clock turns a condition, of whose segments any `counts` (None: all do)."""
        self.prepare()
        first: int | None = None
        t = instant_of(value)
        if t is not None:
            if counts is None:
                age = self._lookup.ages.next_edge(now - t)
            else:
                age = next(
                    (a for a, turning in self._lookup.ages.following(now - t) if any(counts(self.above[n]) for n in turning)),
                    None,
                )
            first = None if age is None else t + int(age)
        for number, ask in self._lookup.sorted.clocked:
            if counts is None or counts(self.above[number]):
                following = _next(ask(contact), now)
                if following is not None and (first is None or following < first):
                    first = following
        return first

    def _prepare(self) -> None:
        self._lookup = Lookup(self.numbers, self._asks)
        self.still = bits.of(number for condition, number in self.numbers.items() if condition.operator not in CLOCKED)
        self._weigh()
        self._by_text: dict[str, int] = {}
        self._lacking: dict[int, int] = {}
        self._lacking_still: dict[int, int] = {}
        self._stale = False

    def _weigh(self) -> None:
        """Which segments need one of the conditions, or several, and which conditions those are."""
        every = several = 0
        for number in self.numbers.values():
            by_this = bits.of_kept(self._needed[number])
            several |= every & by_this
            every |= by_this
        self._several, self._once = several, every & ~several
        self._needing = bits.of(number for number in self.numbers.values() if self._needed[number])
        self._unwanting = bits.of(number for number in self.numbers.values() if self._unwanted[number])
        self._once_still = self._once & bits.joined(self._needed, self._needing & self.still)
        self._usually = bits.joined(self._needed, self._needing & self._lookup.sorted.of_any)
        self._of_several = bits.of(n for n in self.numbers.values() if bits.touches(self._needed[n], several))
        self._deciding = every | bits.joined(self._unwanted, self._unwanting)
        self._most = max(16, min(1024, _MOST_BYTES // getsizeof(self._deciding)))

    def _remember(self, known: dict[_K, int], key: _K, found: int) -> int:
        if len(known) >= self._most:
            known.clear()
        known[key] = found
        return found


def _next(outcome: Outcome, after: int) -> int | None:
    return None if isinstance(outcome, bool) else outcome.look(after)[1]
