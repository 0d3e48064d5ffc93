"""A channel's segments over the distinct conditions that they are made of: which of them a change, or the clock, can flip. Pure.

What is found may be more than what flips, never less: whoever asks judges what is found by each segment's own filter.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from functools import cached_property
from operator import is_
from typing import Any, Generic, TypeVar

from common.built_ins import value_at
from common.filters import And, Condition, Node, Not, Or, conditions
from common.filters.outcomes import Contact, TermValues
from segments.flips import bits
from segments.flips.bits import Kept
from segments.flips.field import Field, canonical

S = TypeVar("S", bound=Hashable)
_MANY = 64
"""So many segments are looked at one by one sooner than all at once are told apart by what they lack."""

_WORTH = 4
"""For fewer of them a field is not asked which segments lack something of it."""

_Needs = tuple[tuple[Field, int, int], ...]
"""What a segment needs: a field's condition, as its bit, and what must be left of the true ones by it: the bit, or nothing."""


class _Still:
    """Which of a contact's segments lack nothing that the clock leaves as it is: of few told one by one, of many all at once."""

    def __init__(self, flips: "Flips[Any]", contact: Contact) -> None:
        self._flips = flips
        self._contact = contact
        self._truths: dict[Field, int] = {}

    @cached_property
    def among(self) -> int:
        """Those that do."""
        return self._flips.lacking_nothing_still(self._contact)

    def lacks(self, number: int) -> bool:
        """Whether this one lacks something."""
        return self._flips.lacks_still(number, self._truths, self._contact)

    def touches(self, kept: Kept) -> bool:
        """Whether any of these lacks nothing."""
        return bool(kept & self.among) if isinstance(kept, int) else not all(map(self.lacks, kept))


