"""Who is in a segment, from when to when, and why: one contact's versions and the clock, judged into a log of changes.

The rules, for one contact and one segment:

1. Every version is judged, in order, at its event's time t, by its own document: a flip is a change with cause `event`, at t.
2. Before it, the clock is settled up to and including t by the *previous* document: each flip that was due is a change with
   cause `clock` at its due instant, to the millisecond. The timer does the same up to the present. So the log does not
   depend on when the timer happened to run, as long as versions come before the instants that follow them.
3. A *late* version comes after a clock change that was due after its time t. The log is never rewritten, so the version is
   judged at the last settled instant (or a contact that was told to leave would enter and leave again by the way),
   and its change bears its own time t. Read in order of position and cut at an instant, the log then still tells who was in.
   The same goes for a version whose time is before the previous version's: clocks of several machines are never quite even.
4. A definition holds from its instant d on. Everyone known is judged at d, or at the contact's latest event if that is later,
   with cause `definition`. A version from before d belongs to what the definition found: its change too is at d, with that cause.
   While the build is under way, a version of a contact not reached yet brings that judgement with it, before its own.
   What the clock had due under the definition before, and no timer had come to, is part of what that judgement finds.
5. A contact that is gone (erased: cause `erasure`, merged: cause `event`) leaves at that event's time, from broken segments too.
6. The membership of a broken segment is frozen: nothing else changes it, not the clock either.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import orjson

from common.events.segments import Cause
from common.filters import CompiledFilter, Verdict

Doc = Mapping[str, object]
"""A contact as the API shows it."""


@dataclass(frozen=True)
class Known:
    """A contact at one version. `at` is that version's time, `json` the contact as it came; without it the contact is gone."""

    version: int
    at: int
    json: bytes | None
    erased: bool = False

    @cached_property
    def doc(self) -> Doc | None:
        """The contact, read when it is first asked for; None where it is gone."""
        return None if self.json is None else orjson.loads(self.json)


@dataclass(frozen=True, slots=True)
class Rule:
    """A segment as it is judged: without `judge` it is broken, `since` its definition's instant, `build` counts definitions."""

    judge: CompiledFilter | None
    since: int
    build: int
    building: bool = False


class Standing(NamedTuple):
    """Where a contact stands: `since` when it entered, `settled` the last judging, `next_change` when the clock flips it.

    What is kept of it is without `next_change`: `recall` works that out again.
    """

    member: bool = False
    since: int | None = None
    next_change: int | None = None
    settled: int = 0
    build: int = 0

    def worth_keeping(self, rule: Rule, contact_at: int) -> bool:
        """Whether it says more than no row does: one outside, judged no later than definition and latest event."""
        settled = max(contact_at, rule.since)
        return self.member or self.settled > settled or rule.building


class Change(NamedTuple):
    """One contact entered or left; `version` is the contact's version that was judged."""

    change: Literal["entered", "left"]
    cause: Cause
    at: int
    version: int


Judged = tuple[Standing, list[Change]]


class ClockStands(Exception):
    """A verdict named a next change that does not lie ahead: following it would never end."""


def absent(rule: Rule) -> Standing:
    """What no row means: outside, under this definition unless it is still being built."""
    return Standing(build=0 if rule.building else rule.build)


def turning(standing: Standing, next_change: int | None) -> Standing:
    """The standing, with another next change."""
    return Standing(standing.member, standing.since, next_change, standing.settled, standing.build)


def recall(standing: Standing, rule: Rule, known: Known | None, due: int | None = None) -> Standing:
    """A standing as it was kept, with its next change: the first after the version, the definition or the last judging.

    Nothing from before `due`, if that is known, is left to be told: the row that said so may have been dropped since.
    """
    if rule.judge is None or standing.build != rule.build or known is None or known.doc is None:
        return standing
    return turning(standing, rule.judge(known.doc, _recalled_from(standing, rule, known, due)).next_change)


def _recalled_from(standing: Standing, rule: Rule, known: Known, due: int | None) -> int:
    instant = max(standing.settled, known.at, rule.since)
    if due is not None:
        instant = max(instant, due - 1)
    return instant


