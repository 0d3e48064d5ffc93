"""A manager's own settings: what they are before anybody chose, and what a change makes of them. Pure."""

from collections.abc import Mapping

from pydantic import JsonValue

from common.errors import Unprocessable
from contacts.size import weight

MOST_BYTES = 16 * 1024
DEFAULTS: Mapping[str, JsonValue] = {"copyCountryCode": True, "language": None}
"""A number is copied as it is kept, with its country code, and the language is the browser's to say."""


def merged(kept: Mapping[str, JsonValue], given: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """What is kept after a change: merged by key, null takes a key away. Raises Unprocessable beyond 16 KiB."""
    after: dict[str, JsonValue] = {key: value for key, value in {**kept, **given}.items() if value is not None}
    if weight(after) > MOST_BYTES:
        detail = f"Preferences have {MOST_BYTES // 1024} KiB at most, all keys together. Take some away with null."
        raise Unprocessable(detail, code="tooLarge", extra={"most": MOST_BYTES})
    return after


def with_defaults(kept: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """What is kept, with the defaults of what nobody has chosen."""
    return {**DEFAULTS, **kept}
