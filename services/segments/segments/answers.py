"""The shapes of what segments answers."""

from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field, model_serializer

from common.clock import Instant
from common.http import Wire
from common.ids import Id
from common.shapes import FilterAsked


class DefinedSegment(Wire):
    """A segment, as far as itself goes."""

    id: Id
    name: str
    filter: FilterAsked
    status: Literal["building", "live", "broken"]
    problem: str | None = None
    count: int
    definition_version: int
    version: int


class NamingSegment(Wire):
    """A segment whose filter names another."""

    id: Id
    name: str


class NamingDestination(Wire):
    """A destination of notices that is told who enters and leaves a segment."""

    id: Id
    kind: str
    state: Literal["active", "disabled"]


class UsedBy(Wire):
    """Who stands on a segment: the segments that name it themselves, and the destinations of notices that are told of it.

    `destinations` are left out while the service that has them does not answer: they are not known then. An empty list says that
    there are none.
    """

    segments: list[NamingSegment]
    destinations: list[NamingDestination] = Field(default_factory=list[NamingDestination])

    @model_serializer(mode="wrap")
    def _as_far_as_known(self, write: Callable[["UsedBy"], dict[str, Any]]) -> dict[str, Any]:
        written = write(self)
        if "destinations" not in self.model_fields_set:
            del written["destinations"]
        return written


class Segment(DefinedSegment):
    """A segment, and who stands on it."""

    used_by: UsedBy


class Definition(Wire):
    """What somebody made of a segment: its version (the `ETag` of then) and its filter's; `by` is null where it was not noted."""

    version: int
    definition_version: int
    at: Instant
    by: str | None
    name: str
    filter: FilterAsked


class Member(Wire):
    """A contact that is in a segment, since an instant."""

    contact_id: Id
    since: Instant


class Standing(Wire):
    """Where a contact stands in a segment."""

    member: bool
    since: Instant | None
    next_change_at: Instant | None


class Membership(Wire):
    """A segment that a contact is in."""

    id: Id
    name: str
    status: Literal["building", "live", "broken"]
    since: Instant
