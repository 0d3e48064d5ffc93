"""The stream of contacts that search gives, read whole or not at all: a head, a line for each contact, an end."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import orjson

from common.clock import from_wire
from exports.neighbours import Neighbours
from exports.writing import Incomplete

_BATCH = 500
_BATCH_BYTES = 1 << 20
"""Contacts are written by so many, or about so many bytes of them."""


async def rows(neighbours: Neighbours, channel: str, asked: Mapping[str, Any]) -> AsyncGenerator[list[bytes], None]:
    """The head alone, then the contacts' lines by hundreds. Raises Problem, and Incomplete where the stream breaks off."""
    async with neighbours.scan(channel, asked) as pieces:
        first = await anext(pieces, [b""])
        yield first[:1]
        async for batch in batches(pieces, first[1:]):
            yield batch


def read_head(line: bytes) -> tuple[int, datetime]:
    """How many contacts there are, and of which instant. Raises Incomplete."""
    try:
        head = orjson.loads(line)
        return head["total"], from_wire(head["instant"])
    except (ValueError, KeyError, TypeError):
        raise Incomplete("the stream of contacts has no head") from None


async def batches(pieces: AsyncIterator[list[bytes]], first: list[bytes]) -> AsyncGenerator[list[bytes], None]:
    """The contacts' lines by hundreds, those in `first` before the others. Raises Incomplete where the end is missing or tells of
    another number."""
    held, count = first, 0
    size = sum(map(len, held))
    async for piece in pieces:
        held += piece
        size += sum(map(len, piece))
        while len(held) > _BATCH or (size > _BATCH_BYTES and len(held) > 1):
            batch = held[: min(_BATCH, len(held) - 1)]  # the last may be the end
            held = held[len(batch) :]
            count, size = count + len(batch), sum(map(len, held))
            yield batch
    count += len(held) - 1
    if not held or not _is_end(held[-1], count):
        raise Incomplete("the stream of contacts broke off")
    if held[:-1]:
        yield held[:-1]


def _is_end(line: bytes, count: int) -> bool:
    try:
        return bool(orjson.loads(line) == {"end": True, "rows": count})
    except orjson.JSONDecodeError:
        return False
