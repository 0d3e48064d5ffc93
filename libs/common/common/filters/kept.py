"""Values that an earlier version kept otherwise than the border does today: they are found by what they stand for.

What each text comes to is remembered: every condition of every segment reads those of the same contact again.
"""

from functools import lru_cache

from common.email_address import InvalidEmail, read_email
from common.filters.text import fold, read_tag
from common.invisible import without_invisible

_REMEMBERED = 16_384


def as_kept_today(key: str, value: object) -> object:
    """A built-in's value as the border would keep it today; what it would refuse stays as it is."""
    match key:
        case "memberId" if isinstance(value, str):
            return without_invisible(value)
        case "email" if isinstance(value, str):
            return _email(value)
        case "tags" if isinstance(value, list | tuple):
            return _each_once(value)
        case _:
            return value


@lru_cache(maxsize=_REMEMBERED)
def _email(text: str) -> str:
    try:
        return read_email(text)
    except InvalidEmail:
        return text


def _each_once(tags: list[object] | tuple[object, ...]) -> list[object]:
    """The first of those that are compared as one, without empty ones."""
    found: dict[str, object] = {}
    for tag in tags:
        compared, kept = _tag(tag) if isinstance(tag, str) else (fold(str(tag)), tag)
        found.setdefault(compared, kept)
    found.pop("", None)
    return list(found.values())


@lru_cache(maxsize=_REMEMBERED)
def _tag(text: str) -> tuple[str, str]:
    """As it is compared, and as it is kept."""
    kept = read_tag(text)
    return fold(kept), kept
