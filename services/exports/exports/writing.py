"""One file from one stream of contacts: rows in, workbook encrypted as it grows, then read back and counted again."""

import hashlib
import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO
from uuid import UUID

import orjson

from exports.columns import row_maker
from exports.export import Column
from exports.workbook.agile import EncryptedPackage
from exports.workbook.agile_format import Stretched
from exports.workbook.agile_reader import open_package
from exports.workbook.xlsx import SheetWriter, column_letters

_SHEET = "xl/worksheets/sheet1.xml"
_READ = 1 << 20
_ROW_ENDS = b"</row>"
_ID = "id"


class Incomplete(Exception):
    """The rows are not those that were announced: the attempt is thrown away."""


class Ids:
    """The SHA-256 over contact ids joined by new lines, given in their order."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._last = ""

    def add(self, contact_id: str) -> None:
        """The next id. Raises Incomplete for one that came before or is out of order."""
        if contact_id <= self._last:
            raise Incomplete("a contact came twice or out of order")
        self._digest.update((("\n" if self._last else "") + contact_id).encode())
        self._last = contact_id

    def sha256(self) -> str:
        """Over those given so far, in hexadecimal."""
        return self._digest.hexdigest()


class Writing:
    """Writes one file. Every method blocks and belongs in a thread. `held` are the contacts' ids, sixteen bytes each."""

    def __init__(self, file: BinaryIO, lock: Stretched, columns: Sequence[Column], zone: str) -> None:
        self._package = EncryptedPackage(file, lock)
        self._sheet = SheetWriter(self._package, [c.heading for c in columns])
        self._row = row_maker(columns, zone)
        self.ids = Ids()
        self.held = bytearray()
        self.rows = 0

    def add(self, lines: Sequence[bytes]) -> None:
        """Write contacts, one JSON text each, in the ascending order of their ids. Raises Incomplete where they are not."""
        contacts: list[Mapping[str, Any]] = [orjson.loads(line) for line in lines]
        for contact in contacts:
            self.ids.add(contact[_ID])
            self.held += UUID(contact[_ID]).bytes
        self._sheet.write_rows(map(self._row, contacts))
        self.rows += len(contacts)

    def close(self) -> None:
        """Finish the workbook."""
        self._sheet.close()
        self._package.close()


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What a file turned out to hold; `ids_sha256` is None where its ids are in no column."""

    rows: int
    ids_sha256: str | None


def read_back(file: BinaryIO, lock: Stretched, columns: Sequence[Column]) -> ReadBack:
    """Open a written file as its reader will, check that no byte was changed, and count what is in it.

    It shares no state with the writer: the bytes are decrypted and checked against their HMAC, unzipped against their
    checksum, and the sheet's rows are counted anew. Raises what `agile.open_package` raises, and Incomplete where the
    workbook inside is damaged.
    """
    package = io.BufferedReader(open_package(file, lock), 1 << 18)
    place = next((n for n, column in enumerate(columns) if column.key == _ID), None)
    # The heading's cell, in row 1, is none of them.
    cell = None if place is None else re.compile(rb'<c r="%s(?!1")\d+"[^>]*><is><t>([^<]*)</t>' % column_letters(place).encode())
    ids, ends = Ids(), 0
    try:
        with zipfile.ZipFile(package) as archive, archive.open(_SHEET) as sheet:
            rest = b""
            while data := sheet.read(_READ):
                whole, mark, rest = (rest + data).rpartition(_ROW_ENDS)
                ends += whole.count(_ROW_ENDS) + (mark != b"")
                for contact_id in cell.findall(whole) if cell is not None else []:
                    ids.add(contact_id.decode())
    except (zipfile.BadZipFile, EOFError):
        raise Incomplete("the workbook cannot be read back") from None
    return ReadBack(ends - 1, None if cell is None else ids.sha256())
