"""An event as the event store holds it: what happened, when and by whom; apart from the store, for those who only decide."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Recorded(NamedTuple):
    """One event of one stream. `data` is the event as JSON: encoded, where it is to be written, and as its values, where it was
    read. `cause` names what led to it (a command, an import …). It is written as it is: its members are columns of `event`."""

    channel: str
    stream: UUID
    version: int
    type: str
    data: bytes | dict[str, object]
    at: datetime
    by: str
    cause: str
