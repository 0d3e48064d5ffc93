"""The shapes of what search answers, for the OpenAPI document."""

from uuid import UUID

from pydantic import JsonValue

from common.answers import Shape, ShownContact


class CountAnswer(Shape):
    """How many match, and what stands for that."""

    total: int
    fingerprint: str


class FoundPage(CountAnswer):
    """A page of contacts; `next` is the cursor of what follows, null at the end."""

    items: list[ShownContact]
    next: str | None


class FoundId(Shape):
    """One line of an answer of ids."""

    id: UUID
    version: int


class FilterAnswer(Shape):
    """The filter as it is understood."""

    filter: dict[str, JsonValue]
