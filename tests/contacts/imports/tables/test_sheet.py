"""Tables in workbooks: what its cells become, files that are damaged or made to fill the memory, and passwords."""

import contextlib
import io
import os
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from common.errors import Unprocessable
from contacts.imports.tables.sheet import lines
from contacts.imports.tables.table import BROKEN, UNCALCULATED, Formatted, Line, UnreadableFile
from contacts.imports.tables.unlock import unlock
from tests.support.tables import MAIN, locked, shared, sheet, with_part, with_strings, workbook, written

# Made once: what is drawn from it must not depend on the time that a workbook says it was made at.
PLAIN = shared([["이름", "번호"], ["홍길동", "1"], ["김철수", "2"]])


def read(path: Path) -> list[Line]:
    found = list(lines(path, path.with_suffix(".strings")))
    assert not path.with_suffix(".strings").exists()
    return found


def test_cells_come_as_what_they_are(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["이름", "번호", "금액", "날짜", "여부"],
        [" 홍길동 ", 1012345678, 12.5, datetime(2026, 11, 24, 9, 30), True],
        [None, 3.0, -1, date(2026, 11, 24), False],
        ["두\n줄", "=1+1", "#N/A", time(9, 30), ""],
    ]
    found = read(written(tmp_path, workbook(rows)))
    assert [line.number for line in found] == [1, 2, 3, 4]
    assert list(found[1].cells) == [
        "홍길동",
        1012345678,
        12.5,
        Formatted(datetime(2026, 11, 24, 9, 30), "2026-11-24 9:30:00"),
        True,
    ]
    assert list(found[2].cells) == [None, 3, -1, datetime(2026, 11, 24), False]
    assert list(found[3].cells) == ["두\n줄", UNCALCULATED, BROKEN, Formatted(None, "9:30:00")]


def test_a_formula_stands_for_the_value_it_last_had(tmp_path: Path) -> None:
    row = '<row r="1"><c r="A1" t="str"><f>"0"&amp;1</f><v>01</v></c><c r="B1"><f>1+1</f><v>2</v></c></row>'
    assert list(read(written(tmp_path, sheet(row)))[0].cells) == ["01", 2]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ('<c r="A1" t="inlineStr"><is><r><t>홍</t></r><r><t>길동</t></r></is></c>', "홍길동"),
        ('<c r="A1"><v>1.0E+3</v></c>', 1000),
        ('<c r="A1"><v>1E400</v></c>', BROKEN),
        ('<c r="A1"><v>123456789012345678901234567890</v></c>', "123456789012345678901234567890"),
        ('<c r="A1" t="e"><v>#REF!</v></c>', BROKEN),
        ('<c r="A1" t="str"><v>a_x000A_b_x005F_x</v></c>', "a\nb_x"),
        ('<c t="str"><v>no reference</v></c>', "no reference"),
    ],
)
def test_a_cell_in_other_writings(tmp_path: Path, cell: str, value: object) -> None:
    assert list(read(written(tmp_path, sheet(f"<row>{cell}</row>")))[0].cells) == [value]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        # What is not a cell's value stays with it, and is no part of the next one's.
        ('<c r="A1" t="b"><is><t>x</t></is><v>1</v></c><c r="B1" t="inlineStr"><is><t>y</t></is></c>', [True, "y"]),
        ('<c r="A1" t="inlineStr"><is><t>x</t></is><is><t>y</t></is></c><c r="B1" t="str"><v>z</v></c>', ["xy", "z"]),
        ('<c r="A1"><is><t>x<c r="B1" t="inlineStr"><is><t>y</t></is></c></t></is></c>', [None, "y"]),
        ('<c r="A1" t="inlineStr"><is><t>x</t><rPh><t>a</t></rPh></is></c>', ["x"]),
        ('<c r="$B$1"><v>2</v></c><c r="d1"><v>4</v></c><c r="a1"><v>1</v></c><c><v>9</v></c>', [1, 9, None, 4]),
        ('<c r="A1"><v>007</v></c><c r="B1"><v>999999999999999</v></c><c r="C1"><v>-0</v></c>', [7, 999999999999999, 0]),
        ('<c r="A1" s="99"><v>5</v></c><c r="B1" s="x"><v>6</v></c><c r="C1" s=""><v>7</v></c>', [5, 6, 7]),
    ],
)
def test_cells_in_odd_order_and_with_odd_attributes(tmp_path: Path, cells: str, values: list[object]) -> None:
    assert list(read(written(tmp_path, sheet(f'<row r="1">{cells}</row>')))[0].cells) == values


