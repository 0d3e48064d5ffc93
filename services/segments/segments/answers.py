"""The shapes of what segments answers."""

from typing import Literal

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


class UsedBy(Wire):
    """Who stands on a segment, as far as that is known: the segments that name it themselves.

    `destinations` are another service's and join it once that tells them: left out, they are not known; an empty list would say
    that there are none.
    """

    segments: list[NamingSegment]


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
