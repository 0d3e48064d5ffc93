"""How long to wait: until a manager's next export, and until a failed attempt is followed by another."""

from datetime import datetime, timedelta

_LONGEST_PAUSE = timedelta(seconds=30)


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts that came to nothing: 1 s, doubled each time, at most 30 s."""
    return min(timedelta(seconds=2 ** (attempts - 1)), _LONGEST_PAUSE)


def wait_seconds(latest: datetime | None, minutes: int, now: datetime) -> int:
    """How long to wait until the next export is allowed, in whole seconds; 0 for now. The window runs from acceptance."""
    if latest is None:
        return 0
    left = latest + timedelta(minutes=minutes) - now
    return max(0, -(-left // timedelta(seconds=1)))


def in_words(seconds: int) -> str:
    """The wait as a person is told it."""
    minutes = -(-seconds // 60)
    if minutes > 1:
        return f"{minutes} minutes"
    return "1 second" if seconds == 1 else f"{seconds} seconds"
