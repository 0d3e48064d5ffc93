"""What is wrong with a standing, and what puts it right: nothing is ever found wrong of what the rules made."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from segments.fault import Fault, Told, fault, is_judged, mended
from segments.membership import Change, Known, Rule, Standing, absent, turning
from tests.segments.support import MINUTE, NOON, Book, compiled, doc, known, named, seen_within
from tests.segments.test_membership_laws import FILTERS, LATER, histories, truth

KIM, RECENT = Rule(compiled(named("Kim")), 0, 1), Rule(compiled(seen_within(10)), 0, 1)
DUE = NOON + 10 * MINUTE
SEEN = known(1, NOON, doc("Kim", NOON))
IN = Standing(True, NOON, DUE, NOON, 1)


@settings(max_examples=200)
@given(st.sampled_from(FILTERS), histories(ordered=False), st.data())
def test_nothing_is_wrong_with_what_the_rules_made(raw: dict[str, Any], versions: list[Known], data: st.DataObject) -> None:
    book = Book(Rule(compiled(raw), 0, 1))
    now = NOON
    for version in versions:
        now = max(now, version.at)
        book.arrive([version])
        if data.draw(st.booleans(), label="the timer comes"):
            now = data.draw(st.integers(now, LATER), label="timer")
            book.tick(now)
        looked = data.draw(st.integers(now, LATER), label="look")
        standing = turning(book.stored or absent(book.rule), book.next_change)
        assert fault(standing, book.rule, book.prior, looked) is None


@settings(max_examples=200)
@given(
    st.sampled_from(FILTERS), histories(), st.booleans(), st.none() | st.integers(NOON, LATER), st.booleans(),
    st.integers(0, LATER - NOON),
)  # fmt: skip
def test_what_is_wrong_is_found_and_put_right_and_the_log_still_alternates(
    raw: dict[str, Any], versions: list[Known], member: bool, due: int | None, inside: bool, later: int
) -> None:
    newest, rule = versions[-1], Rule(compiled(raw), 0, 1)
    now = newest.at + later
    wrong = Standing(member, NOON if member else None, due, newest.at, 1)
    assume(fault(wrong, rule, newest, now) is not None)
    right, changes = mended(wrong, rule, newest, Told(inside, NOON if inside else None), now)
    assert fault(right, rule, newest, now) is None
    assert right.member == truth(raw, newest, now)
    told = Change("entered" if right.member else "left", "repair", now, newest.version)
    assert changes == ([] if right.member == inside else [told])


@pytest.mark.parametrize(
    ("standing", "rule", "who", "now", "found"),
    [
        (IN, RECENT, SEEN, NOON, None),
        (IN, RECENT, SEEN, DUE + MINUTE, None),  # due and not told yet: the timer's to do
        (turning(IN, NOON + MINUTE), RECENT, SEEN, NOON, None),  # looked at too early and judged again then
        (turning(IN, DUE + 1), RECENT, SEEN, NOON, "overdue"),
        (turning(IN, None), RECENT, SEEN, NOON, "overdue"),
        (turning(IN, None), RECENT, SEEN, DUE, "surplus"),
        (absent(RECENT), RECENT, SEEN, NOON, "missing"),
        (absent(KIM), KIM, SEEN, NOON, "missing"),
        (turning(IN, None), KIM, known(2, NOON, doc("Lee")), NOON, "surplus"),
        (IN._replace(next_change=None, settled=DUE), RECENT, SEEN, NOON, "surplus"),  # judged by a clock ahead of this one
        (absent(RECENT), RECENT, known(1, NOON, doc(None, NOON + MINUTE)), NOON, "overdue"),
        (IN, RECENT, known(2, NOON, None, erased=True), NOON, "surplus"),
        (IN, RECENT, None, NOON, "surplus"),
        (absent(RECENT), RECENT, None, NOON, None),
    ],
)
def test_each_fault(standing: Standing, rule: Rule, who: Known | None, now: int, found: Fault | None) -> None:
    assert fault(standing, rule, who, now) == found


def test_who_is_gone_leaves_and_is_not_told_twice() -> None:
    assert mended(IN, RECENT, None, Told(True, NOON), DUE)[1] == [Change("left", "repair", DUE, 0)]
    assert mended(IN, RECENT, None, Told(False, NOON), DUE)[1] == []
    gone = known(7, NOON, None)
    assert mended(IN, RECENT, gone, Told(True, NOON), DUE) == (Standing(settled=DUE, build=1), [Change("left", "repair", DUE, 7)])


def test_a_row_that_was_lost_comes_back_with_its_time() -> None:
    assert mended(absent(KIM), KIM, SEEN, Told(True, NOON - MINUTE), DUE) == (Standing(True, NOON - MINUTE, None, DUE, 1), [])


def test_frozen_and_unfinished_segments_are_not_judged() -> None:
    assert [is_judged(rule) for rule in (KIM, replace(KIM, building=True), replace(KIM, judge=None))] == [True, False, False]
