"""A workbook holds every cell exactly as it was given, and nothing in it can run."""

import io
import math
import re
import tempfile
import tracemalloc
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

import msoffcrypto
import openpyxl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exports.workbook import zip_stream
from exports.workbook.agile import EncryptedPackage
from exports.workbook.agile_reader import open_package
from exports.workbook.cells import (
    MOST_ROWS,
    Cell,
    CellTooLong,
    CellUnfit,
    TooManyColumns,
    TooManyRows,
    column_letters,
    escaped,
)
from exports.workbook.packed import pack
from exports.workbook.xlsx import SheetWriter

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
PASSWORD = "Tr0ub4dor&3"


def written(rows: Sequence[Sequence[Cell]], headings: Sequence[str] | None = None, **options: Any) -> io.BytesIO:
    out = io.BytesIO()
    with SheetWriter(out, headings or [f"h{index}" for index in range(len(rows[0]))], **options) as sheet:
        sheet.write_rows(rows)
    out.seek(0)
    return out


def decoded(text: str) -> str:
    """What Excel makes of a stored text (ST_Xstring); openpyxl leaves that to its caller."""
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), text)


def read(file: io.BytesIO) -> list[list[Any]]:
    sheet = openpyxl.load_workbook(file).active
    assert sheet is not None
    rows = [[each.value for each in row] for row in sheet.iter_rows()]
    return [[decoded(value) if isinstance(value, str) else value for value in row] for row in rows]


def part(file: io.BytesIO, name: str = "xl/worksheets/sheet1.xml") -> ElementTree.Element:
    with zipfile.ZipFile(file) as archive:
        return ElementTree.fromstring(archive.read(name))


NASTY = [
    "=1+1", "=HYPERLINK(\"http://x\")", "+821012345678", "-5", "@SUM(A1)", "＝1+1", "'quoted", "01012345678", "1-2", "1e5",
    "TRUE", " lead", "trail ", "\ttab", "two\nlines", "two\r\nlines", "\r", "\n", " ", "", "a  b", "\u3000wide\u3000", "\xa0",
    "_x0000_", "_x000D_", "_x0041_x0042_", "_x005F_", "__x0041__", "_x0041", "_x0041\x00", "_x0041\r", "\x00x0041_", "_x00g1_",
    "\x00\x01\x08\x0b\x0c\x0e\x1f", "\x7f\x85\x9f", "\ufffe\uffff", "<b>&amp;\"'</b>", "]]>", "👩‍👩‍👧", "𠮷", "각",
    "\u2028\u202e",
]  # fmt: skip


@pytest.mark.parametrize("text", NASTY, ids=ascii)
def test_a_text_comes_back_as_it_was(text: str) -> None:
    [headings, row] = read(written([[text, "beside"]], [text + "h", "b"]))
    assert headings == [text + "h", "b"]
    assert row == [text, "beside"]


TEXTS = st.text(st.sampled_from("_x0041DdFf\x00\r\n =+-@'&<>é가😀") | st.characters(exclude_categories=["Cs"]), max_size=30)
MOMENTS = st.datetimes(datetime(1900, 3, 1), datetime(9999, 12, 31, 23, 59, 59)).map(lambda at: at.replace(microsecond=0))
CELLS: st.SearchStrategy[Cell] = st.one_of(
    st.none(),
    TEXTS,
    st.booleans(),
    st.integers(-(10**15) + 1, 10**15 - 1),
    st.integers(-(10**14), 10**14).map(lambda whole: whole / 1000),
    MOMENTS,
)


def tables(width: int) -> st.SearchStrategy[list[list[Cell]]]:
    return st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=8)


@settings(max_examples=150)
@given(rows=st.integers(1, 6).flatmap(tables))
def test_every_cell_comes_back_as_it_was(rows: list[list[Cell]]) -> None:
    width = len(rows[0])
    got = [row + [None] * (width - len(row)) for row in read(written(rows))[1:]]
    got += [[None] * width] * (len(rows) - len(got))  # openpyxl does not tell of empty rows at the end
    assert got == rows
    assert [[type(value) is bool for value in row] for row in got] == [[type(cell) is bool for cell in row] for row in rows]


