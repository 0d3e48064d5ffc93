"""One file, written or encrypted, by ours and by the baseline: `python -m tests.bench.exports.files WAY SOURCE TARGET`.

It prints the processor seconds, those of its own processes included, from the first line to the finished file, and the seconds.
"""

import gc
import io
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

PASSWORD = "bench-1!word"
FIELDS: Mapping[str, str] = {
    "id": "String", "name": "String", "email": "Email", "mobileNumber": "Phone", "landlineNumber": "Phone",
    "sessionsCount": "Number", "profile.score": "Number", "profile.paid": "Boolean", "createdAt": "Date", "tags": "List",
    "profile.formula": "String", "profile.amp": "String", "country": "String", "language": "String", "city": "String",
    "profile.agreed": "Boolean", "profile.rate": "Number", "profile.memo": "String", "profile.none": "String",
    "profile.end": "String",
}  # fmt: skip
_PIECE = 1 << 16
_LINES = 500


def _lines(source: Path) -> Iterator[list[bytes]]:
    with source.open("rb") as file:
        while batch := [line[:-1] for line in islice(file, _LINES)]:
            yield batch


def _ours(processes: int) -> Callable[[Path, Path], None]:
    def write(source: Path, target: Path) -> None:
        from exports.events import Column
        from exports.files import Files
        from exports.workbook.agile_format import Stretched
        from exports.writing import Writing

        columns = [Column(key=key, type=kind, heading=key) for key, kind in FIELDS.items()]
        begin()
        with target.open("w+b") as file:
            aside = Files(target.parent / "aside").aside()
            writing = Writing(file, aside, Stretched.of(PASSWORD), columns, "Asia/Seoul", "ko", processes)
            for batch in _lines(source):
                writing.add(batch)
            writing.finish()
            writing.close()

    return write


def _proven(source: Path, target: Path) -> None:
    """By two processes of rows, with the columns that lie beside the lines, and read back: all that a worker does."""
    import msgspec

    from exports.events import Column
    from exports.files import Files
    from exports.workbook.agile_format import Stretched
    from exports.writing import Writing, read_back

    columns = msgspec.json.decode(source.with_name("columns").read_bytes(), type=list[Column])
    begin()
    with target.open("w+b") as file:
        aside, lock = Files(target.parent / "aside").aside(), Stretched.of(PASSWORD)
        writing = Writing(file, aside, lock, columns, "Asia/Seoul", "ko", 2)
        for batch in _lines(source):
            writing.add(batch)
        writing.finish()
        writing.close()
        assert read_back(file, lock, columns) == writing.told()


def _theirs(source: Path, target: Path) -> None:
    """openpyxl's write-only mode, which uses lxml where it is there, then msoffcrypto-tool."""
    import openpyxl
    import orjson
    from msoffcrypto.format.ooxml import OOXMLFile
    from openpyxl.xml import LXML

    assert LXML, "a baseline without lxml would be a slower one"
    begin()
    book = openpyxl.Workbook(write_only=True)
    sheet: Any = book.create_sheet()
    sheet.append(list(FIELDS))
    seoul = timedelta(hours=9)
    for batch in _lines(source):
        for line in batch:
            contact = orjson.loads(line)
            profile = contact["profile"]
            row = [profile.get(key[8:]) if key.startswith("profile.") else contact.get(key) for key in FIELDS]
            row[8] = datetime.fromisoformat(row[8][:-1]) + seoul
            row[9] = ", ".join(row[9])
            sheet.append(row)
    plain = io.BytesIO()
    book.save(plain)
    with target.open("w+b") as file:
        OOXMLFile(plain).encrypt(PASSWORD, file)


def _our_encryption(source: Path, target: Path) -> None:
    from exports.workbook.agile import EncryptedPackage

    begin()
    with source.open("rb") as plain, target.open("w+b") as file, EncryptedPackage(file, PASSWORD) as package:
        while piece := plain.read(_PIECE):
            package.write(piece)


def _their_encryption(source: Path, target: Path) -> None:
    from msoffcrypto.format.ooxml import OOXMLFile

    begin()
    with source.open("rb") as plain, target.open("w+b") as file:
        OOXMLFile(plain).encrypt(PASSWORD, file)


WAYS: Mapping[str, Callable[[Path, Path], None]] = {
    "ours": _ours(0),
    "ours2": _ours(2),
    "proven": _proven,
    "theirs": _theirs,
    "encrypt-ours": _our_encryption,
    "encrypt-theirs": _their_encryption,
}
_began: list[float] = []


def _processor() -> float:
    return sum(use.ru_utime + use.ru_stime for use in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def begin() -> None:
    """From here on it counts: what is imported is not measured."""
    gc.collect()
    _began[:] = [_processor(), time.perf_counter()]


if __name__ == "__main__":
    WAYS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
    print(_processor() - _began[0], time.perf_counter() - _began[1])
