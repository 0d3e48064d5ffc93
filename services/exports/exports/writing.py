"""One file from one stream of contacts: rows in, workbook encrypted as it grows, then read back and counted again."""

import hashlib
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import lt
from typing import IO, BinaryIO, Final
from xml.etree import ElementTree

from common.language import Language
from common.long_values import LONG_VALUES, LONGEST_TEXT, units
from exports.events import Column
from exports.rows.decoding import Field, NoContact
from exports.rows.makers import makers
from exports.rows.making import Made, Plan
from exports.rows.wire import Order
from exports.workbook.agile import EncryptedPackage
from exports.workbook.agile_format import Stretched
from exports.workbook.agile_reader import open_package
from exports.workbook.cells import column_letters, unescaped
from exports.workbook.long_values import Aside, LongValues, Piece, Proof
from exports.workbook.parts import MAIN, sheet_part
from exports.workbook.xlsx import SheetWriter

_READ = 1 << 20
_ROW_ENDS = b"</row>"
_ID = "id"
_FIRST_ROW: Final = 2
"""Under the headings."""


class Incomplete(Exception):
    """The rows are not those that were announced: the attempt is thrown away."""


class Ids:
    """The SHA-256 over contact ids joined by new lines, given in their order."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._last = ""

    def add(self, ids: Sequence[str]) -> None:
        """The next ids. Raises Incomplete for one that came before or is out of order."""
        if not all(map(lt, [self._last, *ids], ids)):
            raise Incomplete("a contact came twice or out of order")
        if ids:
            self._digest.update(("\n" if self._last else "").encode() + "\n".join(ids).encode())
            self._last = ids[-1]

    def sha256(self) -> str:
        """Over those given so far, in hexadecimal."""
        return self._digest.hexdigest()


class Writing:
    """Writes one file, its rows made by so many `processes` of their own, or here. Every method blocks and belongs in a thread.

    Texts longer than a cell wait in `aside`; their sheet is named in `language`. `held` are the contacts' ids, 16 bytes each.
    """

    def __init__(
        self,
        file: BinaryIO,
        aside: Aside,
        lock: Stretched,
        columns: Sequence[Column],
        zone: str,
        language: Language,
        processes: int,
    ) -> None:
        self._package = EncryptedPackage(file, lock)
        self._long = LongValues(aside, LONG_VALUES[language])
        self._sheet = SheetWriter(self._package, [c.heading for c in columns], long_values=self._long)
        self._plan = Plan([Field(c.key, c.type) for c in columns], zone, language)
        self._makers = makers(self._plan, processes)
        self.ids = Ids()
        self.held = bytearray()
        self.rows = 0

    def add(self, lines: Sequence[bytes]) -> None:
        """Write contacts, one JSON text each, in the ascending order of their ids.

        Raises Incomplete where they are not, CannotWrite, MakerEnded, MakerFailed.
        """
        self._makers.order(Order(self.rows + _FIRST_ROW, b"\n".join(lines), len(lines)))
        self.rows += len(lines)
        self._take(self._makers.ready())

    def spread(self, processes: int) -> bool:
        """Have rows made by so many processes of their own from now on; False where they cannot be started, and all is as it was.

        Raises as `add` does.
        """
        try:
            more = makers(self._plan, processes)
        except OSError:
            return False
        before, self._makers = self._makers, more
        self._take(before.rest())
        before.close()
        return True

    def finish(self) -> None:
        """Finish the workbook. Raises as `add` does."""
        self._take(self._makers.rest())
        self._makers.close()
        self._sheet.close()
        self._package.close()

    def halt(self) -> None:
        """Who waits for a process of rows waits no more; may be called while another thread is at work, and blocks nobody."""
        self._makers.halt()

    def close(self) -> None:
        """No process is left; a workbook that was not finished never will be."""
        self._makers.close()
        self._package.abandon()

    def told(self) -> "ReadBack":
        """What whoever reads the file must find in it."""
        return ReadBack(self.rows, self.ids.sha256(), *self._long.proof.told())

    def _take(self, made: Iterator[Made]) -> None:
        try:
            for each in made:
                self.ids.add(each.ids.split("\n"))
                self.held += _as_bytes(each.ids)
                self._sheet.write_block(each.block)
        except NoContact:
            raise Incomplete("a line of the stream is no contact") from None


def _as_bytes(ids: str) -> bytes:
    """UUIDs joined by new lines as sixteen bytes each. Raises NoContact."""
    try:
        held = bytes.fromhex(ids.replace("-", ""))
    except ValueError:
        raise NoContact from None
    if len(held) != 16 * (ids.count("\n") + 1):
        raise NoContact
    return held


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What a file holds: rows, the proof of its contacts, the texts longer than a cell and the proof of them.

    `ids_sha256` is None where the ids are in no column.
    """

    rows: int
    ids_sha256: str | None
    long_values: int
    long_sha256: str


