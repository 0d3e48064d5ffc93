"""Reads the rows of an import that are to be written next while those before them are being written."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.events.contacts import FieldTypeName
from contacts.imports.order import Order
from contacts.imports.row import Bodies
from contacts.imports.source import Row, read_rows

_AT_ONCE = 100
"""Rows read before others have their turn: some milliseconds."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows from a place in the file on, with the bodies of their writes, and the place behind them."""

    rows: Sequence[Row]
    following: int
    read: Bodies


class Reading:
    """Reads an import's rows, so many at a time, at first by these types and this zone. So many are read ahead, until `drop`."""

    def __init__(self, order: Order, file: Path, size: int, types: Mapping[str, FieldTypeName], zone: str) -> None:
        self._order = order
        self._file = file
        self._size = size
        self._read_as = Bodies(types, zone)
        self._ahead: tuple[int, asyncio.Task[Chunk]] | None = None

    async def chunk(self, place: int) -> Chunk:
        """The rows from this place on; the next are read from now on. Raises FileNotFoundError."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0] != place:
            ahead[1].cancel()
            ahead = None
        chunk = await (self._chunk(place) if ahead is None else ahead[1])
        if chunk.rows:
            task = asyncio.create_task(self._chunk(chunk.following))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # told to whoever asks for it
            self._ahead = chunk.following, task
        return chunk

    def bodies(self, chunk: Chunk, types: Mapping[str, FieldTypeName], zone: str) -> Bodies:
        """The chunk's bodies by what holds now; read anew where that was another when they were read."""
        if (chunk.read.types, chunk.read.zone) == (types, zone):
            return chunk.read
        self._read_as = Bodies(types, zone)
        return self._read_as.and_of(self._order, chunk.rows)

    def drop(self) -> None:
        """Read on no more."""
        if self._ahead is not None:
            self._ahead[1].cancel()

    async def _chunk(self, place: int) -> Chunk:
        rows, following = await asyncio.to_thread(read_rows, self._file, place, self._size)
        read = self._read_as
        for begin in range(0, len(rows), _AT_ONCE):
            read = read.and_of(self._order, rows[begin : begin + _AT_ONCE])
            await asyncio.sleep(0)
        return Chunk(rows, following, read)
