"""What segments tells: contacts that entered or left, and what became of the definitions."""

from typing import Literal
from uuid import UUID

from common.clock import WireInstant
from common.events.wire import Body, Event, Json

Cause = Literal["event", "clock", "definition", "erasure", "repair"]


class Entered(Event, tag="segment.entered"):
    """A contact entered a segment."""

    segment_id: UUID
    contact_id: UUID
    at: WireInstant
    cause: Cause
    contact_version: int
    position: int


class Left(Event, tag="segment.left"):
    """A contact left a segment."""

    segment_id: UUID
    contact_id: UUID
    at: WireInstant
    cause: Cause
    contact_version: int
    position: int


class SegmentDefined(Event, tag="segment.defined"):
    """A segment was made or its definition changed."""

    segment_id: UUID
    name: str
    filter: Json
    definition_version: int


class SegmentDeleted(Event, tag="segment.deleted"):
    """A segment is no more."""

    segment_id: UUID


class SegmentMessage(Body):
    """The value of `segments.v1`; keyed channel/contact for entered and left, channel/segment for definitions."""

    event: Entered | Left | SegmentDefined | SegmentDeleted
