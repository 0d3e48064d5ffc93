"""Numbers are IEEE doubles, and each has one form: the same in state, event, message, index, answer and file."""

import math
from decimal import Decimal
from typing import TypeGuard

_LEAST, _MOST = -(2**63), 2**64 - 1  # what every reader of JSON here takes for a whole number

_EXACT = 2**53
"""Up to here every whole number is a double of its own."""


def is_long(value: object) -> TypeGuard[int]:
    """Whether this is a whole number with more digits than JSON's readers keep: they have a double in its place."""
    return isinstance(value, int) and not _LEAST <= value <= _MOST


def one_form(number: float) -> int | float:
    """The double as it is kept: a whole number without point and exponent, as long as JSON's readers keep it whole.

    Its digits are the fewest that name the double, with zeros behind, as JavaScript and PostgreSQL write it. Raises ValueError
    for what no double is near: an infinity, NaN, too large a number.
    """
    if type(number) is int and -_EXACT <= number <= _EXACT:
        return number
    try:
        double = float(number)
    except OverflowError:
        double = math.inf
    if not math.isfinite(double):
        raise ValueError("it must be a number that a double can hold")
    if not double.is_integer():
        return double
    whole = int(Decimal(repr(double)))
    return whole if _LEAST <= whole <= _MOST else double
