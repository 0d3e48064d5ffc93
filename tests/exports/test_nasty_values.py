"""No value fails a file: whatever a contact may hold is written, opens elsewhere, and reads back as it was."""

import contextlib
import csv
import io
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msoffcrypto
import openpyxl
import orjson
import pytest
from openxml_audit import OpenXmlValidator, ValidationSeverity
from python_calamine import CalamineWorkbook

from common.long_values import LONG_VALUES, LONGEST_TEXT, shortened
from common.term_lists import write_list
from common.white_space import WHITE_SPACE
from contacts.imports.tables.sheet import lines
from contacts.imports.tables.table import Formatted
from exports.events import Column
from exports.files import Files
from exports.workbook.agile_format import Stretched
from exports.workbook.cells import unescaped
from exports.writing import Writing, read_back

PASSWORD = "abc-123!"
WORDS = LONG_VALUES["ko"]
COLUMNS = [
    Column(key="id", type="String", heading="id"),
    Column(key="profile.t", type="String", heading="=글"),
    Column(key="profile.l", type="List", heading='리스트 <&"\r'),
    Column(key="profile.n", type="Number", heading="+_x0041_"),
    Column(key="profile.d", type="Date", heading=" b\u202e"),
    Column(key="profile.b", type="Boolean", heading="b"),
]

