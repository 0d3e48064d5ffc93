"""Sessions: stretches of visits with no gap longer than the window, the same for every order of arrival."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple


class Session(NamedTuple):
    """From the first to the last visit of a stretch."""

    started_at: datetime
    ended_at: datetime


class Placed(NamedTuple):
    """What one visit did: the session it lies in now, those it took in, and by how many the count changed (+1, 0, -1)."""

    session: Session
    replaced: tuple[Session, ...]

    @property
    def change(self) -> int:
        """The difference in the number of sessions."""
        return 1 - len(self.replaced)


def place(at: datetime, neighbours: Sequence[Session], window: timedelta) -> Placed:
    """Set a visit among sessions (of one contact, apart by more than the window): it opens one, stretches one, or joins two.

    A gap of exactly the window continues a session.
    """
    touched = tuple([s for s in neighbours if s.started_at - at <= window and at - s.ended_at <= window])
    if not touched:
        return Placed(Session(at, at), touched)
    started, ended = min(s.started_at for s in touched), max(s.ended_at for s in touched)
    return Placed(Session(min(at, started), max(at, ended)), touched)


def settle(at: datetime, sessions: Sequence[Session], window: timedelta) -> tuple[list[Session], int]:
    """All sessions after a visit, and the change in their number."""
    placed = place(at, sessions, window)
    kept = [s for s in sessions if s not in placed.replaced] if placed.replaced else sessions
    return [*kept, placed.session], placed.change


def unite(sessions: Iterable[Session], window: timedelta) -> list[Session]:
    """The sessions of several contacts as those of one: the same as counting anew over all their visits.

    Within a session no gap is longer than the window, so two of them are one where their ends are no further apart.
    """
    united: list[Session] = []
    for session in sorted(sessions, key=lambda s: s.started_at):
        if united and session.started_at - united[-1].ended_at <= window:
            united[-1] = Session(united[-1].started_at, max(united[-1].ended_at, session.ended_at))
        else:
            united.append(session)
    return united
