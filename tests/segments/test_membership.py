"""The rules of membership by tables: what each version, the clock and each definition makes of one contact."""

from collections.abc import Callable

import pytest

from common.filters import CompiledFilter, Verdict
from segments.membership import Change, ClockStands, Known, Rule, Standing, recall, settle
from tests.segments.support import MINUTE, NOON, Book, compiled, doc, known, named, seen_within

RECENT = compiled(seen_within(10))
KIM = compiled(named("Kim"))
NOT_RECENT = compiled({"not": seen_within(10)})


def live(judge: object = RECENT, since: int = 0) -> Book:
    return Book(Rule(judge, since, 1))  # type: ignore[arg-type]


def test_a_version_that_makes_the_filter_true_enters_at_its_own_time() -> None:
    book = live(KIM)
    book.arrive([known(1, NOON, doc("Lee")), known(2, NOON + 5, doc("Kim"))])
    assert book.log == [Change("entered", "event", NOON + 5, 2)]
    assert book.stored == Standing(True, NOON + 5, None, NOON + 5, 1)


def test_every_version_of_a_batch_is_judged_not_only_the_last() -> None:
    book = live(KIM)
    book.arrive([known(n, NOON + n, doc("Kim" if n % 2 else "Lee")) for n in range(1, 5)])
    assert [(c.change, c.version) for c in book.log] == [("entered", 1), ("left", 2), ("entered", 3), ("left", 4)]


def test_the_clock_ends_a_window_to_the_millisecond() -> None:
    book = live()
    book.arrive([known(1, NOON, doc(seen=NOON))])
    due = NOON + 10 * MINUTE
    book.tick(due - 1)
    assert book.told() == [("entered", "event", NOON)]
    book.tick(due)
    assert book.log[1:] == [Change("left", "clock", due, 1)]
    assert not book.member


@pytest.mark.parametrize("late_by", [0, 1, MINUTE, 400 * 86_400_000])
def test_a_timer_that_comes_late_tells_the_due_instant(late_by: int) -> None:
    book = live()
    book.arrive([known(1, NOON, doc(seen=NOON))])
    book.tick(NOON + 10 * MINUTE + late_by)
    assert book.told()[1:] == [("left", "clock", NOON + 10 * MINUTE)]


def test_a_version_settles_what_was_due_before_it_by_the_version_before() -> None:
    book = live()
    book.arrive([known(1, NOON, doc(seen=NOON))])
    book.arrive([known(2, NOON + 11 * MINUTE, doc(seen=NOON + 11 * MINUTE))])
    assert book.told() == [
        ("entered", "event", NOON), ("left", "clock", NOON + 10 * MINUTE), ("entered", "event", NOON + 11 * MINUTE),
    ]  # fmt: skip


def test_a_change_due_at_the_very_instant_of_a_version_is_the_clocks() -> None:
    book = live()
    due = NOON + 10 * MINUTE
    book.arrive([known(1, NOON, doc(seen=NOON)), known(2, due, doc(seen=due))])
    assert book.told()[1:] == [("left", "clock", due), ("entered", "event", due)]


def test_a_window_renewed_before_its_end_tells_nothing() -> None:
    book = live()
    book.arrive([known(1, NOON, doc(seen=NOON)), known(2, NOON + 9 * MINUTE, doc(seen=NOON + 9 * MINUTE))])
    book.tick(NOON + 18 * MINUTE)
    assert book.told() == [("entered", "event", NOON)]
    assert book.stored is not None
    assert book.next_change == NOON + 19 * MINUTE


def test_the_clock_brings_in_as_well_as_out() -> None:
    book = live(NOT_RECENT)
    book.arrive([known(1, NOON, doc(seen=NOON))])
    assert book.log == []
    book.tick(NOON + 10 * MINUTE)
    assert book.told() == [("entered", "clock", NOON + 10 * MINUTE)]


def test_a_late_version_never_rewrites_what_the_clock_has_told() -> None:
    book = live()
    book.arrive([known(1, NOON, doc(seen=NOON))])
    book.tick(NOON + 12 * MINUTE)
    seen = NOON + 9 * MINUTE
    book.arrive([known(2, seen, doc(seen=seen))])
    # Told to have left at 10 minutes; seen at 9 as it turns out, so still in for 19: back in, at the version's own time.
    assert book.told() == [("entered", "event", NOON), ("left", "clock", NOON + 10 * MINUTE), ("entered", "event", seen)]
    book.tick(NOON + 60 * MINUTE)
    assert book.told()[3:] == [("left", "clock", NOON + 19 * MINUTE)]