def read_back(file: BinaryIO, lock: Stretched | str, columns: Sequence[Column]) -> ReadBack:
    """Open a written file as its reader will, check that no byte was changed, and count what is in it.

    It shares no state with the writer: the bytes are decrypted and checked against their HMAC, unzipped against their
    checksum, the sheet's rows are counted anew, and long texts are put together again from their pieces. `lock` may be the
    password itself. Raises what `agile.open_package` raises, and Incomplete where the workbook inside is damaged.
    """
    package = io.BufferedReader(open_package(file, lock), 1 << 18)
    long_values = Proof()
    try:
        with zipfile.ZipFile(package) as archive:
            with archive.open(sheet_part(1)) as sheet:
                rows, ids_sha256 = _read_rows(sheet, columns)
            number = 2
            while sheet_part(number) in archive.namelist():
                number += 1
            for (row, column), found in groupby(_pieces(archive, number), key=lambda piece: (piece.row, piece.column)):
                long_values.add(row, column, _joined(found))
    except (zipfile.BadZipFile, EOFError, ElementTree.ParseError, ValueError):
        raise Incomplete("the workbook cannot be read back") from None
    return ReadBack(rows, ids_sha256, *long_values.told())


def _read_rows(sheet: IO[bytes], columns: Sequence[Column]) -> tuple[int, str | None]:
    """The rows under the headings, and the proof over the ids where they are in a column."""
    place = next((n for n, column in enumerate(columns) if column.key == _ID), None)
    # The heading's cell, in row 1, is none of them.
    cell = None if place is None else re.compile(rb'<c r="%s(?!1")\d+"[^>]*><is><t>([^<]*)</t>' % column_letters(place).encode())
    ids, ends, rest = Ids(), 0, b""
    while data := sheet.read(_READ):
        whole, mark, rest = (rest + data).rpartition(_ROW_ENDS)
        ends += whole.count(_ROW_ENDS) + (mark != b"")
        if cell is not None:
            ids.add([contact_id.decode() for contact_id in cell.findall(whole)])
    return ends - 1, None if cell is None else ids.sha256()


def _pieces(archive: zipfile.ZipFile, sheets: int) -> Iterator[Piece]:
    """The pieces on the sheets behind the first, which are fewer than `sheets`."""
    for number in range(2, sheets):
        with archive.open(sheet_part(number)) as sheet:
            rows = _rows(sheet)
            next(rows)  # the headings
            for row, column, piece, text in rows:
                yield Piece(int(row), column, int(piece), unescaped(text))


def _rows(sheet: IO[bytes]) -> Iterator[list[str]]:
    """What stands in the cells of a sheet, row by row."""
    data: ElementTree.Element | None = None
    for event, element in ElementTree.iterparse(sheet, ("start", "end")):  # noqa: S314 - it is ours, as its HMAC has told
        if event == "start" and element.tag == f"{{{MAIN}}}sheetData":
            data = element
        elif event == "end" and element.tag == f"{{{MAIN}}}row":
            yield ["".join(cell.itertext()) for cell in element]
            assert data is not None, "rows are within sheetData"
            data.clear()


def _joined(found: Iterator[Piece]) -> str:
    """A text from its pieces. Raises Incomplete where one is missing, out of order or longer than a cell."""
    texts: list[str] = []
    for piece in found:
        if piece.number != len(texts) + 1 or units(piece.text) > LONGEST_TEXT:
            raise Incomplete("the pieces of a long text are not in order")
        texts.append(piece.text)
    return "".join(texts)
