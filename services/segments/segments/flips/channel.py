"""A channel's segments over the distinct conditions that they are made of: which of them a change, or the clock, can flip. Pure.

What is found may be more than what flips, never less: whoever asks judges what is found by each segment's own filter.
"""

from collections.abc import Hashable, Iterable, Iterator
from typing import Generic, TypeVar

from common.filters import And, Condition, Node, Not, Or, conditions
from common.filters.outcomes import Contact, TermValues
from segments.flips import bits
from segments.flips.field import Field, canonical

S = TypeVar("S", bound=Hashable)
_FEW = 2
"""So many segments are judged sooner than more fields are asked whether it can be any of them."""


class Flips(Generic[S]):
    """The segments, each put in and taken out by itself."""

    def __init__(self) -> None:
        self.fields: dict[str, Field] = {}
        self._numbers: dict[S, int] = {}
        self._segments: list[S | None] = []
        self._nodes: dict[S, Node] = {}
        self._free: list[int] = []
        self._all = 0

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def conditions(self) -> int:
        """How many distinct conditions there are."""
        return sum(len(field.numbers) for field in self.fields.values())

    def put(self, segment: S, node: Node, terms: TermValues) -> None:
        """Put a segment in, by its filter with all segments inlined, or another filter in place of the one that it has."""
        self.discard(segment)
        number = self._free.pop() if self._free else len(self._segments)
        if number == len(self._segments):
            self._segments.append(None)
        self._segments[number], self._numbers[segment], self._nodes[segment] = segment, number, node
        self._all |= 1 << number
        for condition in {canonical(each) for each in conditions(node)}:
            self._field(condition.key).add(condition, number, terms)
        for condition, wanted in _needs(node, wanted=True):
            field = self.fields[condition.key]
            field.need(field.numbers[canonical(condition)], number, wanted=wanted)

    def drop(self, segment: S) -> None:
        """Take a segment out."""
        number = self._numbers.pop(segment)
        self._segments[number] = None
        self._all &= ~(1 << number)
        self._free.append(number)
        for condition in {canonical(each) for each in conditions(self._nodes.pop(segment))}:
            field = self.fields[condition.key]
            field.drop(condition, number)
            if not field.numbers:
                del self.fields[condition.key]

    def discard(self, segment: S) -> None:
        """Take a segment out, if it is there."""
        if segment in self._numbers:
            self.drop(segment)

    def prepare(self) -> None:
        """Make ready what was changed, so that no question has to."""
        for field in self.fields.values():
            field.prepare()

    def changed(self, old: Contact, new: Contact, now: int) -> list[S]:
        """The segments that are true at `now` (milliseconds) of one of two states of a contact, and false of the other."""
        others: list[Field] = []
        over = lacking_before = lacking_after = 0
        for field in self.fields.values():
            if not field.differs(old, new):
                others.append(field)
                continue
            before = field.truths(old, field.value(old), now)
            after = field.truths(new, field.value(new), now)
            if before != after:
                over |= field.over(before ^ after)
            lacking_before |= field.lacking(before)
            lacking_after |= field.lacking(after)
        return self._named(_without_lacking(others, over & ~(lacking_before & lacking_after), new, now))

    def possible(self, contact: Contact, now: int) -> list[S]:
        """The segments that are true of a contact."""
        return self._named(_without_lacking(self.fields.values(), self._all, contact, now, most=0))

    def turned(self, contact: Contact, after: int, until: int) -> list[S]:
        """The segments that the clock alone may flip after an instant, up to and including another."""
        over = 0
        for field in self.fields.values():
            if field.moves:
                over |= field.over(field.turned(contact, field.value(contact), after, until))
        return self._named(over & ~self._still_lacking(contact) if over else 0)

    def due(self, contact: Contact, now: int) -> int | None:
        """An instant after `now` before which the clock flips no segment; None where it never does."""
        turns = (field.next_turn(contact, field.value(contact), now, self._all) for field in self.fields.values() if field.moves)
        return min((turn for turn in turns if turn is not None), default=None)

    def woken(self, contact: Contact, after: int, until: int) -> tuple[list[S], int | None]:
        """What the clock may flip after an instant up to and including `until`, and an instant before which it flips no more.

        That one is later than `due` would have it, and dearer to find: it counts only if a segment that it might flip lacks
        nothing that the clock leaves as it is.
        """
        moving = [(field, field.value(contact)) for field in self.fields.values() if field.moves]
        if not moving:
            return [], None
        among = self._all & ~self._still_lacking(contact)
        over, turns = 0, list[int]()
        for field, value in moving:
            over |= field.over(field.turned(contact, value, after, until))
            if (turn := field.next_turn(contact, value, until, among)) is not None:
                turns.append(turn)
        return self._named(over & among), min(turns, default=None)

    def _field(self, key: str) -> Field:
        field = self.fields.get(key)
        if field is None:
            field = self.fields[key] = Field(key)
        return field

    def _still_lacking(self, contact: Contact) -> int:
        found = 0
        for field in self.fields.values():
            found |= field.lacking(field.truths(contact, field.value(contact), None), still=True)
        return found

    def _named(self, found: int) -> list[S]:
        return [segment for number in bits.numbers(found) if (segment := self._segments[number]) is not None]


def _without_lacking(fields: Iterable[Field], found: int, contact: Contact, now: int, most: int = _FEW) -> int:
    """Those of the segments that lack nothing of these fields; no more fields are asked once there are only so many."""
    for field in fields:
        left = found.bit_count()
        if left <= most:
            break
        if field.one_by_one <= left:
            found &= ~field.lacking(field.truths(contact, field.value(contact), now))
    return found


def _needs(node: Node, *, wanted: bool) -> Iterator[tuple[Condition, bool]]:
    """The conditions that must be so, or (False) must not be so, for the filter to come out as it is wanted."""
    match node:
        case Condition():
            yield node, wanted
        case Not(child):
            yield from _needs(child, wanted=not wanted)
        case And(children) | Or(children) if len(children) == 1 or isinstance(node, And) is wanted:
            for child in children:
                yield from _needs(child, wanted=wanted)
        case And() | Or():
            return