class Flips(Generic[S]):
    """The segments, each put in and taken out by itself."""

    def __init__(self) -> None:
        self.fields: dict[str, Field] = {}
        self._numbers: dict[S, int] = {}
        self._segments: list[S | None] = []
        self._nodes: dict[S, Node] = {}
        self._needs: list[_Needs] = []
        self._free: list[int] = []
        self._all = 0
        self._ready = False

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def conditions(self) -> int:
        """How many distinct conditions there are."""
        return sum(len(field.numbers) for field in self.fields.values())

    def put(self, segment: S, node: Node, terms: TermValues) -> None:
        """Put a segment in, by its filter with all segments inlined, or another filter in place of the one that it has."""
        self.discard(segment)
        self._ready = False
        number = self._free.pop() if self._free else len(self._segments)
        if number == len(self._segments):
            self._segments.append(None)
            self._needs.append(())
        self._segments[number], self._numbers[segment], self._nodes[segment] = segment, number, node
        self._all |= 1 << number
        for condition in {canonical(each) for each in conditions(node)}:
            self._field(condition.key).add(condition, number, terms)
        needs: list[tuple[Field, int, int]] = []
        for condition, wanted in _needs(node, wanted=True):
            field = self.fields[condition.key]
            bit = field.need(canonical(condition), number, wanted=wanted)
            needs.append((field, bit, bit if wanted else 0))
        self._needs[number] = tuple(needs)

    def drop(self, segment: S) -> None:
        """Take a segment out."""
        self._ready = False
        number = self._numbers.pop(segment)
        self._segments[number], self._needs[number] = None, ()
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
        if self._ready:
            return
        every = list(self.fields.values())
        for field in every:
            field.prepare()
        self._of_profile = [(f.key.removeprefix("profile."), f) for f in every if f.key.startswith("profile.")]
        self._built_in = [field for field in every if not field.key.startswith("profile.")]
        self._moving = [field for field in every if field.moves]
        # Those first that leave out the most.
        self._deciding = [field for field in every if field.deciding]
        self._deciding.sort(key=lambda field: field.deciding.bit_count(), reverse=True)
        self._small = [field for field in self._deciding if field.is_small]
        self._wide = 0
        for field in self._deciding:
            self._wide |= 0 if field.is_small else field.deciding
        self._ready = True

    def changed(self, old: Contact, new: Contact, now: int) -> list[S]:
        """The segments that are true at `now` (milliseconds) of one of two states of a contact, and false of the other."""
        self.prepare()
        truths: dict[Field, tuple[int, int]] = {}
        some: set[int] = set()
        many = 0
        for field in self._differing(old, new):
            before, after = truths[field] = (
                field.truths(old, field.value(old), now),
                field.truths(new, field.value(new), now),
            )
            if before != after:
                many |= field.over(before ^ after, some)
        if not many and len(some) <= _MANY:
            return self._not_lacking(some, truths, new, now)
        found = self._without_lacking(many | bits.of(some), truths, new, now)
        asked = found & self._wide  # the others need nothing but what was gone through
        return self._named(found ^ asked) + self._not_lacking(bits.numbers(asked), truths, new, now)

    def possible(self, contact: Contact, now: int) -> list[S]:
        """The segments that are true of a contact."""
        self.prepare()
        found = self._all
        for field in self._deciding:
            if not found:
                break
            found &= ~field.lacking(field.truths(contact, field.value(contact), now))
        return self._named(found)

    def turned(self, contact: Contact, after: int, until: int) -> list[S]:
        """The segments that the clock alone may flip after an instant, up to and including another."""
        self.prepare()
        some: set[int] = set()
        many = 0
        for field in self._moving:
            many |= field.over(field.turned(contact, field.value(contact), after, until), some)
        return self._still_possible(many, some, _Still(self, contact))

    def due(self, contact: Contact, now: int) -> int | None:
        """An instant after `now` before which the clock flips no segment; None where it never does."""
        self.prepare()
        first: int | None = None
        for field in self._moving:
            turn = field.next_turn(contact, field.value(contact), now, None)
            if turn is not None and (first is None or turn < first):
                first = turn
        return first

    def bytes(self) -> int:
        """What its sets of segments take, and those that are remembered."""
        return sum(field.bytes() for field in self.fields.values())

    def _differing(self, old: Contact, new: Contact) -> list[Field]:
        """The fields whose value may be another: what is written alike is the same."""
        found = [field for field in self._built_in if not _alike(value_at(old, field.key), value_at(new, field.key))]
        before, after = old.get("profile"), new.get("profile")
        if not isinstance(before, Mapping) or not isinstance(after, Mapping):
            return found + [field for _, field in self._of_profile]
        if (
            before == after
            and list(before) == list(after)
            and all(map(is_, map(type, before.values()), map(type, after.values())))
        ):
            return found  # nothing at all, as a visit leaves it
        return found + [field for key, field in self._of_profile if not _alike(before.get(key), after.get(key))]

    def _without_lacking(self, found: int, truths: Mapping[Field, tuple[int, int]], contact: Contact, now: int) -> int:
        """The segments without those that lack something of a small field before and after."""
        before, after = 0, 0
        for field, (was, is_now) in truths.items():
            if field.is_small:
                before |= field.lacking(was)
                after |= field.lacking(is_now)
        found &= ~(before & after)
        for field in self._small:
            if field not in truths and (found & field.deciding).bit_count() > _WORTH:
                found &= ~field.lacking(field.truths(contact, field.value(contact), now))
        return found

    def _not_lacking(self, found: Iterable[int], truths: dict[Field, tuple[int, int]], contact: Contact, now: int) -> list[S]:
        """Of these segments those that lack nothing before, or nothing after; `truths` are of both, of other fields the same."""
        named: list[S] = []
        for number in found:
            before = after = True
            for field, bit, left in self._needs[number]:
                known = truths.get(field)
                if known is None:
                    true = field.truths(contact, field.value(contact), now)
                    known = truths[field] = true, true
                if before and known[0] & bit != left:
                    before = False
                if after and known[1] & bit != left:
                    after = False
                if not before and not after:
                    break
            else:
                segment = self._segments[number]
                if segment is not None:
                    named.append(segment)
        return named

    def woken(self, contact: Contact, after: int, until: int) -> tuple[list[S], int | None]:
        """What the clock may flip after an instant up to and including `until`, and an instant before which it flips no more.

        That one is later than `due` would have it, and dearer to find: it counts only if a segment that it might flip lacks
        nothing that the clock leaves as it is.
        """
        self.prepare()
        if not self._moving:
            return [], None
        still = _Still(self, contact)
        some, many, turns = set[int](), 0, list[int]()
        for field in self._moving:
            value = field.value(contact)
            many |= field.over(field.turned(contact, value, after, until), some)
            if (turn := field.next_turn(contact, value, until, still.touches)) is not None:
                turns.append(turn)
        return self._still_possible(many, some, still), min(turns, default=None)

    def _still_possible(self, many: int, some: Iterable[int], still: "_Still") -> list[S]:
        """Of these segments those that lack nothing that the clock leaves as it is."""
        found = many & still.among if many else 0
        for number in some:
            if not found >> number & 1 and not still.lacks(number):
                found |= 1 << number
        return self._named(found)

    def _field(self, key: str) -> Field:
        field = self.fields.get(key)
        if field is None:
            field = self.fields[key] = Field(key)
        return field

    def lacks_still(self, number: int, truths: dict[Field, int], contact: Contact) -> bool:
        """Whether a segment lacks something that the clock leaves as it is; `truths` are those that are known."""
        for field, bit, left in self._needs[number]:
            if bit & field.still:
                known = truths.get(field)
                if known is None:
                    known = truths[field] = field.truths(contact, field.value(contact), None)
                if known & bit != left:
                    return True
        return False

    def lacking_nothing_still(self, contact: Contact) -> int:
        """All segments that lack nothing that the clock leaves as it is."""
        found = self._all
        for field in self._deciding:
            found &= ~field.lacking_still(field.truths(contact, field.value(contact), None))
        return found

    def _named(self, found: int) -> list[S]:
        return [segment for number in bits.numbers(found) if (segment := self._segments[number]) is not None]


def _alike(one: object, other: object) -> bool:
    """Whether two values of JSON are the same, True and 1 not."""
    if one is other:
        return True
    if type(one) is not type(other) or one != other:
        return False
    if isinstance(one, list) and isinstance(other, list):
        return all(type(a) is type(b) for a, b in zip(one, other, strict=True))
    return True


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
