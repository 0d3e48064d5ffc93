"""The in-process evaluator: for a contact and an instant the truth of every node, and when the clock alone will change it."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple, TypeAlias, TypeVar
from weakref import WeakValueDictionary

from common.clock import to_millis
from common.filters.outcomes import Contact, During, Outcome, TermValues, Yearly, outcome_of
from common.filters.tree import And, Condition, FieldType, Node, Not, Or

# The last instant that can be written: a change after it is never.
_LAST = to_millis(datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC))
# What comes round each year depends on whether a year and its neighbours are leap years. Every such constellation comes
# within nine years, also around 2100; so what has not happened for this long will not happen until something else changes.
_SEEN_ALL = 13 * 366 * 86_400_000


class Verdict(NamedTuple):
    """The truth now, and the first later instant (milliseconds) at which it flips if nothing but the clock moves.

    `next_change` is None where it never does, or not before the year 10000.
    """

    truth: bool
    next_change: int | None


@dataclass(frozen=True, slots=True)
class _All:
    parts: tuple["_Open", ...]


@dataclass(frozen=True, slots=True)
class _Any:
    parts: tuple["_Open", ...]


@dataclass(frozen=True, slots=True)
class _Opposite:
    part: "_Open"


# What is left of a filter for one contact when all that does not depend on the clock is worked out.
_Open: TypeAlias = During | Yearly | _All | _Any | _Opposite
_Judge: TypeAlias = Callable[[Contact], bool | _Open]
_Holds: TypeAlias = Callable[[Contact, int], bool]


class CompiledFilter:
    """A filter made ready for many contacts; the present is told in milliseconds since 1970.

    `holds` is the truth alone, which is cheaper than when it turns.
    """

    __slots__ = ("_judge", "holds")

    def __init__(self, judge: _Judge, holds: _Holds) -> None:
        self._judge = judge
        self.holds = holds

    def __call__(self, contact: Contact, now: int) -> Verdict:
        """The truth, and when the clock alone turns it."""
        left = self._judge(contact)
        return Verdict(left, None) if isinstance(left, bool) else _first_flip(left, now)

    def over_time(self, contact: Contact) -> Callable[[int], Verdict]:
        """The same for one contact at many instants: what does not depend on the clock is asked once."""
        left = self._judge(contact)
        if isinstance(left, bool):
            always = Verdict(left, None)
            return lambda _: always
        return partial(_first_flip, left)


def compile_filter(node: Node, term_values: TermValues | None = None) -> CompiledFilter:
    """The filter made ready. Raises ValueError for segments not inlined and term sets without their terms."""
    return CompiledFilter(*_judge(node, term_values or {}))


def evaluate(node: Node, contact: Contact, now: int, term_values: TermValues | None = None) -> Verdict:
    """The verdict of a whole filter at `now`, milliseconds since 1970. Raises as compile_filter does."""
    return compile_filter(node, term_values)(contact, now)


_F = TypeVar("_F", bound=Callable[..., object])
# The same condition in a thousand filters is made ready once, for as long as any of them is there.
_outcomes: WeakValueDictionary[Condition, Callable[[Contact], Outcome]] = WeakValueDictionary()
_truths: WeakValueDictionary[Condition, _Holds] = WeakValueDictionary()


def _condition(node: Condition, terms: TermValues) -> tuple[_Judge, _Holds]:
    if node.term_set is not None:
        outcome = outcome_of(node, terms)
        return outcome, _truth_of(node, outcome)
    outcome = _once(_outcomes, node, lambda: outcome_of(node, terms))
    return outcome, _once(_truths, node, lambda: _truth_of(node, outcome))


def _once(known: WeakValueDictionary[Condition, _F], node: Condition, make: Callable[[], _F]) -> _F:
    found = known.get(node)
    return known.setdefault(node, make()) if found is None else found


def _truth_of(node: Condition, outcome: Callable[[Contact], Outcome]) -> _Holds:
    def holds(contact: Contact, now: int) -> bool:
        left = outcome(contact)
        return left if isinstance(left, bool) else left.holds(now)

    return holds if node.type is FieldType.DATE else lambda contact, _: outcome(contact) is True


def _judge(node: Node, terms: TermValues) -> tuple[_Judge, _Holds]:
    match node:
        case Condition():
            return _condition(node, terms)
        case Not(child):
            judge, holds = _judge(child, terms)
            return _opposite(judge), lambda contact, now: not holds(contact, now)
        case And(children):
            parts = [_judge(c, terms) for c in children]
            return _all([judge for judge, _ in parts]), _all_hold([holds for _, holds in parts])
        case Or(children):
            parts = [_judge(c, terms) for c in children]
            return _any([judge for judge, _ in parts]), _any_holds([holds for _, holds in parts])


def _opposite(part: _Judge) -> _Judge:
    def judge(contact: Contact) -> bool | _Open:
        left = part(contact)
        return not left if isinstance(left, bool) else _Opposite(left)

    return judge


def _all(parts: list[_Judge]) -> _Judge:
    def judge(contact: Contact) -> bool | _Open:
        kept: list[_Open] = []
        for part in parts:
            left = part(contact)
            if left is False:
                return False
            if not isinstance(left, bool):
                kept.append(left)
        return (kept[0] if len(kept) == 1 else _All(tuple(kept))) if kept else True

    return judge


def _any(parts: list[_Judge]) -> _Judge:
    def judge(contact: Contact) -> bool | _Open:
        kept: list[_Open] = []
        for part in parts:
            left = part(contact)
            if left is True:
                return True
            if not isinstance(left, bool):
                kept.append(left)
        return (kept[0] if len(kept) == 1 else _Any(tuple(kept))) if kept else False

    return judge


def _all_hold(parts: list[_Holds]) -> _Holds:
    def holds(contact: Contact, now: int) -> bool:
        for part in parts:  # noqa: SIM110 - a generator costs more than what it asks
            if not part(contact, now):
                return False
        return True

    return holds


def _any_holds(parts: list[_Holds]) -> _Holds:
    def holds(contact: Contact, now: int) -> bool:
        for part in parts:  # noqa: SIM110 - a generator costs more than what it asks
            if part(contact, now):
                return True
        return False

    return holds


def _look(left: _Open, now: int) -> tuple[bool, int | None]:
    """The truth now and an instant up to which it surely stays so; None is for ever."""
    match left:
        case During() | Yearly():
            return left.look(now)
        case _Opposite(part):
            truth, until = _look(part, now)
            return not truth, until
        case _All(parts):
            return _joined([_look(part, now) for part in parts], decisive=False)
        case _Any(parts):
            return _joined([_look(part, now) for part in parts], decisive=True)


def _joined(looks: list[tuple[bool, int | None]], *, decisive: bool) -> tuple[bool, int | None]:
    """One part with the decisive truth decides the whole for as long as it lasts; without one, all must stay as they are."""
    deciding = [until for truth, until in looks if truth is decisive]
    if not deciding:
        return not decisive, min((until for _, until in looks if until is not None), default=None)
    lasting = [until for until in deciding if until is not None]
    return decisive, max(lasting) if len(lasting) == len(deciding) else None


def _first_flip(left: _Open, now: int) -> Verdict:
    """Go from one instant at which something may change to the next, until the whole flips."""
    truth, until = _look(left, now)
    if isinstance(left, During):
        return Verdict(truth, None if until is None or until > _LAST else until)  # the only thing that may change is the whole
    once: list[int] | None = None
    since = now
    while until is not None and until <= _LAST:
        found, following = _look(left, until)
        if found is not truth:
            return Verdict(truth, until)
        if until - since > _SEEN_ALL:
            # Nothing but what comes round each year has changed for so long: go on where something else does.
            once = sorted(_edges(left)) if once is None else once
            passed = bisect_right(once, until)
            since = max(since, once[passed - 1]) if passed else since
            if until - since > _SEEN_ALL:
                following = since = once[passed] if passed < len(once) else _LAST + 1
        until = following
    return Verdict(truth, None)


def _edges(left: _Open) -> set[int]:
    """The instants at which something changes that does not come round each year."""
    match left:
        case During(stretches):
            return {edge for stretch in stretches for edge in stretch if edge is not None}
        case Yearly():
            return set()
        case _Opposite(part):
            return _edges(part)
        case _All(parts) | _Any(parts):
            return {edge for part in parts for edge in _edges(part)}
