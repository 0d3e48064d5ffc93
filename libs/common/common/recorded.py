"""An event as the event store holds it: what happened, when and by whom; apart from the store, for those who only decide."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson


@dataclass(frozen=True, slots=True)
class Recorded:
    """One event of one stream. `data` is the event as JSON values; `cause` names what led to it (a command, an import …)."""

    channel: str
    stream: UUID
    version: int
    type: str
    data: dict[str, object]
    at: datetime
    by: str
    cause: str


def as_data(json: bytes) -> dict[str, object]:
    """An encoded event as the values an event row holds."""
    data: dict[str, object] = orjson.loads(json)
    return data
