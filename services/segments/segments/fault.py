"""What is wrong with where a contact stands, found by judging it afresh, and how that is put right. Pure; milliseconds."""

from dataclasses import dataclass
from typing import Literal

from segments.membership import Change, Judged, Known, Rule, Standing, settle

Fault = Literal["missing", "surplus", "overdue"]
"""`missing`: the filter is true of the contact, but it is no member; `surplus`: a member of whom the filter is not true, or who
is gone; `overdue`: the clock would come later than the filter's truth changes, or never."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the log said last of a contact: whether it is in, and since when."""

    member: bool = False
    at: int | None = None


def is_judged(rule: Rule) -> bool:
    """Whether everyone stands by the rule: not while it is broken, which freezes, nor before everyone has been judged."""
    return rule.judge is not None and not rule.building


def fault(standing: Standing, rule: Rule, known: Known | None, now: int) -> Fault | None:
    """What is wrong with a standing, by a rule that everyone stands by. A change that is due, but not told yet, is no fault.

    Its `next_change` is when the clock looks at the contact. Too early is no fault either: it is judged again then.
    """
    if known is None or known.json is None:
        return "surplus" if standing.member else None
    truth, next_change = _afresh(standing, rule, known, now)
    settled, _ = settle(standing, rule, known, _instant(standing, known, now))
    if settled.member != truth:
        return "missing" if truth else "surplus"
    if next_change is not None and (settled.next_change is None or settled.next_change > next_change):
        return "overdue"
    return None


def mended(standing: Standing, rule: Rule, known: Known | None, told: Told, now: int) -> Judged:
    """Where the contact stands in truth. What the log said last decides whether there is a change to tell, so it alternates."""
    truth, next_change = (False, None) if known is None or known.json is None else _afresh(standing, rule, known, now)
    at = _instant(standing, known, now)
    if truth == told.member:
        return Standing(truth, told.at if truth else None, next_change, at, rule.build), []
    version = 0 if known is None else known.version
    change = Change("entered" if truth else "left", "repair", at, version)
    return Standing(truth, at if truth else None, next_change, at, rule.build), [change]


def _afresh(standing: Standing, rule: Rule, known: Known, now: int) -> tuple[bool, int | None]:
    assert rule.judge is not None
    assert known.doc is not None
    verdict = rule.judge(known.doc, _instant(standing, known, now))
    return verdict.truth, verdict.next_change


def _instant(standing: Standing, known: Known | None, now: int) -> int:
    """The present, or a later instant that the contact was judged at already: clocks of several machines are never quite even."""
    return max(now, standing.settled, 0 if known is None else known.at)