def test_a_late_version_that_no_longer_matters_tells_nothing() -> None:
    book = live()
    book.arrive([known(1, NOON, doc(seen=NOON))])
    book.tick(NOON + 30 * MINUTE)
    # Renamed at a time when it was still in: judged where the log has come to, it is out and stays out.
    book.arrive([known(2, NOON + MINUTE, doc("Kim", seen=NOON))])
    assert book.told() == [("entered", "event", NOON), ("left", "clock", NOON + 10 * MINUTE)]


def test_versions_whose_times_run_backwards_are_judged_where_the_log_has_come_to_in_any_batches() -> None:
    versions = [known(1, NOON + 5, doc("Lee")), known(2, NOON, doc("Kim")), known(3, NOON + 2, doc("Lee"))]
    together, apart = live(KIM), live(KIM)
    together.arrive(versions)
    for version in versions:
        apart.arrive([version])
    assert together.told() == apart.told() == [("entered", "event", NOON), ("left", "event", NOON + 2)]
    assert together.stored == apart.stored


@pytest.mark.parametrize("erased", [True, False])
def test_a_contact_that_is_gone_leaves_and_its_row_with_it(erased: bool) -> None:
    book = live(KIM)
    book.arrive([known(1, NOON, doc("Kim")), known(2, NOON + 1, None, erased=erased)])
    assert book.told()[1:] == [("left", "erasure" if erased else "event", NOON + 1)]
    assert book.stored is None


def test_a_contact_that_the_clock_had_put_out_before_it_went_is_not_told_twice() -> None:
    book = live()
    book.arrive([known(1, NOON, doc(seen=NOON)), known(2, NOON + 20 * MINUTE, None, erased=True)])
    assert book.told()[1:] == [("left", "clock", NOON + 10 * MINUTE)]


def test_a_contact_that_comes_back_enters_again() -> None:
    book = live(KIM)
    book.arrive([known(1, NOON, doc("Kim")), known(2, NOON + 1, None), known(3, NOON + 2, doc("Kim"))])
    assert [c.change for c in book.log] == ["entered", "left", "entered"]


def test_a_broken_segment_is_frozen_for_events_and_clock() -> None:
    book = live()
    book.arrive([known(1, NOON, doc(seen=NOON))])
    book.redefine(None, NOON)
    book.arrive([known(2, NOON + 20 * MINUTE, doc("Kim"))])
    book.tick(NOON + 90 * MINUTE)
    assert book.told() == [("entered", "event", NOON)]
    assert book.member


@pytest.mark.parametrize("erased", [True, False])
def test_a_contact_that_is_gone_leaves_a_broken_segment_too(erased: bool) -> None:
    book = live()
    book.arrive([known(1, NOON, doc(seen=NOON))])
    book.redefine(None, NOON)
    book.arrive([known(2, NOON + 20 * MINUTE, None, erased=erased)])
    assert book.told()[1:] == [("left", "erasure" if erased else "event", NOON + 20 * MINUTE)]


def test_a_mended_segment_tells_only_the_difference() -> None:
    book = live()
    book.arrive([known(1, NOON, doc(seen=NOON))])
    book.redefine(None, NOON)
    book.redefine(RECENT, NOON + 5 * MINUTE)
    book.go_live()
    assert book.told() == [("entered", "event", NOON)]
    book.tick(NOON + 10 * MINUTE)
    assert book.told()[1:] == [("left", "clock", NOON + 10 * MINUTE)]


D = NOON + MINUTE


@pytest.mark.parametrize(
    ("before", "told"),
    [
        ([known(1, NOON, doc("Kim"))], [("entered", "definition", D)]),
        ([known(1, NOON, doc("Lee"))], []),
        ([known(1, D + 5, doc("Kim"))], [("entered", "definition", D + 5)]),
        ([known(1, NOON, doc("Kim")), known(2, NOON + 1, None)], []),
    ],
    ids=["in", "out", "in by an event after the definition's instant", "gone"],
)
def test_a_first_build_tells_its_members_with_cause_definition(before: list[Known], told: list[tuple[str, str, int]]) -> None:
    book = live()
    book.prior = before[-1]
    book.redefine(KIM, D)
    book.go_live()
    assert book.told() == told


