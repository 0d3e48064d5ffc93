"""What follows from what came back: for a notice and for the destination it goes to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notify.announcing import trial
from notify.deliveries.delivery import TRIED_FOR, Attempt, Delivery, Lane, Status, after, pause
from notify.sending.answer import Answer

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
NOTICE = Delivery(UUID(int=1), "e1", NOW, trial(), 0, NOW)
OK, REFUSED, BROKEN = Answer(200), Answer(400, body=b"invalid_blocks"), Answer(503)
AWAY, BUSY, GONE = Answer(None, problem="No answer within 10 seconds."), Answer(429), Answer(410)
SECONDS = timedelta(seconds=1)


def step(
    *answers: Answer, lane: Lane | None = None, asked: float | None = None, now: datetime = NOW
) -> tuple[Lane, list[Delivery]]:
    attempts = [Attempt(replace(NOTICE, id=UUID(int=n)), answer, asked) for n, answer in enumerate(answers)]
    return after(lane or Lane(), attempts, now, 0.0)


def test_what_arrived_is_done_and_the_failures_before_are_forgotten() -> None:
    lane, [notice] = step(OK, lane=Lane(7, NOW - TRIED_FOR, NOW - SECONDS))
    assert (notice.status, notice.attempts, notice.next_at) == (Status.DELIVERED, 1, None)
    assert (lane.failures, lane.failing_since, lane.over) == (0, None, None)
    assert lane.last_answer == notice.last_answer == {"at": "2026-11-24T03:00:00.000Z", "status": 200, "text": ""}


@pytest.mark.parametrize("answer", [AWAY, BROKEN, BUSY])
def test_who_is_away_is_left_alone_as_a_whole(answer: Answer) -> None:
    lane, [notice] = step(answer)
    assert (lane.failures, lane.failing_since, lane.rest_until) == (1, NOW, NOW + 5 * SECONDS)
    assert (notice.status, notice.next_at) == (Status.WAITING, NOW + 5 * SECONDS)


def test_many_that_failed_at_one_time_are_one_failure_of_the_destination() -> None:
    lane, notices = step(*[AWAY] * 16)
    assert (lane.failures, lane.rest_until) == (1, NOW + 5 * SECONDS)
    assert {notice.next_at for notice in notices} == {NOW + 5 * SECONDS}
    lane, _ = step(AWAY, lane=lane)
    assert lane.rest_until == NOW + 15 * SECONDS


@pytest.mark.parametrize("status", [301, 400, 401, 404, 413])
def test_one_notice_that_is_refused_holds_up_no_other(status: int) -> None:
    lane, [refused, taken] = step(Answer(status), OK)
    assert lane.rest_until is None
    assert (refused.status, refused.next_at, taken.status) == (Status.WAITING, NOW + 5 * SECONDS, Status.DELIVERED)


def test_how_long_the_other_side_asks_to_wait_is_honoured() -> None:
    for answer in (BUSY, BROKEN):
        lane, [notice] = step(answer, asked=90.0)
        assert lane.rest_until == notice.next_at == NOW + 90 * SECONDS
    lane, _ = step(BUSY, asked=1.0, lane=Lane(5, NOW))
    assert lane.rest_until == NOW + SECONDS  # it knows better than we
    lane, _ = step(BUSY, asked=0.0)
    assert lane.rest_until == NOW + SECONDS  # but nobody is asked without a pause
    _, [notice] = step(REFUSED, asked=90.0)
    assert notice.next_at == NOW + 90 * SECONDS


def test_a_day_after_it_was_made_a_notice_is_parked_and_its_destination_goes_on_where_others_arrive() -> None:
    later = NOW + TRIED_FOR
    lane, [notice] = step(REFUSED, lane=Lane(1, later - SECONDS), now=later)
    assert (notice.status, notice.next_at, lane.over) == (Status.PARKED, None, None)
    lane, [taken, parked] = step(OK, REFUSED, lane=Lane(9, NOW), now=later)
    assert (taken.status, parked.status, lane.over) == (Status.DELIVERED, Status.PARKED, None)


def test_a_destination_that_took_nothing_for_a_day_is_over_with_the_reason() -> None:
    lane, [notice] = step(AWAY, lane=Lane(9, NOW), now=NOW + TRIED_FOR)
    assert (notice.status, lane.over) == (Status.PARKED, "No answer within 10 seconds.")
    lane, [notice] = step(REFUSED, lane=Lane(9, NOW), now=NOW + TRIED_FOR)
    assert lane.over == "400 invalid_blocks"


def test_a_destination_that_wants_no_more_is_over_at_once() -> None:
    lane, [notice] = step(GONE)
    assert (notice.status, lane.over) == (Status.PARKED, "410")


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_pauses_grow_to_six_hours_and_are_never_the_same_for_all(attempts: int, jitter: float) -> None:
    assert pause(attempts, 0) >= pause(attempts, jitter) >= pause(attempts, 1) == pause(attempts, 0) / 2
    assert timedelta(seconds=2.5) <= pause(attempts, jitter) <= timedelta(hours=6)
    assert pause(attempts + 1, 0) >= pause(attempts, 0)


def test_within_its_day_a_notice_is_tried_about_ten_times() -> None:
    at, tries = timedelta(0), 0
    while at < TRIED_FOR:
        tries += 1
        at += pause(tries, 0.5)
    assert 9 <= tries <= 14
