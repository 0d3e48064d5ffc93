"""How long a manager waits until the next export, and how that is told."""

from datetime import UTC, datetime, timedelta

import pytest

from exports.waiting import in_words, wait_seconds

AT = datetime(2026, 11, 24, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("latest", "minutes", "now", "left"),
    [
        (None, 30, AT, 0),
        (AT, 30, AT, 1800),
        (AT, 30, AT + timedelta(minutes=29, seconds=59), 1),
        (AT, 30, AT + timedelta(minutes=29, seconds=59, milliseconds=1), 1),
        (AT, 30, AT + timedelta(minutes=29, milliseconds=1), 60),
        (AT, 30, AT + timedelta(minutes=30) - timedelta(milliseconds=1), 1),
        (AT, 30, AT + timedelta(minutes=30), 0),
        (AT, 30, AT + timedelta(days=1), 0),
        (AT, 0, AT, 0),
        (AT, 1, AT, 60),
    ],
)
def test_the_window_runs_from_acceptance_and_its_rest_is_told_in_whole_seconds(
    latest: datetime | None, minutes: int, now: datetime, left: int
) -> None:
    assert wait_seconds(latest, minutes, now) == left


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 second"), (2, "2 seconds"), (60, "60 seconds"), (61, "2 minutes"), (1741, "30 minutes"), (1800, "30 minutes")],
)
def test_the_wait_is_told_in_words(seconds: int, words: str) -> None:
    assert in_words(seconds) == words
