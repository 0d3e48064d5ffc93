"""Sets of small numbers as the bits of an int: of a thousand segments two sets are joined in a fraction of a microsecond.

A set that is kept, and most are small, is a `Kept`: its numbers, or its bits where these take less.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

_FEW = 20
_MOST_NUMBERS = 16

Kept: TypeAlias = int | tuple[int, ...]
NONE: Kept = ()


def numbers(bits: int) -> Iterator[int]:
    """The numbers in a set, the smallest first where they are few, the greatest first where they are many."""
    if bits.bit_count() <= _FEW:
        while bits:
            lowest = bits & -bits
            yield lowest.bit_length() - 1
            bits ^= lowest
        return
    # Taking the lowest bit off copies the whole each time; a text of its digits is made once.
    digits = bin(bits)
    last = len(digits) - 1
    at = digits.rfind("1")
    while at >= 0:
        yield last - at
        at = digits.rfind("1", 0, at)


def of(members: Iterable[int]) -> int:
    """The set of these numbers."""
    bits = 0
    for number in members:
        bits |= 1 << number
    return bits


def joined(sets: Sequence[Kept], bits: int) -> int:
    """All that is in any of the sets whose numbers are among the bits."""
    found = 0
    for number in numbers(bits):
        kept = sets[number]
        if isinstance(kept, int):
            found |= kept
        else:
            for member in kept:
                found |= 1 << member
    return found


def of_kept(kept: Kept) -> int:
    """A kept set's bits."""
    return kept if isinstance(kept, int) else of(kept)


def with_one(kept: Kept, number: int) -> Kept:
    """The set with this number in it."""
    if isinstance(kept, int):
        return kept | 1 << number
    if number in kept:
        return kept
    return (*kept, number) if len(kept) < _MOST_NUMBERS else of(kept) | 1 << number


def without_one(kept: Kept, number: int) -> Kept:
    """The set without this number."""
    if isinstance(kept, int):
        return kept & ~(1 << number)
    return tuple(member for member in kept if member != number)


def touches(kept: Kept, bits: int) -> bool:
    """Whether any of the set is among the bits."""
    return bool(kept & bits) if isinstance(kept, int) else any(bits >> member & 1 for member in kept)
