"""JSON pointers (RFC 6901): how a refusal names its place in a body."""

from collections.abc import Iterable


def escape(key: str) -> str:
    """A key as one part of a pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def json_pointer(parts: Iterable[str | int]) -> str:
    """The pointer that leads through these keys and indexes."""
    return "".join(f"/{escape(str(part))}" for part in parts)
