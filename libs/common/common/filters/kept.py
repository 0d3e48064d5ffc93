"""Values that an earlier version kept otherwise than the border does today: they are found by what they stand for."""

from common.email_address import InvalidEmail, read_email
from common.filters.text import fold, read_tag
from common.invisible import without_invisible


def as_kept_today(key: str, value: object) -> object:
    """A built-in's value as the border would keep it today; what it would refuse stays as it is."""
    match key:
        case "memberId" if isinstance(value, str):
            return without_invisible(value)
        case "email" if isinstance(value, str):
            try:
                return read_email(value)
            except InvalidEmail:
                return value
        case "tags" if isinstance(value, list | tuple):
            return _each_once([read_tag(tag) if isinstance(tag, str) else tag for tag in value])
        case _:
            return value


def _each_once(tags: list[object]) -> list[object]:
    """The first of those that are compared as one, without empty ones."""
    found: dict[object, object] = {}
    for tag in tags:
        found.setdefault(fold(str(tag)), tag)
    found.pop("", None)
    return list(found.values())
