"""How far the outbox is sent, told by snapshots: transactions commit out of order, and a number would pass by the late ones."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple


class Snapshot(NamedTuple):
    """PostgreSQL's `pg_snapshot`: what was over when it was taken is every transaction below `end` but those in `running`."""

    lowest: int
    end: int
    running: tuple[int, ...]

    def shows(self, xid: int) -> bool:
        """Whether the transaction was over."""
        return xid < self.end and xid not in self.running


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment of the outbox. What is written by transactions from `snapshot.end` on has ids above `floor`; what the snapshot
    shows has ids up to `ceiling`.
    """

    snapshot: Snapshot
    floor: int
    ceiling: int


@dataclass(frozen=True, slots=True)
class Sent:
    """All that `until` shows is sent; and of what `toward` shows as well, what has an id up to `reached`."""

    until: Mark
    toward: Mark | None = None
    reached: int = 0


NOTHING = Sent(Mark(Snapshot(3, 3, ()), 0, 0))
"""Of which all else follows: 3 is the number of a cluster's first transaction."""


def late(sent: Sent) -> list[int]:
    """The transactions that ran at `until` and were over at `toward`: their rows have any ids."""
    assert sent.toward is not None, "there is a moment to be reached"
    return [xid for xid in sent.until.snapshot.running if sent.toward.snapshot.shows(xid)]


def may_wait(sent: Sent) -> bool:
    """Whether there can be rows on the way at all: some that came late, or any that has an id."""
    assert sent.toward is not None, "there is a moment to be reached"
    return sent.toward.ceiling > sent.until.floor or bool(late(sent))


def setting_out(sent: Sent, mark: Mark) -> Sent:
    """On the way to a later moment. One that is on its way already goes there first."""
    return sent if sent.toward is not None else replace(sent, toward=mark, reached=0)


def gone_on(sent: Sent, reached: int | None) -> Sent:
    """With everything up to this id sent as well, or, where there is no more, all of it: the moment is reached."""
    assert sent.toward is not None, "there is a moment to be reached"
    return Sent(sent.toward) if reached is None else replace(sent, reached=reached)


@dataclass(frozen=True, slots=True)
class Held:
    """Shards of which the same is sent."""

    shards: tuple[int, ...]
    sent: Sent


def together(held: Iterable[Held]) -> list[Held]:
    """The same with as few parts as can be: shards of which the same is sent are read at once."""
    shards: dict[Sent, list[int]] = {}
    for each in held:
        shards.setdefault(each.sent, []).extend(each.shards)
    return [Held(tuple(sorted(some)), sent) for sent, some in shards.items()]
