"""The parts of a workbook file, unpacked as a stream: whatever the file claims, none of them fills the memory."""

import os
import re
import zipfile
from array import array
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, BinaryIO
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import iterparse

from contacts.imports.tables.table import UnreadableFile

_MOST_PARTS = 4000
_MOST_SMALL, _MOST_LARGE = 4 * 1024 * 1024, 1024 * 1024 * 1024
_MOST_TEXT, _MOST_ELEMENT = 1024 * 1024, 8 * 1024 * 1024
_BUFFER = 1024 * 1024
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


class Package(zipfile.ZipFile):
    """A workbook's parts. Those that are read whole are small or refused; the large ones are read by `stream`."""

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        if len(self.infolist()) > _MOST_PARTS:
            raise _too_large()

    def open(self, name: str | zipfile.ZipInfo, mode: str = "r", *rest: object, **options: object) -> IO[bytes]:
        """A part that is small."""
        return self._open(name, _MOST_SMALL)

    def stream(self, name: str, holder: str, element: str) -> "Bounded":
        """A part that may be large, in which a holder has many of these elements."""
        return Bounded(self._open(name, _MOST_LARGE), holder, element)

    def _open(self, name: str | zipfile.ZipInfo, most: int) -> IO[bytes]:
        info = name if isinstance(name, zipfile.ZipInfo) else self.getinfo(name)
        if info.file_size > most:
            raise _too_large()
        return super().open(info)


class Bounded:
    """Reads XML up to its holder's end; neither a text nor one of its many elements is endless, so a parser's memory has a bound.

    `whole` tells whether the holder's end has been reached; what may stand behind it is never read.
    """

    def __init__(self, source: IO[bytes], holder: str, element: str) -> None:
        self._source = source
        self._holder_end, self._end = _closing(holder), _closing(element)
        self._tail = element.encode() + b">"
        self._text = self._element = 0
        self.whole = False

    def __enter__(self) -> "Bounded":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the part."""
        self._source.close()

    def read(self, size: int = -1) -> bytes:
        """The next bytes. Raises UnreadableFile where a text or an element has no end in sight."""
        if self.whole:
            return b""
        data = self._source.read(size)
        tag = data.rfind(b"<")
        self._text = self._text + len(data) if tag < 0 else len(data) - tag
        end = self._last_end(data)
        self._element = self._element + len(data) if end < 0 else len(data) - end
        if self._text > _MOST_TEXT or self._element > _MOST_ELEMENT:
            raise _too_large()
        last = self._holder_end.search(data)
        if last is not None:
            self.whole = True
            return data[: last.end()]
        return data

    def _last_end(self, data: bytes) -> int:
        found = len(data)
        while (found := data.rfind(self._tail, 0, found)) >= 0:
            start = data.rfind(b"<", 0, found)
            if start >= 0 and self._end.match(data, start):
                return found
        return -1


def _closing(tag: str) -> re.Pattern[bytes]:
    return re.compile(rb"</(?:[A-Za-z][\w.-]*:)?" + tag.encode() + rb"\s*>")


class SharedStrings:
    """A workbook's table of texts, kept in a file beside the upload and read only as far as it is asked for."""

    def __init__(self, source: Bounded, spool: Path) -> None:
        self._source = source
        self._path = spool
        self._spool: BinaryIO = spool.open("w+b")
        self._texts = _texts(source)
        self._starts = array("Q", [0])
        self._written = 0
        self._buffer = bytearray()

    def __getitem__(self, index: int) -> str:
        """The text of this number. Raises IndexError."""
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
        self._buffer += data
        self._starts.append(self._starts[-1] + len(data))
        if len(self._buffer) > _BUFFER:
            self._spool.write(self._buffer)
            self._spool.flush()
            self._written += len(self._buffer)
            self._buffer.clear()

    def close(self) -> None:
        """Let go of the part and of the file."""
        self._source.close()
        self._spool.close()
        self._path.unlink(missing_ok=True)


def _texts(source: Bounded) -> Iterator[str]:
    root: Element | None = None
    for event, element in iterparse(source, ("start", "end")):
        if root is None:
            root = element
        elif event == "end" and element.tag == f"{_MAIN}si":
            yield "".join(part.text or "" for part in _runs(element))
            root.clear()


def _runs(item: Element) -> Iterator[Element]:
    """The pieces of a text as they are shown: what is only how to read it aloud (rPh) is left out."""
    for child in item:
        if child.tag == f"{_MAIN}t":
            yield child
        elif child.tag == f"{_MAIN}r":
            yield from child.findall(f"{_MAIN}t")


def _too_large() -> UnreadableFile:
    return UnreadableFile(
        "The workbook unpacks to more than can be read. Keep only the sheet with the customers, or save it as CSV in UTF-8.",
        code="workbookTooLarge",
    )
