"""What segments tells: contacts that entered or left, and what became of the definitions."""

from typing import Literal
from uuid import UUID

from pydantic import Field, JsonValue

from common.clock import Instant
from common.events.wire import Body

Cause = Literal["event", "clock", "definition", "erasure"]


class Entered(Body):
    """A contact entered a segment."""

    type: Literal["segment.entered"] = "segment.entered"
    segment_id: UUID
    contact_id: UUID
    at: Instant
    cause: Cause
    contact_version: int
    position: int


class Left(Body):
    """A contact left a segment."""

    type: Literal["segment.left"] = "segment.left"
    segment_id: UUID
    contact_id: UUID
    at: Instant
    cause: Cause
    contact_version: int
    position: int


class SegmentDefined(Body):
    """A segment was made or its definition changed."""

    type: Literal["segment.defined"] = "segment.defined"
    segment_id: UUID
    name: str
    filter: JsonValue
    definition_version: int


class SegmentDeleted(Body):
    """A segment is no more."""

    type: Literal["segment.deleted"] = "segment.deleted"
    segment_id: UUID


class SegmentMessage(Body):
    """The value of `segments.v1`; keyed channel/contact for entered and left, channel/segment for definitions."""

    event: Entered | Left | SegmentDefined | SegmentDeleted = Field(discriminator="type")
