"""A file that changes while a process runs, as keys do: read again each time; while it is broken, the old content counts."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from joserfc.errors import JoseError

from common.loop import Outage

T = TypeVar("T")

NONSENSE = (JoseError, ValueError, TypeError, KeyError, AttributeError)
"""What reading keys raises where there are none, or not such."""


class Changing(Generic[T]):
    """What `understand` makes of a file. It raises one of NONSENSE for what is none; `what` names the file in the log."""

    def __init__(
        self, path: Path, understand: Callable[[bytes], T], what: str, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._understand = understand
        self._what = what
        self._content: T | None = None
        self._stamp: object = None
        self._outage = Outage(what, monotonic=monotonic)

    def look(self) -> tuple[T | None, bool]:
        """The content, None where it was never readable; and whether it is what the file holds now."""
        try:
            stat = self._path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if stamp != self._stamp:
                self._content, self._stamp = self._understand(self._path.read_bytes()), stamp
        except (OSError, *NONSENSE) as error:
            self._outage.met(f"{self._what} cannot be read; what was read before counts", error)
            return self._content, False
        self._outage.over()
        return self._content, True
