"""Where a follower of a segment's log stands, as the whole number that it carries back. Pure.

Of a log whose oldest changes are not kept any more, the beginning is a snapshot: the last `entered` of everyone who was in at the
`floor`, each at its own position. Whoever begins anew reads the snapshot, then what follows the floor. A position below the floor
can't be gone on from: somebody may have left since, and nothing says so any more. So that who reads the snapshot is not taken for
somebody who stopped at that position long ago, their bookmarks are negative numbers that name the snapshot as well. Whatever is
read later has the greater bookmark. A segment counts its snapshots from a number of its own, so that a bookmark of another's is
refused too, all but one of 32,768 times.
"""

from dataclasses import dataclass
from hashlib import blake2b
from uuid import UUID

_POSITION_BITS, _SNAPSHOT_BITS = 36, 15
_LOWEST = -(1 << 52)  # so that a bookmark is exact wherever numbers are doubles
_MOST_SNAPSHOTS = 1 << _SNAPSHOT_BITS
LOWEST, HIGHEST = _LOWEST, (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Kept:
    """What is left of a log: up to the position `floor` the `snapshot`, which is counted, beyond it everything."""

    floor: int = 0
    snapshot: int = 0


def kept_of(segment_id: UUID, floor: int, snapshots: int) -> Kept:
    """What is left of a segment's log, of which so many snapshots were made."""
    origin = int.from_bytes(blake2b(segment_id.bytes, digest_size=2).digest(), "big")
    return Kept(floor, origin + snapshots)


@dataclass(frozen=True, slots=True)
class Bookmark:
    """The position that was read last, 0 for none; within a snapshot also which one that is."""

    position: int
    snapshot: int | None = None

    def goes_on(self, kept: Kept) -> bool:
        """Whether what follows is still whole: the beginning, a place within this very snapshot, or what is kept beyond it."""
        if self.snapshot is None:
            return self.position == 0 or self.position >= kept.floor
        return self.snapshot == kept.snapshot % _MOST_SNAPSHOTS and self.position < kept.floor


def write(bookmark: Bookmark) -> int:
    """The number that stands for it."""
    if bookmark.snapshot is None:
        return bookmark.position
    return _LOWEST + ((bookmark.snapshot % _MOST_SNAPSHOTS) << _POSITION_BITS) + bookmark.position


def read(number: int) -> Bookmark:
    """What `write` has written. Raises ValueError for any other number."""
    if number >= 0:
        return Bookmark(number)
    snapshot, position = divmod(number - _LOWEST, 1 << _POSITION_BITS)
    if not 0 <= snapshot < _MOST_SNAPSHOTS:
        raise ValueError("no bookmark")
    return Bookmark(position, snapshot)


def after(position: int, kept: Kept, *, at_end: bool = False) -> Bookmark:
    """The bookmark of who has read up to a position, and nothing is left to read where this was the end."""
    if position == 0 or position >= kept.floor:
        return Bookmark(kept.floor) if at_end and position < kept.floor else Bookmark(position)
    return Bookmark(kept.floor) if at_end else Bookmark(position, kept.snapshot % _MOST_SNAPSHOTS)
