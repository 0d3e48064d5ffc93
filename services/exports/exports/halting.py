"""Blocking work of an attempt in threads that end with its lease: each meets the end at its next read or write of the file."""

import asyncio
import io
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, BinaryIO, ParamSpec, TypeVar, cast

from common.lease import Lease

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

P = ParamSpec("P")
T = TypeVar("T")


class Halted(Exception):
    """The work was broken off from outside; nobody asks for it any more."""


class Threads:
    """Runs work in a thread, one after the other, as long as a lease is kept."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._halted = threading.Event()
        self._endings: list[Callable[[], None]] = []

    def watched(self, file: BinaryIO) -> BinaryIO:
        """The same file, in which whoever is halted reads and writes no more."""
        return cast("BinaryIO", _Watched(file, self._halted))

    def ending(self, end: Callable[[], None]) -> None:
        """`end` is called when work is halted: it frees a thread that waits for something else than the file."""
        self._endings.append(end)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the work gives. Once the lease is not kept it is halted, waited for, and why is raised, as `Lease.during` does."""
        working = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
        try:
            return await self._lease.during(asyncio.shield(working))
        finally:
            if not working.done():
                self._halt()
                await asyncio.gather(working, return_exceptions=True)

    async def during(self, work: Awaitable[T]) -> T:
        """The same of work that has threads of its own, which read and write what is `watched`."""
        try:
            return await self._lease.during(work)
        except BaseException:
            self._halt()
            raise

    def _halt(self) -> None:
        self._halted.set()
        for end in self._endings:
            end()


class _Watched(io.BufferedIOBase):
    """Passes on to a file, which it does not close. Raises Halted."""

    def __init__(self, file: BinaryIO, halted: threading.Event) -> None:
        self._file = file
        self._halted = halted

    def _look(self) -> BinaryIO:
        if self._halted.is_set():
            raise Halted
        return self._file

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._file.fileno()

    def read(self, size: int | None = -1, /) -> bytes:
        return self._look().read(-1 if size is None else size)

    def write(self, data: "ReadableBuffer", /) -> int:
        return self._look().write(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._look().seek(offset, whence)

    def truncate(self, size: int | None = None, /) -> int:
        return self._look().truncate(size)

    def tell(self) -> int:
        return self._file.tell()

    def flush(self) -> None:
        if not self._file.closed:
            self._look().flush()