def settle_recalled(standing: Standing, rule: Rule, known: Known, due: int | None, until: int) -> Judged:
    """`recall`, and let the clock run up to and including `until`: the filter is asked once."""
    if rule.judge is None or standing.build != rule.build or known.doc is None:
        return settle(recall(standing, rule, known, due), rule, known, until)
    verdict = rule.judge.over_time(known.doc)
    turns = verdict(_recalled_from(standing, rule, known, due)).next_change
    return _settled(turning(standing, turns), known, until, verdict)


def follow(standing: Standing, rule: Rule, prior: Known | None, new: Known, *, foresee: bool = True) -> Judged:
    """A contact's next version (rules 1 to 6). `prior` is its version before; raises ClockStands.

    Whoever does not go on from the standing that comes of it need not `foresee` its next change, the dearest part of it.
    """
    if new.json is None:
        return _gone(standing, rule, prior, new)
    if rule.judge is None:
        return standing, []
    if prior is not None and prior.at > standing.settled:
        standing = standing._replace(settled=prior.at)  # as the row would say, had it been worth keeping
    changes: list[Change] = []
    if standing.build != rule.build and new.at > rule.since:
        standing, changes = define(standing, rule, prior)
    elif standing.build != rule.build or new.at <= rule.since:
        return define(standing, rule, new, foresee=foresee)
    if prior is not None:
        standing, due = settle(standing, rule, prior, new.at)
        changes = changes + due
    instant = max(new.at, standing.settled)
    standing, flips = _judge(standing, rule.judge, new, instant, new.at, "event", foresee=foresee)
    return standing, changes + flips


def define(standing: Standing, rule: Rule, known: Known | None, *, foresee: bool = True) -> Judged:
    """Judge what is known of a contact as the definition finds it (rule 4)."""
    standing = Standing(standing.member, standing.since, None, standing.settled, rule.build)
    if rule.judge is None or known is None or known.json is None:
        return standing, []
    before = known.at <= rule.since
    instant = max(rule.since, known.at, standing.settled)
    return _judge(standing, rule.judge, known, instant, rule.since if before else known.at, "definition", foresee=foresee)


def settle(standing: Standing, rule: Rule, known: Known, until: int) -> Judged:
    """Let the clock run up to and including `until` (rule 2)."""
    if rule.judge is None or standing.build != rule.build:
        return turning(standing, None), []
    if standing.next_change is None or standing.next_change > until:
        return standing, []
    assert known.doc is not None
    return _settled(standing, known, until, rule.judge.over_time(known.doc))


def _settled(standing: Standing, known: Known, until: int, verdict: Callable[[int], Verdict]) -> Judged:
    changes: list[Change] = []
    while standing.next_change is not None and standing.next_change <= until:
        due = standing.next_change
        truth, turns = verdict(due)
        standing, flips = _judged(standing, truth, turns, known, due, due, "clock")
        changes += flips
        if standing.next_change is not None and standing.next_change <= due:
            raise ClockStands(f"the next change after {due} would be at {standing.next_change}")
    return standing, changes


def _gone(standing: Standing, rule: Rule, prior: Known | None, new: Known) -> Judged:
    changes: list[Change] = []
    if standing.build != rule.build and new.at > rule.since:
        standing, changes = define(standing, rule, prior)
    if prior is not None:
        standing, due = settle(standing, rule, prior, new.at)
        changes = changes + due
    if standing.member:
        changes = [*changes, Change("left", "erasure" if new.erased else "event", new.at, new.version)]
    return Standing(settled=new.at, build=rule.build), changes


def _judge(
    standing: Standing, judge: CompiledFilter, known: Known, instant: int, at: int, cause: Cause, *, foresee: bool = True
) -> Judged:
    assert known.doc is not None
    if foresee:
        verdict = judge(known.doc, instant)
        truth, next_change = verdict.truth, verdict.next_change
    else:
        truth, next_change = judge.holds(known.doc, instant), None
    return _judged(standing, truth, next_change, known, instant, at, cause)


def _judged(
    standing: Standing, truth: bool, next_change: int | None, known: Known, instant: int, at: int, cause: Cause
) -> Judged:
    if truth == standing.member:
        return Standing(truth, standing.since, next_change, instant, standing.build), []
    change = Change("entered" if truth else "left", cause, at, known.version)
    return Standing(truth, at if truth else None, next_change, instant, standing.build), [change]
