"""How long an encrypted workbook of N rows and 20 columns takes, and how much memory: ours beside openpyxl and msoffcrypto-tool.

Each runs in a process of its own, so that its memory is its own; they take turns. `make bench-workbook N=100000`.
"""

import io
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msoffcrypto
import openpyxl
from msoffcrypto.format.ooxml import OOXMLFile

from exports.workbook.agile import EncryptedPackage
from exports.workbook.agile_reader import open_package
from exports.workbook.cells import Cell
from exports.workbook.xlsx import SheetWriter

PASSWORD = "bench-1!word"
COLUMNS = 20
TURNS = 3


def rows(count: int) -> Iterator[list[Cell]]:
    """People as they are, mostly texts."""
    begin = datetime(2025, 1, 1)
    for n in range(count):
        yield [
            f"{n:024x}", f"김민수{n}", f"user{n}@example.com", f"+8210{n:08}", None, n, n / 8, n % 2 == 0,
            begin + timedelta(seconds=n), "vip, 서울", "=1+1", "a & b", "KR", "ko", "서울", True, 1.5, f"메모 {n}", None, "end",
        ]  # fmt: skip


def ours(count: int, path: Path) -> None:
    """The streaming writer and encryptor of exports."""
    with (
        path.open("w+b") as file,
        EncryptedPackage(file, PASSWORD) as package,
        SheetWriter(package, [f"h{n}" for n in range(COLUMNS)]) as sheet,
    ):
        sheet.write_rows(rows(count))


def theirs(count: int, path: Path) -> None:
    """openpyxl's write-only mode, then msoffcrypto-tool."""
    book = openpyxl.Workbook(write_only=True)
    sheet: Any = book.create_sheet()
    sheet.append([f"h{n}" for n in range(COLUMNS)])
    for row in rows(count):
        sheet.append(row)
    plain = io.BytesIO()
    book.save(plain)
    with path.open("w+b") as file:
        OOXMLFile(plain).encrypt(PASSWORD, file)


WRITERS = {"ours": ours, "openpyxl + msoffcrypto-tool": theirs}


def _peak() -> float:
    """The most memory this process had, in MiB: since it began, unlike `ru_maxrss`, which knows of its parent's too."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text("ascii"))
    assert found is not None
    return int(found[1]) / 1024


def _one(name: str, count: int, path: Path) -> None:
    begin = time.perf_counter()
    WRITERS[name](count, path)
    print(time.perf_counter() - begin, _peak())


def _check(name: str, path: Path, count: int) -> None:
    """What was written opens; ours by software that is not ours, and by our own reader."""
    with path.open("rb") as file:
        plain = io.BytesIO()
        office: Any = msoffcrypto.OfficeFile(file)
        office.load_key(password=PASSWORD)
        office.decrypt(plain)
        sheet = openpyxl.load_workbook(plain, read_only=True).worksheets[0]
        found = sum(1 for _ in sheet.iter_rows(values_only=True)) - 1
        if found != count:
            raise SystemExit(f"{name}: {found} rows instead of {count}")
        if name == "ours":
            open_package(file, PASSWORD).close()


def main(count: int) -> None:
    """Print the medians."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in WRITERS}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(TURNS):
            for name in WRITERS:
                path = Path(folder) / "book.xlsx"
                command = [sys.executable, "-m", "tests.bench.workbook", name, str(count), str(path)]
                seconds, memory = map(float, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
                taken[name].append((seconds, memory))
                if turn == 0:
                    _check(name, path, count)
                path.unlink()
    medians = {name: [statistics.median(each) for each in zip(*found, strict=True)] for name, found in taken.items()}
    baseline = medians["openpyxl + msoffcrypto-tool"]
    for name, (seconds, memory) in medians.items():
        print(f"{name}: {seconds:.1f} s, peak {memory:.0f} MiB, {baseline[0] / seconds:.1f} × as fast, {count:,} rows")


if __name__ == "__main__":
    if len(sys.argv) == 4:
        _one(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
    else:
        main(int(os.environ.get("N") or 100_000))
