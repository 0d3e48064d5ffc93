"""A term set as the evaluator asks it, in 16 bytes a term: a segment over a million terms is judged from memory. Pure.

The terms themselves stay with search. That two of 1,000,000 share a 128-bit BLAKE2b digest has a probability below 2^-88.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from uuid import UUID

MOST_TERMS = 5_000_000
"""Of all term sets that a channel's segments name together; every process that judges holds them in memory."""

_SIZE = 16


@dataclass(frozen=True, slots=True)
class TermSet:
    """A term set: the key it was made for, and the sorted digests of its terms, one after the other."""

    id: UUID
    key: str
    digests: bytes

    @classmethod
    def of(cls, term_set: UUID, key: str, terms: Iterable[str]) -> "TermSet":
        """Of terms as they are compared (folded, phones as E.164)."""
        return cls(term_set, key, b"".join(sorted({_digest(term) for term in terms})))

    @property
    def size(self) -> int:
        """How many terms it has."""
        return len(self.digests) // _SIZE

    def __contains__(self, term: object) -> bool:
        """Whether the text is one of the terms: a binary search."""
        if not isinstance(term, str):
            return False
        wanted, low, high = _digest(term), 0, self.size
        while low < high:
            middle = (low + high) // 2
            found = self.digests[middle * _SIZE : (middle + 1) * _SIZE]
            if found == wanted:
                return True
            if found < wanted:
                low = middle + 1
            else:
                high = middle
        return False


def _digest(term: str) -> bytes:
    return blake2b(term.encode(), digest_size=_SIZE).digest()
