"""What another filter would make of one contact's standing. Pure."""

from dataclasses import dataclass

from common.filters import CompiledFilter
from segments.membership import Known, Rule, Standing, absent, define, recall, settle


@dataclass(frozen=True, slots=True)
class Preview:
    """How many would be in, how many of them are not in now, and how many are in now and would not be."""

    count: int = 0
    entering: int = 0
    leaving: int = 0

    def with_one(self, *, is_in: bool, would_be: bool) -> "Preview":
        """One contact more."""
        entering, leaving = would_be and not is_in, is_in and not would_be
        return Preview(self.count + would_be, self.entering + entering, self.leaving + leaving)


def standing_now(stored: Standing | None, rule: Rule, known: Known, now: int, due: int | None) -> Standing:
    """Where the contact stands at `now` (milliseconds), though no build or timer has come to it.

    By the newest definition while that is being built; frozen where the segment is broken. Before `due` the clock turns nothing
    (None: never), and where nobody is to be judged it stands as it is kept.
    """
    standing = stored or absent(rule)
    if rule.judge is None:
        return standing
    if standing.build != rule.build:
        standing, _ = define(standing, rule, known)
    elif due is not None and due <= now:
        standing = recall(standing, rule, known)
    return settle(standing, rule, known, now)[0]


def would_be_in(judge: CompiledFilter, known: Known, standing: Standing, now: int) -> bool:
    """Whether a definition of `now` would find the contact: judged at the instant at which a build judges it."""
    assert known.doc is not None
    return judge.holds(known.doc, max(now, known.at, standing.settled))
