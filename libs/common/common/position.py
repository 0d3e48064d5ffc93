"""The word a write answers with, so that a later reader can wait until it has seen that write."""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass

from common.errors import Unreadable

HEADER = "Dangol-Position"
_MOST_ENTRIES = 64


@dataclass(frozen=True, slots=True)
class Applied:
    """One thing at one version: `kind` is `contact` or `field`, `id` a contact's id or a field's key."""

    kind: str
    id: str
    version: int


@dataclass(frozen=True, slots=True)
class Position:
    """What a transaction wrote last in each partition it touched; those before stand in order behind them."""

    entries: tuple[Applied, ...]

    def encode(self) -> str:
        """The opaque word, at most one entry a partition."""
        # Never an empty word: an empty header is as good as none, and some clients do not send one back.
        text = "\n".join(f"{e.kind[0]}{e.version}:{e.id}" for e in self.entries) or "\n"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


_KINDS = {"c": "contact", "f": "field"}


def decode(word: str) -> Position:
    """Read the word back. Raises Unreadable where it is not one of ours."""
    refusal = Unreadable(f"`{HEADER}` is not a word that a write answered with. Send it back as you got it, or not at all.")
    try:
        lines = base64.b64decode(word + "=" * (-len(word) % 4), b"-_", validate=True).decode().split("\n")
        entries = tuple(
            Applied(_KINDS[head[0]], name, int(head[1:])) for line in lines if line for head, _, name in [line.partition(":")]
        )
    except (binascii.Error, ValueError, KeyError, IndexError):
        raise refusal from None
    if len(entries) > _MOST_ENTRIES or any(not e.id or e.version < 0 for e in entries):
        raise refusal
    return Position(entries)


def last_by_partition(written: Iterable[tuple[int, Applied]]) -> Position:
    """Of (partition, thing) pairs in the order of writing, the last of each partition."""
    last: dict[int, Applied] = {}
    for partition, applied in written:
        last[partition] = applied
    return Position(tuple(last.values()))
