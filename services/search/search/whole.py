"""Whole contacts out of an answer of the index, as the texts that they are there: nothing is decoded but what frames them."""

from dataclasses import dataclass
from typing import Any, Self

import msgspec


class _Held(msgspec.Struct):
    source: msgspec.Raw


class _Hit(msgspec.Struct):
    sort: list[Any]
    held: _Held = msgspec.field(name="_source")


class _Hits(msgspec.Struct):
    hits: list[_Hit]


class _Answer(msgspec.Struct):
    timed_out: bool
    hits: _Hits


_ANSWERS = msgspec.json.Decoder(_Answer)


@dataclass(frozen=True, slots=True)
class Whole:
    """A page: contacts as JSON texts, the length of the answer that they are in, and the sort values of the last."""

    texts: list[msgspec.Raw]
    size: int
    last: list[Any] | None
    timed_out: bool

    @classmethod
    def read(cls, text: str | bytes) -> Self:
        """Of an answer's JSON. Raises msgspec.DecodeError."""
        answer = _ANSWERS.decode(text)
        hits = answer.hits.hits
        return cls([hit.held.source for hit in hits], len(text), hits[-1].sort if hits else None, answer.timed_out)