def test_a_version_from_before_the_definition_belongs_to_what_it_found() -> None:
    book = live(KIM, since=D)
    book.arrive([known(1, NOON, doc("Kim"))])
    assert book.told() == [("entered", "definition", D)]


def test_a_version_of_a_contact_not_reached_yet_brings_the_builds_judgement_before_its_own() -> None:
    book = live()
    book.prior = known(1, NOON, doc("Kim"))
    book.redefine(KIM, D)
    book.arrive([known(2, D + 5, doc("Lee"))])
    assert book.told() == [("entered", "definition", D), ("left", "event", D + 5)]
    book.go_live()
    assert len(book.log) == 2


def test_erasure_of_a_contact_not_reached_yet_brings_that_judgement_too() -> None:
    book = live()
    book.prior = known(1, NOON, doc("Kim"))
    book.redefine(KIM, D)
    book.arrive([known(2, D + 5, None, erased=True)])
    assert book.told() == [("entered", "definition", D), ("left", "erasure", D + 5)]


def test_the_timer_leaves_a_contact_to_the_build_that_has_not_reached_it() -> None:
    book = live()
    book.arrive([known(1, NOON, doc(seen=NOON))])
    book.redefine(compiled(seen_within(30)), NOON + 2 * MINUTE)
    book.tick(NOON + 15 * MINUTE)
    book.go_live()
    assert book.told() == [("entered", "event", NOON)]
    book.tick(NOON + 30 * MINUTE)
    assert book.told()[1:] == [("left", "clock", NOON + 30 * MINUTE)]


def test_what_the_clock_had_due_before_a_definition_is_found_by_it_where_no_timer_came() -> None:
    book = live()
    book.arrive([known(1, NOON, doc(seen=NOON))])
    book.redefine(compiled(seen_within(9)), NOON + 20 * MINUTE)
    book.go_live()
    assert book.told()[1:] == [("left", "definition", NOON + 20 * MINUTE)]


def test_a_row_that_says_no_more_than_none_is_not_kept() -> None:
    book = live(KIM)
    book.arrive([known(1, NOON, doc("Lee"))])
    assert book.stored is None
    book.arrive([known(2, NOON + 1, doc("Kim"))])
    assert book.stored is not None
    book.arrive([known(3, NOON + 2, doc("Lee"))])
    assert book.stored is None


class Standstill(CompiledFilter):
    """Says at every instant that it will turn at that instant."""

    def __init__(self) -> None:
        super().__init__(lambda _: True, lambda _, __: True)

    def over_time(self, contact: object) -> Callable[[int], Verdict]:
        return lambda now: Verdict(True, now)


def test_a_clock_that_does_not_move_on_ends_in_an_error_and_not_in_an_endless_loop() -> None:
    standing = Standing(True, NOON, NOON, NOON, 1)
    with pytest.raises(ClockStands):
        settle(standing, Rule(Standstill(), 0, 1), known(1, NOON, doc()), NOON)


BETWEEN = compiled({"and": [seen_within(10), {"not": seen_within(3)}]})


@pytest.mark.parametrize(
    ("settled", "at", "since", "due", "next_change"),
    [
        (0, NOON, 0, None, NOON + 3 * MINUTE),
        (NOON + 3 * MINUTE, NOON, 0, None, NOON + 10 * MINUTE),  # it has entered
        (0, NOON + 3 * MINUTE, 0, None, NOON + 10 * MINUTE),  # the version is of then
        (0, NOON, NOON + 3 * MINUTE, None, NOON + 10 * MINUTE),  # the definition is
        (0, NOON, 0, NOON + 3 * MINUTE, NOON + 3 * MINUTE),
        (0, NOON, 0, NOON + 3 * MINUTE + 1, NOON + 10 * MINUTE),  # whatever was due before is told
    ],
)
def test_a_kept_standing_turns_next_after_the_latest_that_was_judged(
    settled: int, at: int, since: int, due: int | None, next_change: int
) -> None:
    standing = Standing(settled=settled, build=1)
    assert recall(standing, Rule(BETWEEN, since, 1), known(1, at, doc(seen=NOON)), due).next_change == next_change
