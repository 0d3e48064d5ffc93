"""Bulk requests: what is written, in bodies that the index takes, and what it says of each document."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from common.errors import Unavailable

ANY, EACH = "errors", "items.index._id,items.index.status,items.index.error.type"
"""What may be told of a request: whether there is anything wrong with it, or how each document fared."""

_MOST_BYTES = 8 * 1024 * 1024  # of one bulk request; a document has 2 MiB at most, and OpenSearch takes 100 MiB
_MOST_DOCUMENTS = 2000
_CLOSED = "index_closed_exception"  # a 400 as well, but not the document's fault


@dataclass(frozen=True, slots=True)
class Entry:
    """A whole document, or its JSON, to be written under its external version."""

    id: str
    version: int
    body: dict[str, Any] | bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """A document that the index can never take, and why (the kind of error, no value)."""

    id: str
    reason: str


def refusals(items: Iterable[Mapping[str, Any]]) -> Iterator[Refused]:
    """Of a bulk request's items those that the index can never take. Raises Unavailable where one may be taken another time."""
    for item in items:
        result = item["index"]
        match result["status"]:
            case 200 | 201 | 409:
                pass
            case 400 if result["error"]["type"] != _CLOSED:
                yield Refused(result["_id"], result["error"]["type"])
            case _:
                raise Unavailable("The search index is too busy just now. Try again in a moment.")


def bulks(alias: str, entries: Sequence[Entry]) -> Iterator[bytes]:
    """The bodies of the bulk requests, none too large for the index."""
    lines: list[bytes] = []
    held = size = 0
    for entry in entries:
        action = {"index": {"_index": alias, "_id": entry.id, "version": entry.version, "version_type": "external"}}
        both = [orjson.dumps(action), entry.body if isinstance(entry.body, bytes) else orjson.dumps(entry.body)]
        length = sum(map(len, both))
        if lines and (held == _MOST_DOCUMENTS or size + length > _MOST_BYTES):
            yield b"\n".join(lines) + b"\n"
            lines, held, size = [], 0, 0
        lines += both
        held, size = held + 1, size + length
    if lines:
        yield b"\n".join(lines) + b"\n"
