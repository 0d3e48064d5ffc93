"""JSON pointers (RFC 6901): how a refusal names its place in a body."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def escape(key: str) -> str:
    """A key as one part of a pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def json_pointer(parts: Iterable[str | int]) -> str:
    """The pointer that leads through these keys and indexes."""
    return "".join(f"/{escape(str(part))}" for part in parts)


def parts_of(pointer: str) -> list[str]:
    """The keys and indexes that a pointer leads through."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def place_in(body: object, parts: Sequence[str | int], *, missing: bool) -> str:
    """The pointer to where pydantic found a fault in a body.

    Its own marks among the parts, such as `[key]` and the names of a union's branches, lead nowhere in the body and are left
    out. A last part that is `missing` is no mark.
    """
    taken: list[str | int] = []
    within: Any = body
    for n, part in enumerate(parts):
        index: Any = part
        is_key = isinstance(within, Mapping) and index in within
        if is_key or (isinstance(within, list) and isinstance(part, int) and part < len(within)):
            within = within[index]
        elif not (missing and n == len(parts) - 1):
            continue
        taken.append(part)
    return json_pointer(taken)