@settings(max_examples=500)
@given(st.text(st.sampled_from("_x0041D\r\x00a")))
def test_escapes_decode_to_the_text(text: str) -> None:
    assert decoded(escaped(text)) == text


@given(st.lists(TEXTS, min_size=1, max_size=20))
def test_no_text_ever_becomes_a_formula(texts: list[str]) -> None:
    sheet = part(written([texts]))
    assert sheet.find(f".//{MAIN}f") is None
    assert {cell.get("t") for cell in sheet.iter(f"{MAIN}c")} == {"inlineStr"}


def test_texts_stay_texts_when_a_person_edits_them() -> None:
    """Their format is text, and what looks live carries the quote prefix, as if a person had typed an apostrophe."""
    live = ["=1+1", "+82 10", "-5", "@x", "＝1", "'a"]
    file = written([[*live, "01012345678"]])
    styles = part(file, "xl/styles.xml")
    formats = styles.findall(f"{MAIN}cellXfs/{MAIN}xf")
    cells = part(file).findall(f".//{MAIN}row[2]/{MAIN}c")
    found = [formats[int(cell.get("s", "0"))] for cell in cells]
    assert {each.get("numFmtId") for each in found} == {"49"}
    assert [each.get("quotePrefix") for each in found] == ["1"] * len(live) + [None]


@pytest.mark.parametrize(
    ("cell", "kind", "stored"),
    [
        (True, "b", "1"),
        (False, "b", "0"),
        (0, None, "0"),
        (-7, None, "-7"),
        (999_999_999_999_999, None, "999999999999999"),
        (0.1, None, "0.1"),
        (-123456789.012345, None, "-123456789.012345"),
        (1.23456789012345e-7, None, "1.23456789012345e-07"),
        (999_999_999_999_999.0, None, "999999999999999.0"),
        (-0.0, None, "-0.0"),
        (datetime(1900, 3, 1), None, "61.0"),
        (datetime(2000, 1, 1, 12), None, "36526.5"),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999), None, "2958465.9999999884"),
    ],
)
def test_numbers_booleans_and_dates_are_stored_as_such(cell: Cell, kind: str | None, stored: str) -> None:
    found = part(written([[cell]])).find(f".//{MAIN}row[2]/{MAIN}c")
    assert found is not None
    assert (found.get("t"), found.findtext(f"{MAIN}v")) == (kind, stored)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (10**15, "1000000000000000"),
        (-(2**70), "-1180591620717411303424"),
        (12345678901234567.0, "12345678901234568"),
        (-1e15, "-1000000000000000"),
        (1e22, "10000000000000000000000"),
        (-1.7e308, "-17" + "0" * 307),
        (0.1 + 0.2, "0.30000000000000004"),
        (-1234567890.1234567, "-1234567890.1234567"),
        (1.2345678901234566e-7, "0.00000012345678901234566"),
        (5e-324, "0." + "0" * 323 + "5"),
        (datetime(1900, 2, 28, 23, 59, 59), "1900-02-28 23:59:59"),
        (datetime(1899, 12, 31), "1899-12-31 00:00:00"),
        (datetime(988, 1, 2, 3, 4, 5), "0988-01-02 03:04:05"),
    ],
)
def test_what_excel_cannot_count_is_written_as_text(cell: Cell, text: str) -> None:
    assert read(written([[cell]]))[1] == [text]


def shown(cell: int | float) -> tuple[str | None, str]:
    """How a number is stored: its kind and its digits."""
    found = part(written([[cell]])).find(f".//{MAIN}row[2]/{MAIN}c")
    assert found is not None
    return found.get("t"), "".join(found.itertext())


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**40), 10**40).map(float))
@example(2.0**53)
@example(-999_999_999_999_999.9)
@example(2.2250738585072014e-308)
def test_a_number_is_stored_with_all_its_digits_and_as_one_only_where_excel_keeps_them(value: float) -> None:
    kind, stored = shown(value)
    assert float(stored) == value
    digits = len(Decimal(stored).normalize().as_tuple().digits)
    if kind is None:
        assert digits <= 15
        assert abs(value) < 10**15
    else:
        assert digits > 15 or abs(value) >= 10**15 or 0 < abs(value) < 2.2250738585072014e-308
        assert "e" not in stored.lower()


