"""Values that an earlier version kept otherwise than the border does today: they are found by what they stand for.

What each text comes to is remembered: every condition of every segment reads those of the same contact again.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

from common.email_address import InvalidEmail, read_email
from common.filters.text import fold, read_tag
from common.invisible import without_invisible

_REMEMBERED = 16_384


def as_kept_today(key: str, value: object) -> object:
    """A built-in's value as the border would keep it today; what it would refuse stays as it is."""
    keep = KEPT.get(key)
    return value if keep is None else keep(value)


def _member_id(value: object) -> object:
    return without_invisible(value) if isinstance(value, str) else value


def _address(value: object) -> object:
    return _email(value) if isinstance(value, str) else value


def _tags(value: object) -> object:
    if not isinstance(value, list | tuple):
        return value
    return list(_texts_once(tuple(value))) if all(isinstance(tag, str) for tag in value) else _each_once(value)


KEPT: Mapping[str, Callable[[object], object]] = {"memberId": _member_id, "email": _address, "tags": _tags}
"""By key: what makes of a value the one that the border would keep; every other built-in is kept as it comes."""


@lru_cache(maxsize=_REMEMBERED)
def _email(text: str) -> str:
    try:
        return read_email(text)
    except InvalidEmail:
        return text


@lru_cache(maxsize=_REMEMBERED)
def _texts_once(tags: tuple[object, ...]) -> list[object]:
    return _each_once(tags)


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
