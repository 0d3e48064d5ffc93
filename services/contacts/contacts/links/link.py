"""A link's content and the id that follows from it. Pure."""

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import timedelta

import orjson
from pydantic import JsonValue

from common.errors import NotFound, Unprocessable
from common.number import one_form
from contacts.size import weight

MOST_BYTES = 64 * 1024
MOST_QUERY, MOST_SORTED = 1000, 10
KEPT = timedelta(days=365)
NOTED_EVERY = timedelta(days=1)
_ID_BYTES = 16
_ID = re.compile(r"[A-Za-z0-9_-]{22}")


def check(content: Mapping[str, JsonValue]) -> None:
    """Raises Unprocessable for a content beyond 64 KiB."""
    if weight(content) > MOST_BYTES:
        detail = f"A link holds {MOST_BYTES // 1024} KiB at most. Put long lists of values into a term set."
        raise Unprocessable(detail, code="tooLarge", extra={"most": MOST_BYTES})


def link_id(content: Mapping[str, JsonValue]) -> str:
    """The same for the same content, in whatever order its members came and however its whole numbers are written."""
    written = orjson.dumps(_canonical(content), option=orjson.OPT_SORT_KEYS)
    return urlsafe_b64encode(hashlib.sha256(written).digest()[:_ID_BYTES]).decode().rstrip("=")


def is_link_id(text: str) -> bool:
    """Whether it can be the id of a link."""
    return _ID.fullmatch(text) is not None


def _canonical(value: object) -> object:
    match value:
        case dict():
            return {key: _canonical(each) for key, each in value.items()}
        case list():
            return [_canonical(each) for each in value]
        case int() | float() if not isinstance(value, bool):
            return one_form(value)
        case _:
            return value


def no_link() -> NotFound:
    """The same words for another channel's link as for one that never was, or that nobody has used for a year."""
    return NotFound("There is no such link. One that nobody has opened for a year is gone.")
