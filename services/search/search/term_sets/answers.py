"""The shapes of what is told of term sets, for the OpenAPI document."""

from uuid import UUID

from common.answers import Shape
from search.term_sets.terms import Status


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
