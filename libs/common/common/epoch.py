"""Versions after a restore: what the database was put back to is at versions of before, and readers have seen more.

An epoch is what lies between two restores. It is the front of a version, so that whatever is written or told in it is newer than
all that was written before, also what the restore took away: after the first restore 7 is 1,000,000,007. Pure.
"""

VERSIONS = 1_000_000_000
"""Of one thing in one epoch. Nine million epochs fit a number that JavaScript counts exactly."""


def lifted(version: int, epoch: int) -> int:
    """The version as it counts in this epoch: one from before is put above all that may have been given before it."""
    floor = epoch * VERSIONS
    return version if version >= floor else floor + version % VERSIONS


def is_first(version: int) -> bool:
    """Whether it is a thing's first version, in whichever epoch it came to be."""
    return version % VERSIONS == 1
