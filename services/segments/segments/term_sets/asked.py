"""The term sets that a filter asks for: those that are not here yet are had from where they are made."""

from typing import Protocol
from uuid import UUID

from common.filters import MAX_TERM_SETS, FilterRefused
from common.postgres import Database
from segments.definition import term_sets_of
from segments.term_sets import store as term_set_store
from segments.term_sets.term_set import MOST_TERMS, TermSet


class TermSets(Protocol):
    """Where term sets are made."""

    async def term_set(self, channel: str, term_set: UUID) -> TermSet | None:
        """The term set; None where there is no such. Raises Unavailable."""
        ...


async def asked_for(database: Database, term_sets: TermSets, channel: str, raw: object) -> list[TermSet]:
    """The term sets that a filter names and that are not here yet. One that is nowhere is the parser's to refuse.

    Raises FilterRefused for more than a filter may name, and Unavailable.
    """
    named = term_sets_of([raw])
    if not named:
        return []
    async with database.connection() as connection:
        wanted = await term_set_store.missing(connection, channel, named)
    if len(wanted) > MAX_TERM_SETS:
        raise FilterRefused(
            f"A filter may name {MAX_TERM_SETS} term sets at most. Make one of several for the same field.",
            code="tooManyTermSets",
            pointer="/filter",
            extra={"most": MAX_TERM_SETS},
        )
    found = [await term_sets.term_set(channel, each) for each in sorted(wanted)]
    return [each for each in found if each is not None]


def refuse_too_many(terms: int) -> None:
    """Raises FilterRefused where the term sets of a channel's segments have too many terms together."""
    if terms > MOST_TERMS:
        raise FilterRefused(
            f"The term sets of a channel's segments may have {MOST_TERMS:,} terms together. Take some out of other segments.",
            code="tooManyTerms",
            pointer="/filter",
            extra={"most": MOST_TERMS},
        )
