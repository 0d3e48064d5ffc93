"""The shapes of what is answered of deliveries."""

from typing import Annotated
from uuid import UUID

from common.answers import Shape, one_of
from common.clock import Instant
from notify.deliveries.delivery import Status
from notify.destinations.answers import LastAnswer


class DeliveryShown(Shape):
    """A notice on its way to a destination. `nextAt` is null where nothing more is tried."""

    id: UUID
    destination_id: UUID
    event: str
    at: Instant
    status: Annotated[Status, one_of(Status)]
    attempts: int
    next_at: Instant | None
    last_answer: LastAnswer | None


class Resent(Shape):
    """How many are tried again."""

    count: int