@given(st.integers(-(2**53), 2**53) | st.integers(10**14, 10**16))
def test_a_whole_number_is_stored_alike_whatever_its_type(value: int) -> None:
    kind, stored = shown(value)
    assert (kind, int(stored)) == (None if abs(value) < 10**15 else "inlineStr", value)
    assert (kind, Decimal(stored)) == (shown(float(value))[0], Decimal(shown(float(value))[1])) or abs(value) > 2**53


def test_dates_show_in_their_format() -> None:
    sheet = openpyxl.load_workbook(written([[datetime(2026, 11, 24, 9, 30, 5)]])).active
    assert sheet is not None
    cell = sheet["A2"]
    assert cell.value == datetime(2026, 11, 24, 9, 30, 5)
    assert cell.is_date
    assert cell.number_format.replace("\\", "") == "yyyy-mm-dd hh:mm:ss"


@pytest.mark.parametrize("cell", [math.nan, math.inf, -math.inf, datetime(2026, 1, 1, tzinfo=UTC), b"bytes", timedelta(1)])
def test_what_is_no_cell_is_refused_with_its_place_and_without_its_value(cell: Any) -> None:
    with pytest.raises(CellUnfit, match=r"^Cell B3: ") as refused:
        written([["fine", 1], ["fine", cell]])
    assert refused.value.cell == "B3"
    assert str(cell) not in str(refused.value)


@pytest.mark.parametrize("text", ["a" * 32_767, "가" * 32_767, "😀" * 16_383, "=" * 32_767, "\x00" * 32_767])
def test_the_longest_text_fits(text: str) -> None:
    [cell] = read(written([[text]]))[1]
    assert cell == text


@pytest.mark.parametrize("text", ["a" * 32_768, "😀" * 16_384])
def test_a_longer_text_is_refused_and_never_cut(text: str) -> None:
    with pytest.raises(CellTooLong, match=r"^Cell A2: a text of 32,768 characters") as refused:
        written([[text]])
    assert refused.value.length == 32_768


def test_a_row_of_another_width_is_refused() -> None:
    with pytest.raises(ValueError, match="Row 2 has 1 cells for 2 headings"):
        written([["a"]], ["h", "i"])


def test_a_table_larger_than_a_sheet_is_refused() -> None:
    class Nowhere:
        def write(self, data: bytes) -> None:
            pass

    with pytest.raises(TooManyColumns):
        SheetWriter(Nowhere(), ["h"] * 16_385)
    with pytest.raises(TooManyColumns):
        SheetWriter(Nowhere(), [])
    sheet = SheetWriter(Nowhere(), ["h"])
    sheet.write_rows([None] for _ in range(MOST_ROWS - 1))
    assert sheet.rows == MOST_ROWS - 1
    with pytest.raises(TooManyRows):
        sheet.write_rows([[None]])


