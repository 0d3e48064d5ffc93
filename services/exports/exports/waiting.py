"""How long a manager waits until the next export."""

from datetime import datetime, timedelta


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
