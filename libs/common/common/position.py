"""The word a write answers with, so that a later reader can wait until it has seen that write and all that its writer saw.

A transaction's messages come, in each partition of Kafka, after those of every transaction that was committed before it began. So
what a transaction writes stands there for all that its request carried, and a client that always sends the last word it got and
keeps the answer's has a short word for everything it wrote. What was written at the same time is in no such order: both stay.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from common.errors import Unreadable
from common.ids import parse_id
from common.partition import partition_of

HEADER = "Dangol-Position"
MOST_ENTRIES = 64
"""Of a word. One that would have more stands for everything that was committed before it is sent back."""
_MOST_VERSION = 2**63 - 1
_CHECK_BYTES = 6


@dataclass(frozen=True, slots=True)
class Applied:
    """One thing at one version: `kind` is `contact` or `field`, `id` a contact's id or a field's key."""

    kind: str
    id: str
    version: int


@dataclass(frozen=True, slots=True)
class Position:
    """What a reader must have applied: these entries, or `everything` that was committed before it is asked.

    `written` are those of the entries that stand for what one transaction wrote just now; the others were met or carried.
    """

    entries: tuple[Applied, ...]
    everything: bool = False
    written: frozenset[Applied] = frozenset()

    def __add__(self, other: "Position") -> "Position":
        """Both: of one thing the highest version."""
        versions: dict[tuple[str, str], int] = {}
        for entry in (*self.entries, *other.entries):
            versions[entry.kind, entry.id] = max(entry.version, versions.get((entry.kind, entry.id), 0))
        entries = tuple(Applied(kind, name, version) for (kind, name), version in versions.items())
        return Position(entries, self.everything or other.everything, self.written | other.written)

    def wrote(self) -> "Position":
        """The same, written by one transaction just now."""
        return replace(self, written=frozenset(self.entries))

    def after(self, carried: "Position", channel: str) -> "Position":
        """This write and what its request carried, or wrote earlier: that was committed before, so this stands for it."""
        passed = {_place(entry, channel) for entry in self.written}
        kept = tuple(entry for entry in carried.entries if _place(entry, channel) not in passed)
        return Position(kept, carried.everything, carried.written & frozenset(kept)) + self

    def encode(self, channel: str) -> str:
        """The opaque word, which is good in this channel alone."""
        lines = (f"{e.kind[0]}{e.version}:{e.id}" for e in self.entries)
        whole = self.everything or len(self.entries) > MOST_ENTRIES
        text = (_EVERYTHING if whole else "\n".join(lines)).encode()
        return base64.urlsafe_b64encode(_check(channel, text) + text).decode().rstrip("=")


NOWHERE = Position(())
"""What stands for nothing written."""
EVERYTHING = Position((), everything=True)

_EVERYTHING = "*"
_KINDS = {"c": "contact", "f": "field"}


def decode(words: str, channel: str) -> Position:
    """Read one word or several, comma-separated, back. Raises Unreadable where one is none of ours, or another channel's."""
    found = NOWHERE
    for word in words.split(","):
        if word.strip():
            found += _decode(word.strip(), channel)
    return found


def kept(word: str | None, channel: str) -> Position:
    """Read back a word that was kept (None: nothing yet). One that can't be read any more stands for everything."""
    try:
        return decode(word or "", channel)
    except Unreadable:
        return EVERYTHING


def _decode(word: str, channel: str) -> Position:
    refusal = Unreadable(
        f"`{HEADER}` is no word that a write of this channel answered with. Send it back as you got it, several with commas"
        " between them, or not at all."
    )
    try:
        raw = base64.b64decode(word + "=" * (-len(word) % 4), b"-_", validate=True)
        check, text = raw[:_CHECK_BYTES], raw[_CHECK_BYTES:]
        if check != _check(channel, text):
            raise refusal
        if text.decode() == _EVERYTHING:
            return EVERYTHING
        entries = tuple(
            Applied(_KINDS[head[0]], name, int(head[1:]))
            for line in text.decode().split("\n")
            if line
            for head, _, name in [line.partition(":")]
        )
    except (binascii.Error, ValueError, KeyError, IndexError):
        raise refusal from None
    if len(entries) > MOST_ENTRIES or not all(_can_be_ours(e) for e in entries):
        raise refusal
    return Position(entries)


def _check(channel: str, text: bytes) -> bytes:
    """Tells a word of another channel, or one that was cut off or made up, before a reader waits for it in vain."""
    return hashlib.blake2b(channel.encode() + b"\0" + text, digest_size=_CHECK_BYTES).digest()


def _can_be_ours(entry: Applied) -> bool:
    """Whether a store may be asked about it: a word that somebody made up must not fail there."""
    named = parse_id(entry.id) is not None if entry.kind == "contact" else entry.id != "" and "\0" not in entry.id
    return named and 0 <= entry.version <= _MOST_VERSION


def _place(entry: Applied, channel: str) -> tuple[str, int]:
    """The topic and partition that tell of it."""
    return entry.kind, partition_of(f"{channel}/{entry.id}")


def last_by_partition(channel: str, written: Iterable[Applied]) -> Position:
    """Of things in the order of writing, the last of each partition."""
    last: dict[tuple[str, int], Applied] = {}
    for applied in written:
        last[_place(applied, channel)] = applied
    return Position(tuple(last.values()))