@pytest.mark.parametrize(("column", "name"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA"), (16_383, "XFD")])
def test_columns_have_excels_names(column: int, name: str) -> None:
    assert column_letters(column) == name


def test_headings_are_bold_stay_in_sight_and_filter() -> None:
    file = written([["Kim", 1], ["Lee", 2]], ["이름", "=수"], sheet="고객's & co")
    book = openpyxl.load_workbook(file)
    sheet = book["고객's & co"]
    assert [cell.value for cell in sheet[1]] == ["이름", "=수"]
    assert all(cell.font.b for cell in sheet[1])
    assert not any(cell.font.b for cell in sheet[2])
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:B3"
    bare = openpyxl.load_workbook(written([["Kim"]], autofilter=False)).active
    assert bare is not None
    assert bare.auto_filter.ref is None


@pytest.mark.parametrize("name", ["", "x" * 32, "a/b", "a:b", "[a]", "'a", "a'", "a?", "a*", "a\\b"])
def test_a_sheet_name_that_excel_refuses_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="sheet's name"):
        written([["a"]], sheet=name)


def test_the_same_table_gives_the_same_bytes() -> None:
    assert written([["a", 1]]).getvalue() == written([["a", 1]]).getvalue()


def test_a_workbook_left_by_an_error_is_no_workbook() -> None:
    out = io.BytesIO()
    sheet = SheetWriter(out, ["h"])

    def break_off() -> None:
        with sheet:
            sheet.write_rows([["a"]])
            raise OSError("broke off")

    with pytest.raises(OSError, match="broke off"):
        break_off()
    sheet.close()
    assert not zipfile.is_zipfile(out)
    with pytest.raises(ValueError, match="closed"):
        sheet.write_rows([["b"]])


def test_the_zip_is_as_excel_and_libreoffice_want_it() -> None:
    """Lengths that follow: version 4.5 and zero lengths in front, 64-bit lengths behind, no ZIP64 field where none is needed."""
    file = written([["a"]])
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[0] == "[Content_Types].xml"
        info = archive.getinfo("xl/worksheets/sheet1.xml")
    data = file.getvalue()
    local = zip_stream.LOCAL.unpack_from(data, info.header_offset)
    assert (local[1], local[2], local[6:9], local[10]) == (45, 8, (0, 0, 0), 0)
    end = info.header_offset + zip_stream.LOCAL.size + len(info.filename) + info.compress_size
    descriptor = zip_stream.DESCRIPTOR.unpack_from(data, end)
    assert descriptor == (b"PK\x07\x08", info.CRC, info.compress_size, info.file_size)
    assert (info.extract_version, info.extra) == (45, b"")


@pytest.mark.deep
def test_a_part_past_four_gibibytes_is_a_legal_zip() -> None:
    """4.3 GiB of zeros through the ZIP writer, read by zipfile."""
    with tempfile.TemporaryFile() as file:
        archive = zip_stream.ZipStream(file)
        archive.begin("long")
        piece = pack(bytes(1 << 24))
        for _ in range(270):
            archive.write(piece)
        archive.end()
        archive.add("after", b"short")
        archive.close()
        with zipfile.ZipFile(file) as back:
            assert back.getinfo("long").file_size == 270 << 24
            assert back.read("after") == b"short"
            with back.open("long") as long:
                assert sum(map(len, iter(lambda: long.read(1 << 24), b""))) == 270 << 24


def rows_of(count: int) -> Iterator[list[Cell]]:
    moment = datetime(2025, 1, 1)
    for index in range(count):
        yield [
            f"{index:024x}", f"김민수{index}", f"u{index}@example.com", f"+8210{index:08}", None, index, index / 8,
            index % 2 == 0, moment + timedelta(seconds=index), "vip, 서울", "=1+1", "a & b", "", " x ", True, 1.5, "KR",
            "메모\n둘", None, "end",
        ]  # fmt: skip


def test_an_encrypted_workbook_opens_in_other_programs() -> None:
    rows = list(rows_of(300))
    file, plain = io.BytesIO(), io.BytesIO()
    with EncryptedPackage(file, PASSWORD) as package, SheetWriter(package, [f"h{n}" for n in range(20)]) as sheet:
        sheet.write_rows(rows)
    office: Any = msoffcrypto.OfficeFile(file)
    office.load_key(password=PASSWORD, verify_password=True)
    office.decrypt(plain, verify_integrity=True)
    assert read(plain)[1:] == rows


def test_memory_is_bounded_and_the_encrypted_workbook_reads_back() -> None:
    count = 100_000
    with tempfile.TemporaryFile() as file:
        tracemalloc.start()
        with EncryptedPackage(file, PASSWORD) as package, SheetWriter(package, [f"h{n}" for n in range(20)]) as sheet:
            sheet.write_rows(rows_of(count))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert sheet.rows == count
        assert peak < 30 * 2**20
        plain = io.BufferedReader(open_package(file, PASSWORD), 1 << 18)
        with zipfile.ZipFile(plain) as archive:
            assert archive.testzip() is None
            data = archive.read("xl/worksheets/sheet1.xml")
    assert data.count(b"<row ") == count + 1
    assert b"<f>" not in data
    assert b"<f " not in data
