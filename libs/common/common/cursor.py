"""Where a list goes on: a word that callers carry back, and that may come back as anything."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from common.clock import from_wire
from common.errors import Unprocessable
from common.ids import parse_id
from common.text_rules import allowed

_MOST_NUMBER = 2**63 - 1  # what a bigint of the database holds


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of JSON values and the cursor of what follows."""

    items: list[dict[str, Any]]
    next: str | None


def bad_cursor() -> Unprocessable:
    """The refusal of a cursor that was made up, or made for another list."""
    return Unprocessable("This cursor does not come from this list. Begin again without it.", code="badCursor")


def encode(*parts: object) -> str:
    """A cursor of these JSON values."""
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


def decode(cursor: str, *kinds: Callable[[object], Any]) -> tuple[Any, ...]:
    """The parts of a cursor, each read by its kind (`number`, `text`, `instant`, `identifier`). Raises Unprocessable."""
    try:
        parts = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
        if not isinstance(parts, list):
            raise ValueError
        return tuple(kind(part) for kind, part in zip(kinds, parts, strict=True))
    except ValueError:  # a reader's own, binascii's and the JSON reader's too
        raise bad_cursor() from None


def number(part: object) -> int:
    """A whole number from 0 that the database can hold. Raises ValueError."""
    if not isinstance(part, int) or isinstance(part, bool) or not 0 <= part <= _MOST_NUMBER:
        raise ValueError
    return part


def text(part: object) -> str:
    """A text that the database can hold. Raises ValueError."""
    if not isinstance(part, str) or not allowed(part):
        raise ValueError
    return part


def instant(part: object) -> datetime:
    """An instant as the API writes it. Raises ValueError."""
    return from_wire(text(part))


def identifier(part: object) -> UUID:
    """An id in its canonical form. Raises ValueError."""
    known = parse_id(text(part))
    if known is None:
        raise ValueError
    return known
