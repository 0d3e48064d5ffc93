"""The shapes of what is answered of browser keys, for the OpenAPI document."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from common.answers import Shape, left_out
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
    verify_members: bool
    secret: Annotated[str, Field(description="Told once, in the answer that makes it. Keep it on a server, never in a page.")] = (
        left_out()
    )
