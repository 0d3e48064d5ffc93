"""The word a write answers with, so that a later reader can wait until it has seen that write."""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass

from common.errors import Unreadable
from common.ids import parse_id

HEADER = "Dangol-Position"
_MOST_ENTRIES = 64
_MOST_VERSION = 2**63 - 1


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

    def __add__(self, other: "Position") -> "Position":
        """Both, where they name other topics."""
        return Position(self.entries + other.entries)

    def encode(self) -> str:
        """The opaque word, at most one entry a partition."""
        # Never an empty word: an empty header is as good as none, and some clients do not send one back.
        text = "\n".join(f"{e.kind[0]}{e.version}:{e.id}" for e in self.entries) or "\n"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


NOWHERE = Position(())
"""What stands for nothing written."""

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
    if len(entries) > _MOST_ENTRIES or not all(_can_be_ours(e) for e in entries):
        raise refusal
    return Position(entries)


def _can_be_ours(entry: Applied) -> bool:
    """Whether a store may be asked about it: a word that somebody made up must not fail there."""
    named = parse_id(entry.id) is not None if entry.kind == "contact" else entry.id != "" and "\0" not in entry.id
    return named and 0 <= entry.version <= _MOST_VERSION


def last_by_partition(written: Iterable[tuple[int, Applied]]) -> Position:
    """Of (partition, thing) pairs in the order of writing, the last of each partition."""
    last: dict[int, Applied] = {}
    for partition, applied in written:
        last[partition] = applied
    return Position(tuple(last.values()))