@pytest.mark.parametrize("place", ["A12345678", "A", "1", "", "AAAA1", "A１", "$$A1", "A1:B1", "A-1"])
def test_a_cell_that_has_no_place_makes_the_workbook_unreadable(tmp_path: Path, place: str) -> None:
    with pytest.raises(UnreadableFile):
        read(written(tmp_path, sheet(f'<row r="1"><c r="{place}"><v>1</v></c></row>')))


def test_what_stands_behind_the_rows_is_not_read(tmp_path: Path) -> None:
    links = "".join(f'<hyperlink ref="A{n}" display="{"x" * 50}"/>' for n in range(200_000))
    rows = '<sheetData><row r="1"><c r="A1"><v>1</v></c></row></sheetData>'
    body = f"<worksheet {MAIN}>{rows}<hyperlinks>{links}</hyperlinks></worksheet>"
    path = written(tmp_path, with_part(workbook([["a"]]), "xl/worksheets/sheet1.xml", body.encode()))
    assert read(path) == [Line(1, [1])]


def test_rows_that_are_left_out_leave_their_numbers_out(tmp_path: Path) -> None:
    found = read(
        written(tmp_path, sheet('<row r="3"><c r="B3"><v>1</v></c></row><row r="1000000"><c r="A1000000"><v>2</v></c></row>'))
    )
    assert found == [Line(3, [None, 1]), Line(1000000, [2])]


def test_the_first_sheet_that_is_shown_is_read(tmp_path: Path) -> None:
    book = Workbook()
    assert book.active is not None
    book.active.append(["hidden"])
    book.active.sheet_state = "hidden"
    book.create_sheet("customers").append(["shown"])
    out = io.BytesIO()
    book.save(out)
    assert [list(line.cells) for line in read(written(tmp_path, out.getvalue()))] == [["shown"]]


def test_dates_of_the_1904_calendar_are_the_same_days(tmp_path: Path) -> None:
    book = Workbook()
    book.epoch = datetime(1904, 1, 1)
    assert book.active is not None
    book.active.append([datetime(2026, 11, 24)])
    out = io.BytesIO()
    book.save(out)
    assert list(read(written(tmp_path, out.getvalue()))[0].cells) == [Formatted(datetime(2026, 11, 24), "2026-11-24 0:00:00")]


CELL = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**15) + 1, 10**15 - 1), st.integers(-(10**6), 10**6).map(lambda n: n + 0.25),
    st.text(
        st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp", "Cn"], exclude_characters="_#="), min_size=1, max_size=9
    ),
)  # fmt: skip


