"""The shapes of what is answered of browser keys, for the OpenAPI document."""

from typing import Literal
from uuid import UUID

from common.answers import Shape
from common.clock import Instant


class BrowserKeyShown(Shape):
    """A browser key."""

    id: UUID
    key: str
    name: str
    origins: list[str]
    status: Literal["live", "ending", "revoked"]
    created_at: Instant
    created_by: str
    ends_at: Instant | None
