"""The shapes of what search answers, for the OpenAPI document."""

from uuid import UUID

from pydantic import JsonValue

from common.answers import Shape, ShownContact
from search.term_sets.terms import Status


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


class TermSetAnswer(Shape):
    """A term set, and how many of its terms ended as what; the five add up to `terms`."""

    id: UUID
    key: str
    terms: int
    found: int
    not_found: int
    ambiguous: int
    unreadable: int
    duplicate: int


class TermAnswer(Shape):
    """One term, what it is compared as, how it ended, and the contacts that have it now."""

    term: str
    normalised: str | None
    status: Status
    contact_ids: list[UUID]
