"""What whoever keeps files asks of the place where they lie, wherever that is."""

from datetime import datetime
from pathlib import Path
from typing import Protocol

PIECE = 256 * 1024
"""So many bytes of a file are read at once, at the most."""


class Altered(Exception):
    """What lies in the store is not what was put there."""


class Reading(Protocol):
    """Some bytes of a file that is kept, as they come; closed by whoever opened it."""

    @property
    def size(self) -> int:
        """Of the whole file, in bytes."""
        ...

    async def read(self) -> bytes:
        """The next bytes, none at the end. Raises Unavailable or OSError where they break off."""
        ...

    async def close(self) -> None:
        """No more of it is wanted."""
        ...


class FileStore(Protocol):
    """A place for whole files by name, each written once."""

    async def check(self) -> None:
        """Raises Unavailable or OSError where the place cannot be used now."""
        ...

    async def put(self, name: str, written: Path, sha256: str) -> None:
        """Take over a file that was written to its end; it is there under its name whole, or not at all.

        `sha256` is that of its bytes, in hexadecimal. Raises Unavailable, OSError, and Altered.
        """
        ...

    async def open(self, name: str, sent: range | None) -> Reading:
        """All of a file, or these of its bytes. Raises FileNotFoundError, Unavailable, OSError."""
        ...

    async def remove(self, name: str) -> None:
        """Delete it, and what was put of it by halves. Raises Unavailable, OSError."""
        ...

    async def tidy(self, before: datetime) -> None:
        """Give up what was begun before then and never came to its end, under whatever name. Raises Unavailable, OSError."""
        ...

    async def names(self, beginning: str = "") -> set[str]:
        """What lies here by names that begin so, also by halves. Raises Unavailable, OSError."""
        ...
