"""The shapes of what is answered about a segment's log."""

from typing import Literal

from common.clock import Instant
from common.events.segments import Cause
from common.http import Wire
from common.ids import Id


class Change(Wire):
    """A contact entered or left."""

    position: int
    at: Instant
    contact_id: Id
    change: Literal["entered", "left"]
    cause: Cause


class Changes(Wire):
    """A page of the change log, oldest first.

    `next`, to be sent back as `after`, is the last position; within the snapshot with which a log begins whose oldest changes are
    not kept any more, a negative number that stands for it. `previous`, to be sent back as `before`, is the first position, null
    where nothing is kept before it.
    """

    items: list[Change]
    next: int
    previous: int | None


class Count(Wire):
    """What happened in the step that begins at an instant, and the size at its end."""

    at: Instant
    entered: int
    left: int
    size: int
