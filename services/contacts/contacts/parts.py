"""A request of many rows, written part by part: each part is a transaction of its own, begun again where others were faster."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeAlias, TypeVar

from common.errors import Unavailable, Unprocessable
from common.eventstore import ConcurrentChange, again
from common.postgres import Database
from contacts.portion import MOST_BYTES

R = TypeVar("R")
P = TypeVar("P")

Write: TypeAlias = Callable[[Sequence[R]], Awaitable[tuple[int, P]]]
"""Writes as many of the first rows as go into one transaction; answers how many, one at least, and what they came to."""


async def in_parts(database: Database, rows: Sequence[R], write: Write[R, P], place: Callable[[R], tuple[str, int]]) -> list[P]:
    """What each part came to. `place` tells a row's pointer and its number in the body.

    Raises Unprocessable where the rows have to be one transaction, and are too much for it, and ConcurrentChange where others
    were always faster: then none of them is written. Raises Unavailable where others were so once a part was written.
    """
    parts: list[P] = []
    done = 0
    while not parts or done < len(rows):
        try:
            taken, part = await again(partial(write, rows[done:]))
        except ConcurrentChange:
            if not parts:
                raise
            raise _not_all(done) from None
        parts.append(part)
        done += taken
        if done < len(rows) and database.joined:
            pointer, number = place(rows[done])
            raise _too_much(pointer, number)
    return parts


def _not_all(written: int) -> Unavailable:
    return Unavailable(
        f"The first {written} rows are written; the contacts of the next are being changed by others. Send the same again: what"
        " is written is not written twice.",
        extra={"written": written},
    )


def _too_much(pointer: str, fit: int) -> Unprocessable:
    return Unprocessable(
        f"With an `Idempotency-Key` all rows are one transaction, and their contacts are too large for that: together more than"
        f" {MOST_BYTES // 1024**2} MiB. Send the first {fit} rows with this key, and the others with another.",
        code="tooMuchAtOnce",
        pointer=pointer,
        extra={"most": MOST_BYTES, "fit": fit},
    )
