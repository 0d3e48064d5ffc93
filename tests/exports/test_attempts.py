"""Attempts at an export: how many there are of which kind before it is given up, and what is told meanwhile."""

from exports.events import Cancelled, Counted, Event, Failed, PutBack, TakenUp
from exports.export import MOST_ATTEMPTS, MOST_LOST, GiveBack, TakeUp, decide
from tests.exports.test_export import WAITING, after


def tries(count: int, *, first: int = 1, spared: bool = False) -> list[Event]:
    return [each for n in range(first, first + count) for each in (TakenUp(attempt=n), PutBack(spared=spared))]


def test_after_the_last_attempt_it_fails_for_good() -> None:
    last = [*WAITING, *tries(MOST_ATTEMPTS - 1), TakenUp(attempt=MOST_ATTEMPTS)]
    for events, command in ((last, GiveBack()), ([*WAITING, *tries(MOST_ATTEMPTS)], TakeUp())):
        [event] = decide(after(events), command)
        assert isinstance(event, Failed)
    for events, command in ((last[:-2], GiveBack()), ([*WAITING, *tries(MOST_ATTEMPTS - 1)], TakeUp())):
        [event] = decide(after(events), command)
        assert not isinstance(event, Failed)


def test_attempts_that_were_spared_do_not_count() -> None:
    spared = [*WAITING, *tries(500, spared=True)]
    [still] = decide(after([*spared, *tries(MOST_ATTEMPTS - 1, first=501)]), TakeUp())
    assert not isinstance(still, Failed)
    [event] = decide(after([*spared, *tries(MOST_ATTEMPTS, first=501)]), TakeUp())
    assert isinstance(event, Failed)


def test_attempts_that_ended_with_their_workers_count_for_less_but_not_for_ever() -> None:
    silent: list[Event] = [TakenUp(attempt=n) for n in range(1, MOST_LOST + 2)]
    for count in (MOST_ATTEMPTS + 1, MOST_LOST):
        export = after([*WAITING, *silent[:count]])
        assert (export.lost, export.own_attempts) == (count - 1, 1)
        assert not isinstance(decide(export, TakeUp())[0], Failed)
    assert isinstance(decide(after([*WAITING, *silent]), TakeUp())[0], Failed)


def test_what_it_waits_for_is_told_until_it_is_counted_or_cancelled() -> None:
    waits = [*WAITING, TakenUp(attempt=1), PutBack(spared=True, problem="away", problem_ko="없음")]
    for events in (waits, [*waits, TakenUp(attempt=2)]):
        assert (after(events).problem, after(events).problem_ko) == ("away", "없음")
    for events in ([*waits, TakenUp(attempt=2), Counted(total=1)], [*waits, Cancelled()]):
        assert (after(events).problem, after(events).problem_ko) == (None, None)
