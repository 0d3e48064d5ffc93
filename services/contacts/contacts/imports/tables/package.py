"""The parts of a workbook file, found as other programs spell them and unpacked as a stream: none of them fills the memory."""

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol
from urllib.parse import unquote
from xml.parsers import expat

from contacts.imports.tables.table import UnreadableFile

_MOST_PARTS = 4000
_MOST_READ = 2 * 1024 * 1024
"""At once of the packed file; the list of its parts, which is read at once, is far shorter."""
_MOST_UNPACKED = 1024 * 1024 * 1024
_MOST_TOKEN = 1024 * 1024
_MOST_NAMES, _MOST_DEPTH = 10_000, 200
"""How many names of elements and attributes a part has, which the parser keeps, and how deep its elements are."""
PIECE = 64 * 1024
_PACKINGS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""Those of workbooks (ECMA-376 part 2, annex B); what unpacks others takes as much memory as the file tells it to."""

Start = Callable[[str, dict[str, str]], None]


class Package:
    """A workbook's parts. A part's name is no spelling (ECMA-376 part 2): case, and which slash or one in front, don't count."""

    def __init__(self, file: Path) -> None:
        self._file = _Bounded(io.FileIO(file))
        try:
            self._archive = zipfile.ZipFile(self._file)
            entries = self._archive.infolist()
            if len(entries) > _MOST_PARTS:
                raise too_large()
        except BaseException:
            self._file.close()
            raise
        self._parts = {_plain(entry.filename): entry for entry in entries}

    def __enter__(self) -> "Package":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._archive.close()
        self._file.close()

    @property
    def names(self) -> frozenset[str]:
        """What its parts are called, in small letters, without a slash in front."""
        return frozenset(self._parts)

    def open(self, name: str) -> IO[bytes] | None:
        """A part to read, however the name is spelled, or None. Raises UnreadableFile for one that is too large."""
        entry = self._parts.get(_plain(name)) or self._parts.get(_plain(unquote(name)))
        if entry is None:
            return None
        if entry.file_size > _MOST_UNPACKED:
            raise too_large()
        if entry.compress_type not in _PACKINGS:
            raise zipfile.BadZipFile("a packing that workbooks do not have")
        return self._archive.open(entry)


class _Bounded(io.BufferedReader):
    """A file of which nobody reads more at once than the list of a workbook's parts can be long."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Raises UnreadableFile for more than that."""
        if size is not None and size > _MOST_READ:
            raise too_large()
        return super().read(size)


def _plain(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()


def resolved(base: str, target: str) -> str:
    """The part that a relationship of the part `base` leads to."""
    target = target.replace("\\", "/")
    steps = [] if target.startswith("/") else base.replace("\\", "/").split("/")[:-1]
    for step in target.split("/"):
        if step == "..":
            steps = steps[:-1]
        elif step not in ("", "."):
            steps.append(step)
    return "/".join(steps)


class Over(Exception):
    """What is looked for in a part has been read; raised by a handler, it ends `scan`."""


class Readable(Protocol):
    """A part, or what is left of one."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, about as many; none at the end."""
        ...


def scan(part: Readable, start: Start, end: Callable[[str], None], text: Callable[[str], None] | None = None) -> Iterator[None]:
    """Go through a part's XML, as `Scanner` tells it; yields after each piece, so that a reader can be a stream.

    Raises UnreadableFile, ExpatError.
    """
    scanner = Scanner(start, end, text)
    try:
        while data := part.read(PIECE):
            scanner.feed(data)
            yield
        scanner.finish()
    except Over:
        pass
    yield


class Scanner:
    """Tells a part's elements by their local names, piece by piece.

    A document type, which is what entities are declared in, is refused, as is what makes the parser keep more and more: a token
    without an end in sight, ever new names, elements within elements.
    """

    def __init__(self, start: Start, end: Callable[[str], None], text: Callable[[str], None] | None = None) -> None:
        parser = expat.ParserCreate()
        parser.buffer_text, parser.buffer_size = True, PIECE
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.XmlDeclHandler = self._declared
        elements = _Elements(start, end)
        parser.StartElementHandler, parser.EndElementHandler = elements.begin, elements.finish
        if text is not None:
            parser.CharacterDataHandler = text
        self._parser = parser
        self.fed = 0
        """Bytes, until now."""
        self.encoding = "utf-8"
        """As the part declares it."""

    @property
    def at(self) -> int:
        """Behind how many bytes stands the tag that is being told."""
        return self._parser.CurrentByteIndex

    def feed(self, data: bytes) -> None:
        """The next piece. Raises UnreadableFile, ExpatError, and what the handlers raise."""
        self._parser.Parse(data)
        self.fed += len(data)
        if self.fed - self._parser.CurrentByteIndex > _MOST_TOKEN or len(self._parser.intern) > _MOST_NAMES:
            raise too_large()

    def finish(self) -> None:
        """That was all. Raises ExpatError."""
        self._parser.Parse(b"", True)

    def _declared(self, _: str, encoding: str | None, __: int) -> None:
        self.encoding = encoding or self.encoding


class _Elements:
    """Passes a part's elements on by their local names."""

    def __init__(self, start: Start, end: Callable[[str], None]) -> None:
        self._start = start
        self._end = end
        self._depth = 0

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins. Raises UnreadableFile where they are too deep within each other."""
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise too_large()
        self._start(_local(name) if ":" in name else name, attributes)

    def finish(self, name: str) -> None:
        """An element ends."""
        self._depth -= 1
        self._end(_local(name) if ":" in name else name)


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _refuse_doctype(*_: object) -> None:
    raise expat.ExpatError("a document type")


def too_large() -> UnreadableFile:
    """The workbook is made to fill the memory, or simply too large."""
    return UnreadableFile(
        "The workbook unpacks to more than can be read. Keep only the sheet with the customers, or save it as CSV in UTF-8.",
        code="workbookTooLarge",
    )