@given(st.lists(st.lists(CELL, min_size=1, max_size=5), min_size=1, max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_what_is_written_comes_back(tmp_path: Path, rows: list[list[Any]]) -> None:
    found = {line.number: list(line.cells) for line in read(written(tmp_path, workbook(rows)))}
    for number, row in enumerate(rows, 1):
        cells = found.get(number, [])
        assert cells == row[: len(cells)]
        assert row[len(cells) :] == [None] * (len(row) - len(cells))


def test_a_text_in_pieces_is_one_and_how_it_is_read_aloud_is_no_part_of_it(tmp_path: Path) -> None:
    items = "<si><r><t>홍</t></r><r><t>길동</t></r><rPh><t>hong</t></rPh></si><si/><si><t>끝</t></si>"
    rows = '<row><c t="s"><v>2</v></c><c t="s"><v>0</v></c><c t="s"><v>1</v></c></row>'
    assert list(read(written(tmp_path, with_strings(sheet(rows), items)))[0].cells) == ["끝", "홍길동"]


def test_texts_are_read_from_the_file_beside_when_they_are_many(tmp_path: Path) -> None:
    rows = [[f"{'가' * 300} {n}", f"b{n}"] for n in range(3000)]
    assert [list(line.cells) for line in read(written(tmp_path, shared(rows)))] == rows


@pytest.mark.parametrize("cut", [10, 100, 1000, 3000, -30])
def test_a_workbook_that_is_cut_off_is_refused(tmp_path: Path, cut: int) -> None:
    with pytest.raises(UnreadableFile) as refused:
        read(written(tmp_path, workbook([["a", "b"]] * 50)[:cut]))
    assert refused.value.code == "unreadableWorkbook"


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_a_damaged_workbook_is_read_or_refused_and_nothing_else(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(PLAIN)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    # Anything else that is raised fails the test.
    with contextlib.suppress(UnreadableFile):
        read(written(tmp_path, bytes(content)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 is no archive",
        with_part(workbook([["a"]]), "xl/workbook.xml", b"<!DOCTYPE x [<!ENTITY e 'y'>]><workbook>&e;</workbook>"),
        with_part(workbook([["a"]]), "xl/worksheets/sheet1.xml", b"<!DOCTYPE x [<!ENTITY e 'y'>]><worksheet>&e;</worksheet>"),
        sheet('<row r="1"><c r="A1" t="s"><v>999</v></c></row>'),
        sheet('<row r="x"><c r="A1"><v>1</v></c></row>'),
        sheet('<row r="1"><c r="A1" t="n"><v>one</v></c></row>'),
    ],
)
def test_what_is_no_workbook_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnreadableFile):
        read(written(tmp_path, content))


@pytest.mark.parametrize(
    "content",
    [
        with_part(workbook([["a"]]), "xl/styles.xml", b"<styleSheet>" + b" " * (5 * 1024 * 1024)),
        sheet(f'<row r="1"><c r="A1" t="str"><v>{"x" * 2_000_000}</v></c></row>'),
        sheet('<row r="1">' + '<c r="A1"><v>1</v></c>' * 450_000 + "</row>"),
        with_strings(shared([["a"]]), f"<si><t>{'x' * 2_000_000}</t></si>"),
        sheet("".join(f'<row r="{n}"><c r="ZZ{n}"><v>1</v></c></row>' for n in range(1, 3))),
    ],
    ids=["a large part", "an endless text", "an endless row", "an endless shared text", "a far column"],
)
def test_a_workbook_made_to_fill_the_memory_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnreadableFile):
        read(written(tmp_path, content))


@pytest.mark.parametrize("rows", [1, 50, 4000])
def test_a_workbook_with_a_password_opens_with_it(tmp_path: Path, rows: int) -> None:
    plain = workbook([[f"{n}", os.urandom(8).hex()] for n in range(rows)])
    target = tmp_path / "plain"
    unlock(written(tmp_path, locked(plain, "비밀 pass-1!")), "비밀 pass-1!", target)
    assert target.read_bytes() == plain


@pytest.mark.parametrize(("password", "code"), [(None, "passwordRequired"), ("", "passwordRequired"), ("other", "wrongPassword")])
def test_without_its_password_it_stays_closed(tmp_path: Path, password: str | None, code: str) -> None:
    path = written(tmp_path, locked(workbook([["a"]]), "pass-1!"))
    with pytest.raises(Unprocessable) as refused:
        unlock(path, password, tmp_path / "plain")
    assert (refused.value.code, refused.value.pointer) == (code, "/password")


@pytest.mark.parametrize("cut", [600, 2000, 5000])
def test_a_damaged_workbook_with_a_password_is_refused(tmp_path: Path, cut: int) -> None:
    path = written(tmp_path, locked(workbook([["a"]] * 200), "pass-1!")[:cut])
    with pytest.raises(Unprocessable):
        unlock(path, "pass-1!", tmp_path / "plain")
