"""An event as the event store holds it: what happened, when and by whom; apart from the store, for those who only decide."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Recorded:
    """One event of one stream. `data` is the event as JSON: encoded, where it is to be written, and as its values, where it was
    read. `cause` names what led to it (a command, an import …)."""

    channel: str
    stream: UUID
    version: int
    type: str
    data: bytes | dict[str, object]
    at: datetime
    by: str
    cause: str
