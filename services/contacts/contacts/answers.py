"""The shapes of what contacts answers, for the OpenAPI document."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, JsonValue

from common.answers import Problem, Shape, ShownContact, left_out
from common.clock import Instant


class ReadContacts(Shape):
    """Contacts in the order in which they were asked for; null for an id that is no contact here."""

    items: list[ShownContact | None]


class NotWrittenValue(Shape):
    """A value that a write did not take: the key has one for good (`once`), or its field is archived."""

    key: str
    reason: Literal["once", "archived"]


class WrittenContact(ShownContact):
    """The contact after a write, and what the write did not take of what it was sent."""

    not_written: list[NotWrittenValue] = left_out()


class BatchResult(Shape):
    """What became of one row of a batch: `id` and `version` are null where `problem` says why it was refused."""

    index: int
    status: int
    id: UUID | None
    version: int | None
    problem: Problem = left_out()
    not_written: list[NotWrittenValue] = left_out()


class BatchResults(Shape):
    """What became of each row, in their order."""

    results: list[BatchResult]


class TakenVisit(Shape):
    """A visit or custom event as it was sent, and whose it is."""

    id: str
    contact_id: UUID
    name: str
    at: Instant
    properties: dict[str, JsonValue]
    url: str | None
    device: dict[str, JsonValue] | None


class ShownChange(Shape):
    """One field's old and new value."""

    key: str
    from_: Annotated[JsonValue, Field(alias="from")]
    to: JsonValue


class ShownVisit(Shape):
    """The visit that moved the contact."""

    id: str
    at: Instant


class HistoryItem(Shape):
    """A version of a contact: when, by whom, why, and what changed; with what is the event's own."""

    version: int
    at: Instant
    by: str
    cause: str
    changes: list[ShownChange]
    type: str
    visit: ShownVisit = left_out()
    absorbed: UUID = left_out()
    merged_into: UUID = left_out()


class Identified(Shape):
    """What a browser key is told of an upsert: the `memberId` that it sent."""

    member_id: str
