"""Rows of a sheet as programs write nearly all of them, told by their form alone: a parser of XML takes three times as long."""

import re
from collections.abc import Sequence
from typing import Protocol, TypeAlias

from contacts.imports.tables.package import Scanner

PlainCell: TypeAlias = tuple[str, str, str, str, str, str]
"""The letters of its column, its style; whether it has a text of its own, and this; else its kind and its value. "" is none."""

_END = b"</row>"
_MOST_HELD = 64 * 1024
"""Bytes of a row that is looked at as a whole; a longer one is the parser's."""
_MOST_KNOWN = 1000
_READ_ALIKE = frozenset({"utf-8", "utf8", "us-ascii"})
# Nothing in it has to be resolved, and no parser would refuse it: where there is anything else in a row, the parser reads it.
_TEXT = r"[^<>&\x00-\x1f\ufffe\uffff]*"
_CELL = (
    '<c r="([A-Z]{1,3})[0-9]{1,7}"(?: s="([0-9]{1,9})")?'
    f'(?: t="(inlineStr)"><is><t(?: xml:space="preserve")?>({_TEXT})</t></is></c>|(?: t="(n|s)")?(?:/>|><v>({_TEXT})</v></c>))'
)
_CELLS = re.compile(_CELL)
_CELL_UNTOLD = re.sub(r"\((?!\?)", "(?:", _CELL)
_ROW = re.compile(rf'[ \t\r\n]*<row r="([0-9]{{1,7}})"([^<>&/]*)>((?:{_CELL_UNTOLD})*)</row>')
_BEGINNING = re.compile(rb'[ \t\r\n]*<row r="[0-9]{1,7}"([^<>&/]*)>')


class Sheet(Protocol):
    """What makes lines of a sheet's elements, and of plain rows."""

    def start(self, name: str, attributes: dict[str, str], /) -> None:
        """An element begins."""
        ...

    def text(self, data: str, /) -> None:
        """Characters."""
        ...

    def end(self, name: str, /) -> None:
        """An element ends."""
        ...

    def plain(self, number: str, cells: Sequence[PlainCell], /) -> None:
        """A whole row."""
        ...

    @property
    def is_between(self) -> bool:
        """Whether nothing that it is in the middle of would take a row's elements otherwise."""
        ...


class PlainRows:
    """Reads a sheet: of what is no plain row, the parser tells it.

    A row is told by its form only where the parser has just come by the end of another: what looks like one may be in a comment.
    """

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._scanner = Scanner(sheet.start, self._end, sheet.text)
        self._ended_at = -1
        self._between = False
        self._held = b""
        self._known: set[str] = set()

    def feed(self, data: bytes) -> None:
        """The next piece of the sheet. Raises what the parser and the sheet raise."""
        held, begin = self._held + data, 0
        while (end := held.find(_END, begin)) >= 0:
            end += len(_END)
            row = held[begin:end]
            if not (self._between and self._is_plain(row)):
                self._parse(row)
            begin = end
        self._held = held[begin:]
        if len(self._held) > _MOST_HELD:
            self._rest()

    def finish(self) -> None:
        """That was all."""
        self._rest()
        self._scanner.finish()

    def _rest(self) -> None:
        rest, self._held, self._between = self._held, b"", False
        self._scanner.feed(rest)

    def _is_plain(self, row: bytes) -> bool:
        """Whether it is, and the sheet was told of it."""
        try:
            text = row.decode() if len(row) <= _MOST_HELD else ""
        except UnicodeDecodeError:
            return False
        found = _ROW.fullmatch(text)
        # What else a row says of itself is nothing that is asked for; but whether it may be said so, the parser knows.
        if found is None or (found[2] and found[2] not in self._known):
            return False
        self._sheet.plain(found[1], _CELLS.findall(found[3]))
        return True

    def _parse(self, row: bytes) -> None:
        was_between = self._between
        self._scanner.feed(row)
        self._between = (
            self._ended_at == self._scanner.fed - len(_END)
            and self._sheet.is_between
            and self._scanner.encoding.lower() in _READ_ALIKE
        )
        beginning = _BEGINNING.match(row)
        if was_between and self._between and beginning is not None and len(self._known) < _MOST_KNOWN:
            self._known.add(beginning[1].decode(errors="replace"))

    def _end(self, name: str) -> None:
        self._sheet.end(name)
        if name == "row":
            self._ended_at = self._scanner.at
