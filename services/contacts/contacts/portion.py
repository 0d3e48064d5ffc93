"""How much one transaction writes: rows are cut by the bytes of the messages that tell of them, as well as by their number. Pure.

A message tells the contact's whole state. So a thousand rows about large contacts are a quarter of a gigabyte, which nobody who
holds it in one piece (this process, PostgreSQL, the relay) has room for beside others.
"""

from collections.abc import Iterable

from common.events.contacts import Contact, ContactChanged, ContactCreated, ContactEvent, ContactMerged, ContactRestored
from contacts.size import size, weight

MOST_BYTES = 24 * 1024 * 1024
"""Of the messages of one transaction; its last row may pass it. A whole body of new contacts or visits stays below it."""
_MORE = 2048  # what a message has beside what was given of its contact and of the change


def fitting(stored: Iterable[int], most: int = MOST_BYTES) -> int:
    """Of rows about contacts with so many bytes each, how many of the first go into one transaction: at least one."""
    total = taken = 0
    for taken, each in enumerate(stored, 1):  # noqa: B007 - counts those taken
        total += each + _MORE
        if total >= most:
            break
    return taken


class Portion:
    """What a transaction under way has written, where that is not known before: a row may make a contact larger."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._left = most

    @property
    def is_full(self) -> bool:
        """Whether the next row belongs into another transaction."""
        return self._left <= 0

    def add(self, event: ContactEvent, after: Contact) -> None:
        """Count the message of an event."""
        self._left -= _MORE + size(after)
        if isinstance(event, ContactCreated | ContactChanged | ContactMerged | ContactRestored):
            self._left -= weight([(change.from_, change.to) for change in event.changes])
