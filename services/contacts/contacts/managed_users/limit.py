"""How many contacts a channel's plan shows: who beyond it is hidden, who may be shown again, and when to warn. Pure.

Nothing is refused or lost: a contact beyond the limit is kept, counted and changed like any other, and hidden until there is
room, the oldest first. A limit that shrinks hides nobody who is shown; it only lets nobody new be shown.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from msgspec import structs

from common.events.contacts import ContactAbsorbed, ContactCreated, ContactEvent, ContactMerged, ContactShown
from contacts.publish import Step

Level = Literal[0, 80, 100]
_LEVELS: tuple[Literal[80, 100], ...] = (80, 100)


@dataclass(frozen=True, slots=True)
class Users:
    """A channel's contacts against its limit (None: there is none, and those still hidden are being shown)."""

    limit: int | None
    count: int
    hidden: int
    warned: Level = 0

    @property
    def room(self) -> int:
        """How many of the hidden may be shown now."""
        if self.limit is None:
            return self.hidden
        return max(0, min(self.hidden, self.limit - (self.count - self.hidden)))


@dataclass(frozen=True, slots=True)
class Moves:
    """What some events do to the count: who is new, in order; how many are gone, and how many of the hidden are so no more."""

    new: tuple[UUID, ...] = ()
    gone: int = 0
    unhidden: int = 0

    def __bool__(self) -> bool:
        return bool(self.new or self.gone or self.unhidden)


def moves(steps: Sequence[Step]) -> Moves:
    """What these steps do to the count."""
    new = tuple(s.after.id for s in steps if isinstance(s.event, ContactCreated))
    gone = sum(isinstance(s.event, ContactAbsorbed) for s in steps)
    return Moves(new, gone, sum(_unhides(s.event) for s in steps))


def _unhides(event: ContactEvent) -> bool:
    match event:
        case ContactShown():
            return True
        case ContactAbsorbed(was_hidden=was_hidden):
            return was_hidden
        case ContactMerged(changes=changes):
            return any(change.key == "hidden" for change in changes)
        case _:
            return False


def count(users: Users, moved: Moves) -> tuple[Users, frozenset[UUID]]:
    """The count after them, and who of the new is hidden. Those that go make room for those that come."""
    before = replace(users, count=users.count - moved.gone, hidden=users.hidden - moved.unhidden)
    free = len(moved.new) if before.limit is None else max(0, before.limit - before.count)
    hidden = frozenset(moved.new[free:])
    return replace(before, count=before.count + len(moved.new), hidden=before.hidden + len(hidden)), hidden


def hide(steps: Sequence[Step], hidden: Collection[UUID]) -> list[Step]:
    """The steps with these new contacts hidden from their first version on."""
    if not hidden:
        return list(steps)
    return [_hidden(step) if step.after.id in hidden else step for step in steps]


def _hidden(step: Step) -> Step:
    event = structs.replace(step.event, hidden=True) if isinstance(step.event, ContactCreated) else step.event
    return Step(event, structs.replace(step.after, hidden=True))


def level(users: Users) -> Level:
    """Which of the two marks the count has reached."""
    if users.limit is None or users.count == 0:
        return 0
    reached: tuple[Level, ...] = (0, *(mark for mark in _LEVELS if users.count * 100 >= users.limit * mark))
    return reached[-1]


def warn(users: Users) -> tuple[Users, list[Literal[80, 100]]]:
    """The marks to warn of: those reached since the last look. Below a mark again, it is forgotten and may be told anew."""
    now = level(users)
    return replace(users, warned=now), [mark for mark in _LEVELS if users.warned < mark <= now]
