"""How long a manager waits until the next export."""

from datetime import datetime, timedelta


def counted_for(scope: str, subject: str) -> str | None:
    """Whose exports a manager's window counts: the manager's own, or (None) everybody's in the channel."""
    return subject if scope == "manager" else None


def opens_at(latest: datetime | None, minutes: int, now: datetime) -> datetime | None:
    """When the next export is allowed; None for now. The window runs from the acceptance of the last that counts."""
    if latest is None:
        return None
    end = latest + timedelta(minutes=minutes)
    return end if end > now else None


def wait_seconds(latest: datetime | None, minutes: int, now: datetime) -> int:
    """How long to wait until the next export is allowed, in whole seconds; 0 for now."""
    end = opens_at(latest, minutes, now)
    return 0 if end is None else -(-(end - now) // timedelta(seconds=1))


def in_words(seconds: int) -> str:
    """The wait as a person is told it."""
    minutes = -(-seconds // 60)
    if minutes > 1:
        return f"{minutes} minutes"
    return "1 second" if seconds == 1 else f"{seconds} seconds"
