"""The parts of a workbook file, found as other programs spell them and unpacked as a stream: none of them fills the memory."""

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO
from urllib.parse import unquote
from xml.parsers import expat

from contacts.imports.tables.table import UnreadableFile

_MOST_PARTS = 4000
_MOST_UNPACKED = 1024 * 1024 * 1024
_MOST_TOKEN = 1024 * 1024
_PIECE = 64 * 1024

Start = Callable[[str, dict[str, str]], None]


class Package:
    """A workbook's parts. A part's name is no spelling (ECMA-376 part 2): case, and which slash or one in front, don't count."""

    def __init__(self, file: Path) -> None:
        self._archive = zipfile.ZipFile(file)
        entries = self._archive.infolist()
        if len(entries) > _MOST_PARTS:
            self._archive.close()
            raise too_large()
        self._parts = {_plain(entry.filename): entry for entry in entries}

    def __enter__(self) -> "Package":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._archive.close()

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
        return self._archive.open(entry)


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


def scan(part: IO[bytes], start: Start, end: Callable[[str], None], text: Callable[[str], None] | None = None) -> Iterator[None]:
    """Go through a part's XML, telling each element by its local name; yields after each piece, so that a reader can be a stream.

    A document type, which is what entities are declared in, is refused, as is a token without an end in sight. Raises
    UnreadableFile, ExpatError.
    """
    parser = expat.ParserCreate()
    parser.buffer_text, parser.buffer_size = True, _PIECE
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = lambda name, attributes: start(_local(name), attributes)
    parser.EndElementHandler = lambda name: end(_local(name))
    if text is not None:
        parser.CharacterDataHandler = text
    unfinished = 0
    try:
        while data := part.read(_PIECE):
            tag = data.rfind(b"<")
            unfinished = unfinished + len(data) if tag < 0 else len(data) - tag
            if unfinished > _MOST_TOKEN:
                raise too_large()
            parser.Parse(data)
            yield
        parser.Parse(b"", True)
    except Over:
        pass
    yield


def _local(name: str) -> str:
    return name.rpartition(":")[2] if ":" in name else name


def _refuse_doctype(*_: object) -> None:
    raise expat.ExpatError("a document type")


def too_large() -> UnreadableFile:
    """The workbook is made to fill the memory, or simply too large."""
    return UnreadableFile(
        "The workbook unpacks to more than can be read. Keep only the sheet with the customers, or save it as CSV in UTF-8.",
        code="workbookTooLarge",
    )
