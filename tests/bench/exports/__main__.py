"""`make bench-exports`: an encrypted file of N=20000 rows and 20 columns from the lines of a stream, and encryption alone.

Each way runs in a process of its own, in turns with the others; its memory is that of it and of every process it has.
`ARGS='write encrypt'` names the parts; the full size is N=1000000. `ARGS=served`, asked for by its name alone, takes N contacts
out of a running system (`served`).
"""

import os
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msoffcrypto
import openpyxl
import orjson

from tests.bench.exports.files import FIELDS, PASSWORD
from tests.bench.exports.served import served
from tests.bench.exports.ways import Figures, taken
from tests.bench.measure import Row, table

_WORKBOOK = 100_000_000
"""Bytes of the package that is encrypted alone."""


def contacts(count: int) -> Iterator[bytes]:
    """People as search tells them, mostly texts."""
    begin = datetime(2025, 1, 1)
    for n in range(count):
        yield orjson.dumps({
            "id": f"{n:08x}-0000-7000-8000-{n:012x}", "version": 1, "name": f"김민수{n}", "email": f"user{n}@example.com",
            "mobileNumber": f"+8210{n:08}", "landlineNumber": None, "sessionsCount": n,
            "createdAt": (begin + timedelta(seconds=n)).isoformat(timespec="milliseconds") + "Z", "tags": ["vip", "서울"],
            "country": "KR", "language": "ko", "city": "서울",
            "profile": {
                "score": n / 8, "paid": n % 2 == 0, "formula": "=1+1", "amp": "a & b", "agreed": True, "rate": 1.5,
                "memo": f"메모 {n}", "end": "end", "unasked": "of no column",
            },
        })  # fmt: skip


def write(count: int, folder: Path) -> Iterator[Row]:
    """From the lines of a stream to a file that is finished."""
    source = folder / "lines"
    with source.open("wb") as file:
        for line in contacts(count):
            file.write(line + b"\n")
    found = taken(["ours2", "ours", "theirs"], source, folder / "book.xlsx", lambda file: _check(file, count))
    beside = found["theirs"]
    yield _row(f"{count:,} × {len(FIELDS)}, two processes of rows", found["ours2"], beside, "≥ 12 ×, ≤ 128 MiB")
    yield _row("the same by one process", found["ours"], beside, "≥ 9 ×, ≤ 64 MiB")


def encrypt(count: int, folder: Path) -> Iterator[Row]:
    """A package of a given size, encrypted."""
    source = folder / "plain"
    openpyxl.Workbook().save(source)
    with zipfile.ZipFile(source, "a") as archive:
        archive.writestr("filling", os.urandom(_WORKBOOK - source.stat().st_size))
    found = taken(["encrypt-ours", "encrypt-theirs"], source, folder / "book.xlsx", lambda file: _decrypted(file).close())
    beside = found["encrypt-theirs"]
    yield _row(f"encryption alone, {_WORKBOOK // 10**6} MB", found["encrypt-ours"], beside, "≥ 2 ×, ≤ 40 MiB", "msoffcrypto-tool")


PARTS: Mapping[str, Callable[[int, Path], Iterator[Row]]] = {
    "write": write, "encrypt": encrypt, "served": lambda count, folder: served(count, folder, lambda file: _check(file, count)),
}  # fmt: skip


_USUAL = ("write", "encrypt")


def _row(what: str, ours: Figures, beside: Figures, goal: str, baseline: str = "openpyxl with lxml, msoffcrypto-tool") -> Row:
    return Row(
        what, str(ours), f"{beside} ({baseline})",
        f"{beside.processor / ours.processor:.1f} × CPU, {beside.seconds / ours.seconds:.1f} × time", goal,
    )  # fmt: skip


def _decrypted(path: Path) -> Any:
    plain = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115 - closed by who asks
    with path.open("rb") as file:
        office: Any = msoffcrypto.OfficeFile(file)
        office.load_key(password=PASSWORD)
        office.decrypt(plain)
    return plain


def _check(path: Path, count: int) -> None:
    with _decrypted(path) as plain:
        sheet = openpyxl.load_workbook(plain, read_only=True).worksheets[0]
        found = sum(1 for _ in sheet.iter_rows(values_only=True)) - 1
    if found != count:
        raise SystemExit(f"{found} rows instead of {count}")


def main(wanted: Sequence[str]) -> None:
    """The parts that are named, or all."""
    count = os.environ.get("N") or "20000"
    if not set(wanted) <= PARTS.keys() or not count.isdecimal():
        raise SystemExit(f"Parts are {' '.join(PARTS)}; N is a number of rows.")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for part in [part for part in PARTS if part in (wanted or _USUAL)]:
            print(part, file=sys.stderr, flush=True)
            rows += PARTS[part](int(count), Path(folder))
    print(table(f"make bench-exports N={count}", rows, ("openpyxl", "lxml", "msoffcrypto-tool")))


if __name__ == "__main__":
    main(sys.argv[1:])
