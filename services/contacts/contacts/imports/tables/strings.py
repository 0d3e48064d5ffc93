"""A workbook's table of texts, kept in a file beside the upload and read only as far as it is asked for."""

import os
import re
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO

from contacts.imports.tables.package import scan, too_large

MOST_TEXT = 1024 * 1024
MOST_TEXTS = 16 * 1024 * 1024
"""Four bytes are kept of each."""
_BUFFER = 1024 * 1024
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


class TextItem:
    """Collects a text in pieces as it is shown: what is only how to read it aloud (rPh) is left out."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._size = 0
        self._aloud = 0
        self._taking = False

    def start(self, name: str) -> None:
        """An element begins inside it."""
        if name == "rPh":
            self._aloud += 1
        elif name == "t" and not self._aloud:
            self._taking = True

    def end(self, name: str) -> None:
        """An element inside it ends."""
        if name == "rPh":
            self._aloud -= 1
        elif name == "t":
            self._taking = False

    def text(self, data: str) -> None:
        """Characters. Raises UnreadableFile for a text that has no end."""
        if self._taking:
            self._size += len(data)
            if self._size > MOST_TEXT:
                raise too_large()
            self._pieces.append(data)

    def taken(self) -> str:
        """The whole text; it begins anew."""
        whole = "".join(self._pieces)
        self._pieces.clear()
        self._size = self._aloud = 0
        self._taking = False
        return whole


class SharedStrings:
    """The texts by their numbers."""

    def __init__(self, part: IO[bytes], spool: Path, *, most: int = MOST_TEXTS) -> None:
        self._part = part
        self._most = most
        self._path = spool
        self._spool: BinaryIO = spool.open("w+b")
        self._texts = _texts(part)
        self._starts = array("I", [0])
        self._written = 0
        self._buffer = bytearray()

    def __getitem__(self, index: int) -> str:
        """The text of this number. Raises IndexError, and UnreadableFile where there are too many."""
        while index + 1 >= len(self._starts):
            text = next(self._texts, None)
            if text is None:
                raise IndexError(index)
            self._keep(text.encode("utf-8", "surrogatepass"))
        if index < 0:
            raise IndexError(index)
        start, end = self._starts[index], self._starts[index + 1]
        if start >= self._written:
            data = bytes(self._buffer[start - self._written : end - self._written])
        else:
            data = os.pread(self._spool.fileno(), end - start, start)
        return data.decode("utf-8", "surrogatepass")

    def _keep(self, data: bytes) -> None:
        if len(self._starts) > self._most:
            raise too_large()
        self._buffer += data
        self._starts.append(self._starts[-1] + len(data))
        if len(self._buffer) > _BUFFER:
            self._spool.write(self._buffer)
            self._spool.flush()
            self._written += len(self._buffer)
            self._buffer.clear()

    def close(self) -> None:
        """Let go of the part and of the file."""
        self._texts.close()  # type: ignore[attr-defined]  # a generator, which holds the part
        self._part.close()
        self._spool.close()
        self._path.unlink(missing_ok=True)


def _texts(part: IO[bytes]) -> Iterator[str]:
    item = TextItem()
    whole: list[str] = []

    def end(name: str) -> None:
        if name == "si":
            whole.append(item.taken())
        else:
            item.end(name)

    for _ in scan(part, lambda name, _: item.start(name), end, item.text):
        yield from whole
        whole.clear()


def unescaped(text: str) -> str:
    """A text with its escapes resolved: UTF-16 units, of which two may stand for one character. Raises UnicodeDecodeError."""
    if "_x" not in text:
        return text
    resolved = _ESCAPED.sub(lambda escape: chr(int(escape[1], 16)), text)
    return resolved.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
