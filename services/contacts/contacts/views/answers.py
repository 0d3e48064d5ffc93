"""The shape of what views answer, for the OpenAPI document."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from common.answers import Shape
from common.clock import Instant


class View(Shape):
    """A list as somebody likes to see it."""

    id: UUID
    name: str
    shared: bool
    link: Annotated[str, Field(description="The id of the link that says whom it lists, and in which order.")]
    columns: Annotated[list[str] | None, Field(description="Null: those of the channel's fields, in their order.")]
    made_by: str
    created_at: Instant
    updated_at: Instant
    changed_by: str
    version: int
