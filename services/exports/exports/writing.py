"""One file from one stream of contacts: rows in, workbook encrypted as it grows, then read back and counted again."""

import hashlib
import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import orjson

from exports.agile import EncryptedPackage, Stretched, open_package
from exports.columns import row_maker
from exports.export import Column
from exports.xlsx import SheetWriter

_SHEET = "xl/worksheets/sheet1.xml"
_ROW = re.compile(rb"<row[ >]")
_READ = 1 << 20
_LONGEST_MARK = 5


class Incomplete(Exception):
    """The rows are not those that were announced: the attempt is thrown away."""


class Writing:
    """Writes one file. Every method blocks and belongs in a thread."""

    def __init__(self, file: BinaryIO, lock: Stretched, columns: Sequence[Column], zone: str) -> None:
        self._package = EncryptedPackage(file, lock)
        self._sheet = SheetWriter(self._package, [c.heading for c in columns])
        self._row = row_maker(columns, zone)
        self._ids = hashlib.sha256()
        self._last = ""
        self.rows = 0

    def add(self, lines: Sequence[bytes]) -> None:
        """Write contacts, one JSON text each, in the ascending order of their ids. Raises Incomplete where they are not."""
        contacts: list[Mapping[str, Any]] = [orjson.loads(line) for line in lines]
        for contact in contacts:
            contact_id: str = contact["id"]
            if contact_id <= self._last:
                raise Incomplete("a contact came twice or out of order")
            self._ids.update((("\n" if self._last else "") + contact_id).encode())
            self._last = contact_id
        self._sheet.write_rows(map(self._row, contacts))
        self.rows += len(contacts)

    def close(self) -> str:
        """Finish the workbook; answers the SHA-256 of the ids joined by new lines."""
        self._sheet.close()
        self._package.close()
        return self._ids.hexdigest()

    def abandon(self) -> None:
        """Give up: what was written can never be opened."""
        self._package.abandon()


def count_rows(file: BinaryIO, lock: Stretched) -> int:
    """Open a written file as its reader will, check that no byte was changed, and count its rows without the headings.

    Raises what `agile.open_package` raises, and Incomplete where the workbook inside is damaged.
    """
    package = io.BufferedReader(open_package(file, lock), 1 << 18)
    try:
        with zipfile.ZipFile(package) as archive, archive.open(_SHEET) as sheet:
            found, rest = 0, b""
            while data := sheet.read(_READ):
                text = rest + data
                found += len(_ROW.findall(text))
                rest = text[-(_LONGEST_MARK - 1) :]
                found -= len(_ROW.findall(rest))
            found += len(_ROW.findall(rest))
    except zipfile.BadZipFile:
        raise Incomplete("the workbook cannot be read back") from None
    return found - 1
