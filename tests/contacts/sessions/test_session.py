"""Sessions: a gap of the window or less continues one, and the order in which visits arrive changes nothing."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.sessions.session import Placed, Session, place, settle

WINDOW = timedelta(minutes=30)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def session(start: float, end: float) -> Session:
    return Session(after(start), after(end))


@pytest.mark.parametrize(
    ("at", "neighbours", "placed", "change"),
    [
        (0, [], Placed(session(0, 0), ()), +1),
        (30, [session(0, 0)], Placed(session(0, 30), (session(0, 0),)), 0),
        (30.001, [session(0, 0)], Placed(session(30.001, 30.001), ()), +1),
        (-30, [session(0, 10)], Placed(session(-30, 10), (session(0, 10),)), 0),
        (-30.001, [session(0, 10)], Placed(session(-30.001, -30.001), ()), +1),
        (5, [session(0, 10)], Placed(session(0, 10), (session(0, 10),)), 0),
        (30, [session(0, 0), session(60, 90)], Placed(session(0, 90), (session(0, 0), session(60, 90))), -1),
    ],
    ids=["opens one", "30 minutes", "over 30 minutes", "30 before", "over 30 before", "within", "joins two"],
)
def test_a_visit_opens_stretches_or_joins_sessions(at: float, neighbours: list[Session], placed: Placed, change: int) -> None:
    found = place(after(at), neighbours, WINDOW)
    assert found == placed
    assert found.change == change


def test_the_first_and_the_last_instant_there_is_have_sessions_too() -> None:
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    assert place(first, [Session(first, first)], WINDOW).change == 0
    assert place(last, [Session(first, first), Session(last, last)], WINDOW).change == 0


def counted(visits: list[datetime]) -> int:
    ordered = sorted(visits)
    return 1 + sum(later - earlier > WINDOW for earlier, later in pairwise(ordered)) if ordered else 0


@given(st.lists(st.integers(0, 600), max_size=25), st.randoms(use_true_random=False))
def test_sessions_are_the_same_for_every_order_of_arrival(minutes: list[int], random: object) -> None:
    visits = [after(m) for m in minutes]
    random.shuffle(visits)  # type: ignore[attr-defined]
    sessions: list[Session] = []
    count = 0
    for visit in visits:
        sessions, change = settle(visit, sessions, WINDOW)
        count += change
        assert count == len(sessions)
    assert count == counted(visits)
    ordered = sorted(sessions, key=lambda s: s.started_at)
    assert all(later.started_at - earlier.ended_at > WINDOW for earlier, later in pairwise(ordered))
