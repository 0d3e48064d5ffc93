"""How a process of rows is spoken to: frames of MessagePack with their length before them, through its pipes."""

import struct
from typing import IO, Final

import msgspec

from exports.rows.making import Made

_LENGTH: Final = struct.Struct("<Q")


class Order(msgspec.Struct, frozen=True, array_like=True):
    """Make the rows from the `first` on, of so many lines."""

    first: int
    lines: bytes
    count: int


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """What was made of an order, or why nothing was: a line was no contact, a cell cannot be written, an error of the program."""

    made: Made | None
    no_contact: bool = False
    unfit: str = ""
    error: str = ""


def read_frame(source: IO[bytes]) -> bytes | None:
    """The next frame; None where there is no whole one any more."""
    head = source.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    size = _LENGTH.unpack(head)[0]
    data = source.read(size)
    return data if len(data) == size else None


def write_frame(sink: IO[bytes], data: bytes) -> None:
    """A frame that `read_frame` reads. Raises BrokenPipeError."""
    sink.write(_LENGTH.pack(len(data)))
    sink.write(data)
    sink.flush()
