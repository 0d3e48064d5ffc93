"""Sets of small numbers as the bits of an int: of a thousand segments two sets are joined in a fraction of a microsecond."""

from collections.abc import Iterable, Iterator, Sequence

_FEW = 10


def numbers(bits: int) -> Iterator[int]:
    """The numbers in a set, the smallest first."""
    if bits.bit_count() <= _FEW:
        while bits:
            lowest = bits & -bits
            yield lowest.bit_length() - 1
            bits ^= lowest
        return
    # Taking the lowest bit off copies the whole each time; a text of its digits is made once.
    digits = bin(bits)[:1:-1]
    at = digits.find("1")
    while at >= 0:
        yield at
        at = digits.find("1", at + 1)


def of(members: Iterable[int]) -> int:
    """The set of these numbers."""
    bits = 0
    for number in members:
        bits |= 1 << number
    return bits


def joined(sets: Sequence[int], bits: int) -> int:
    """All that is in any of the sets whose numbers are among the bits."""
    found = 0
    for number in numbers(bits):
        found |= sets[number]
    return found
