"""The shapes of what is answered of destinations."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from common.answers import Shape, one_of
from common.clock import Instant
from notify.kinds.kind import Kind


class LastAnswer(Shape):
    """What came back: `status` is null where nothing did, and `text` says why."""

    at: Instant
    status: int | None
    text: str


class DestinationShown(Shape):
    """A destination. Its secret is never told. `disabledBy` is null where its own failing switched it off; `problem` says why.

    Where `url` is null though the kind has one the service's key does not open it any more; `problem` says so.
    """

    id: UUID
    kind: Annotated[Kind, one_of(Kind)]
    url: str | None
    events: list[str]
    segment_id: UUID | None
    language: Literal["ko", "en"]
    state: Literal["active", "disabled"]
    disabled_at: Instant | None
    disabled_by: str | None
    problem: str | None
    failures: Annotated[int, Field(description="Attempts in a row that came to nothing.")]
    last_answer: LastAnswer | None
    created_at: Instant
    created_by: str
    version: int


class Tested(Shape):
    """Whether the message arrived, and what came back."""

    delivered: bool
    answer: LastAnswer