TEXTS = [
    "=1+1", "=HYPERLINK(\"http://x\")", "+821012345678", "-5", "@SUM(A1)", "＝1+1", "＋82", "－5", "＠x", "'quoted", "''", "\t=1",
    "\n=1", "01012345678", "1-2", "1e5", "1/2", "TRUE", "#N/A", "#REF!", "12:30", "2026-01-01", "NaN", " ", " lead", "trail ",
    "a  b", "two\nlines", "two\r\nlines", "\r", "\n", "\ttab\t", "\u3000wide\u3000", "\xa0", "\u2028\u2029\u200b\ufeff",
    "\u202eevil\u202c", "\u2067right\u2069", "_x0000_", "_x000D_", "_x0041_x0042_", "_x005F_", "__x0041__", "_x0041",
    "_x0041\x00", "\x00x0041_", "_xD800_", "".join(map(chr, range(32))), "\x7f\x80\x85\x9f", "\ufffe\uffff", "\ufdd0",
    "<b>&amp;\"'</b>", "]]>", "<![CDATA[x]]>", "<?xml?>", "&#0;&#xD;", "👩‍👩‍👧", "𠮷", "각", "e\u0301", "\U0010ffff", "http://example.com/?a=1&b=2",
    "mailto:a@b.c", "\\\\server\\share", "|~^`\\", "a|b", "x" * LONGEST_TEXT, "x" * (LONGEST_TEXT + 1), "=" * 40_000,
    "😀" * 16_383, "a" + "😀" * 16_384, "_x0041_" * 9_000, "\x01" * 50_000, "\ufffe" * 33_000,
]  # fmt: skip
LISTS: list[list[str]] = [
    ["a"], ["a", "b"], ["a,b", "c"], ['"'], ['a"b', "c"], [" a ", "b"], ["a\nb"], ["a;b", "，"], ["=1+1", "-"],
    ["\x00", "_x0041_"],
    ["𠀀" * 200 + str(n) for n in range(90)],
]  # fmt: skip
NUMBERS: list[tuple[float, float | str]] = [
    *((n, n) for n in (0, -0.0, 1, -1, 0.1, 1e-7, 123456789012345, 999_999_999_999_999, 2.2250738585072e-300, 3.14159265358979)),
    (10**15, "1000000000000000"),
    (1234567890123456, "1234567890123456"),
    (2**64 - 1, "18446744073709551615"),
    (-(2**63), "-9223372036854775808"),
    (0.1 + 0.2, "0.30000000000000004"),
    (1e22, "1" + "0" * 22),
    (-1.7e308, "-17" + "0" * 307),
    (5e-324, "0." + "0" * 323 + "5"),
]
DATES: list[tuple[str, datetime | str]] = [
    ("0001-01-01T00:00:00.000Z", "0001-01-01 08:27:52"),
    ("1900-02-28T15:32:07.000Z", "1900-02-28 23:59:59"),
    ("1900-02-28T15:32:08.000Z", datetime(1900, 3, 1)),
    ("1969-12-31T23:59:59.999Z", datetime(1970, 1, 1, 8, 59, 59, 999_000)),
    ("1988-05-07T17:00:00.000Z", datetime(1988, 5, 8, 3)),
    ("2026-11-24T15:30:00.123Z", datetime(2026, 11, 25, 0, 30, 0, 123_000)),
    ("9999-12-31T14:59:59.000Z", datetime(9999, 12, 31, 23, 59, 59)),
    ("9999-12-31T15:00:00.000Z", "9999-12-31T15:00:00.000Z"),
]
FLAGS = [True, False]
PROFILES: list[dict[str, Any]] = [
    *({"t": text} for text in TEXTS),
    *({"l": each} for each in LISTS),
    *({"n": number} for number, _ in NUMBERS),
    *({"d": date} for date, _ in DATES),
    *({"b": flag} for flag in FLAGS),
    {},
    *({"t": text, "l": ["x", text], "n": n, "b": True} for n, text in enumerate(TEXTS) if text.strip()),
]
"""One nasty value in each row, and then several in one."""
ROWS: list[list[Any]] = [
    [
        str(UUID(int=n)),
        profile.get("t"),
        write_list(profile["l"]) if "l" in profile else None,
        None if "n" not in profile else dict(NUMBERS).get(profile["n"], profile["n"]),
        None if "d" not in profile else dict(DATES)[profile["d"]],
        profile.get("b"),
    ]
    for n, profile in enumerate(PROFILES)
]
"""What is to stand in the file."""


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file, proven to be whole and then opened by other software than ours."""
    folder = tmp_path_factory.mktemp("nasty")
    contacts = [{"id": str(UUID(int=n)), "profile": profile} for n, profile in enumerate(PROFILES)]
    file, lock = io.BytesIO(), Stretched.of(PASSWORD)
    aside = Files(folder / "aside").aside()
    with contextlib.closing(Writing(file, aside, lock, COLUMNS, "Asia/Seoul", "ko", 1)) as writing:
        for begin in range(0, len(contacts), 7):
            writing.add([orjson.dumps(contact) for contact in contacts[begin : begin + 7]])
        writing.finish()
    aside.close()
    assert read_back(file, lock, COLUMNS) == writing.told()
    assert writing.told().long_values > 10
    plain = folder / "nasty.xlsx"
    office: Any = msoffcrypto.OfficeFile(file)
    office.load_key(password=PASSWORD, verify_password=True)
    with plain.open("wb") as out:
        office.decrypt(out, verify_integrity=True)
    return plain


def compare(found: Sequence[Sequence[Any]], long: Sequence[Sequence[Any]], written: Callable[[str], str | None] = str) -> None:
    """What a program reads, and the pieces of the second sheet, beside what was given; `written` is how it has a text."""
    texts: dict[tuple[int, str], str] = {}
    for row, column, _, piece in long:
        texts[int(row), column] = texts.get((int(row), column), "") + (piece or "")
    assert len(found) == len(ROWS)
    for number, (row, wanted) in enumerate(zip(found, ROWS, strict=True), 2):
        for letters, cell, value in zip("ABCDEF", row, wanted, strict=True):
            text = texts.get((number, letters))
            if text is not None:
                assert cell == written(shortened(text, WORDS))
            check(cell if text is None else text, value, written)


def check(cell: Any, value: Any, written: Callable[[str], str | None]) -> None:
    """Whether a cell says a value."""
    if isinstance(value, datetime):
        assert abs(cell - value) < timedelta(seconds=1 if cell.microsecond == 0 else 0.001)
    elif isinstance(value, str):
        assert (cell if cell is None else written(cell)) == written(value)
    else:
        assert (cell, type(cell) is bool) == (value, type(value) is bool)


def test_our_own_reader_reads_every_value(book: Path, tmp_path: Path) -> None:
    read = [
        [cell.value if isinstance(cell, Formatted) else cell for cell in line.cells] for line in lines(book, tmp_path / "spool")
    ]
    compare([[*cells, *[None] * (len(COLUMNS) - len(cells))] for cells in read[1:]], [], written=_without_ends)


def _without_ends(text: str) -> str | None:
    """An import drops white space around a text, and takes a blank one for none."""
    return text.strip(WHITE_SPACE) or None


def test_openpyxl_reads_every_value(book: Path) -> None:
    sheets = openpyxl.load_workbook(book).worksheets
    assert [sheet.title for sheet in sheets] == ["Sheet1", WORDS.sheet]
    read = [[[unescaped(c) if isinstance(c, str) else c for c in row] for row in sheet.values] for sheet in sheets]
    assert read[0][0] == [column.heading for column in COLUMNS]
    compare(read[0][1:], read[1][1:])
    assert {cell.data_type for row in sheets[0].iter_rows() for cell in row} <= {"s", "n", "d", "b", "inlineStr"}


def _as_calamine(value: Any) -> Any:
    """It leaves these two, alone of all, as they are written."""
    return value.replace("_xFFFE_", "\ufffe").replace("_xFFFF_", "\uffff") if isinstance(value, str) else value


def test_calamine_reads_every_value(book: Path) -> None:
    workbook = CalamineWorkbook.from_path(book)
    assert workbook.sheet_names == ["Sheet1", WORDS.sheet]
    read = [workbook.get_sheet_by_name(name).to_python() for name in workbook.sheet_names]
    rows = [[None if cell == "" else _as_calamine(cell) for cell in row] for row in read[0][1:]]
    moments = [[datetime.combine(cell, time()) if type(cell) is date else cell for cell in row] for row in rows]
    compare(moments, [[_as_calamine(cell) for cell in row] for row in read[1][1:]])


def faults(book: Path) -> list[str]:
    """What the schemas of the standard find in a workbook. A theme, which only this validator demands, is optional in it."""
    found = OpenXmlValidator().validate(book).errors
    errors = [error.description for error in found if error.severity is ValidationSeverity.ERROR]
    return [error for error in errors if "relationships/theme" not in error]


def test_the_schemas_of_the_standard_find_nothing_in_it(book: Path, tmp_path: Path) -> None:
    assert faults(book) == []
    for wrong in (b'<c r="A1" s="2"><is>', b'<c r="A1" s="2" t="nothing"><is>', b'<c r="A1" s="2" t="inlineStr"><no/><is>'):
        broken = tmp_path / "broken.xlsx"
        with zipfile.ZipFile(book) as given, zipfile.ZipFile(broken, "w") as altered:
            for name in given.namelist():
                altered.writestr(name, given.read(name).replace(b'<c r="A2" s="2" t="inlineStr"><is>', wrong, 1))
        assert (faults(broken) == []) is (b"nothing" not in wrong and b"no/" not in wrong)


@pytest.mark.deep
def test_libreoffice_reads_every_value(book: Path, tmp_path: Path) -> None:
    program = shutil.which("soffice")
    assert program is not None, "Install LibreOffice first: apt-get install --no-install-recommends libreoffice-calc-nogui"
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    # UTF-8, numbers and dates as their cells show them, a file for each sheet (the last figure).
    form = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1"
    subprocess.run([program, profile, "--headless", "--convert-to", form, "--outdir", tmp_path, book], check=True, timeout=120)
    read = [
        list(csv.reader((tmp_path / f"nasty-{sheet}.csv").open(newline="", encoding="utf-8")))
        for sheet in ("Sheet1", WORDS.sheet)
    ]
    assert read[0][0] == [column.heading for column in COLUMNS]
    rows = [list(map(_shown_as, wanted, row)) for wanted, row in zip(ROWS, read[0][1:], strict=True)]
    compare(rows, read[1][1:], written=_one_kind_of_line)


def _shown_as(value: Any, shown: str) -> Any:
    """What LibreOffice shows in a cell, as the kind of value that it is to stand for."""
    match value:
        case None if shown == "":
            return None
        case bool():
            return shown == "TRUE"
        case int() | float():
            return float(shown)
        case datetime():
            return datetime.fromisoformat(shown)
        case _:
            return shown


def _one_kind_of_line(text: str) -> str:
    """It knows one end of a line."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
