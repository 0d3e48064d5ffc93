"""Merged cells: a row in which one stands says so, at a cost that has a bound."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from contacts.imports.source import source_of
from contacts.imports.tables.areas import Area
from contacts.imports.tables.merges import MOST_MERGES, Merges, read_merges
from contacts.imports.tables.package import Package
from contacts.imports.tables.sheet import MOST_ROW, lines
from contacts.imports.tables.table import MERGED, MOST_COLUMNS, Cell, UnreadableFile
from tests.support.tables import MAIN, with_part, workbook, written

EDGES = st.integers(0, 8)
PAIRS = st.tuples(EDGES, EDGES).map(sorted)
AREAS = st.lists(st.builds(lambda rows, columns: Area(*rows, *columns), PAIRS, PAIRS), max_size=6)


def merged(rows: str, *references: str, encoding: str = "utf-8", prefix: str = "") -> bytes:
    cells = "".join(f'<{prefix}mergeCell ref="{reference}"/>' for reference in references)
    namespace = MAIN.replace("xmlns=", f"xmlns:{prefix[:-1]}=") if prefix else MAIN
    body = (
        f'<?xml version="1.0" encoding="{encoding}"?><{prefix}worksheet {namespace}>{rows}'
        f"<{prefix}mergeCells>{cells}</{prefix}mergeCells></{prefix}worksheet>"
    )
    return with_part(workbook([["a"]]), "xl/worksheets/sheet1.xml", body.encode(encoding))


def read(folder: Path, content: bytes) -> dict[int, list[Cell]]:
    return {line.number: list(line.cells) for line in lines(written(folder, content), folder / "strings")}


def saved(folder: Path, rows: list[list[object]], *references: str) -> dict[int, list[Cell]]:
    book = Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    for reference in references:
        book.active.merge_cells(reference)
    book.save(folder / "book.xlsx")
    return read(folder, (folder / "book.xlsx").read_bytes())


def test_a_cell_below_or_right_of_the_first_is_merged(tmp_path: Path) -> None:
    rows: list[list[object]] = [["회원번호", "이름", "도시"], ["m1", "홍길동", "서울"], ["m2", None, "부산"], ["m3", "김", None]]
    found = saved(tmp_path, rows, "B2:B3", "B4:C4")
    assert found == {1: rows[0], 2: rows[1], 3: ["m2", MERGED, "부산"], 4: ["m3", "김", MERGED]}


def test_what_is_merged_with_a_blank_cell_and_a_row_with_nothing_of_its_own_stay_blank(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["고객 명단", None],
        ["회원번호", "이름"],
        ["m1", "홍길동"],
        [None, None],
        ["m2", None],
        ["m3", None],
    ]
    found = saved(tmp_path, rows, "A1:B1", "A3:A4", "B3:B4", "B5:B6")
    assert found[5] == ["m2"]
    assert found[6] == ["m3"]
    assert not any(found.get(4, []))


@pytest.mark.parametrize(("encoding", "prefix"), [("utf-8", ""), ("utf-8", "x:"), ("utf-16", ""), ("utf-16", "x:")])
def test_merged_cells_are_found_in_every_writing(tmp_path: Path, encoding: str, prefix: str) -> None:
    rows = '<sheetData><row r="1"><c r="A1"><v>1</v></c></row><row r="2"><c r="B2"><v>2</v></c></row></sheetData>'
    rows = rows.replace("</", "\0").replace("<", f"<{prefix}").replace("\0", f"</{prefix}")
    content = merged(rows, "a2:$A$1", "nonsense", "C1", encoding=encoding, prefix=prefix)
    assert read(tmp_path, content) == {1: [1], 2: [MERGED, 2]}


@given(AREAS, st.lists(st.lists(st.booleans(), max_size=9), min_size=9, max_size=9))
def test_a_row_has_the_columns_that_a_first_cell_with_a_value_covers(areas: list[Area], rows: list[list[bool]]) -> None:
    table: list[list[Cell]] = [[1 if there else None for there in row] for row in rows]
    merges = Merges(areas)
    told = [a for a in areas if a.left < len(table[a.top]) and table[a.top][a.left] is not None]
    for row, cells in enumerate(table):
        here = [a for a in told if a.top <= row <= a.bottom]
        covered = {c for a in here for c in range(a.left, a.right + 1) if (row, c) != (a.top, a.left)}
        assert list(merges.covered(row, cells)) == sorted(covered)


def test_fifty_thousand_merged_cells_are_quick(tmp_path: Path) -> None:
    rows = "".join(f'<row r="{n}"><c r="A{n}"><v>{n}</v></c></row>' for n in range(1, 50_001))
    content = merged(f"<sheetData>{rows}</sheetData>", *(f"A{n}:B{n}" for n in range(1, 50_001)))
    begun = time.process_time()
    found = read(tmp_path, content)
    assert found[50_000] == [50_000, MERGED]
    assert time.process_time() - begun < 5


def test_merged_cells_without_measure_are_refused_in_time(tmp_path: Path) -> None:
    begun = time.process_time()
    merges = Merges(Area(1, MOST_ROW, 0, MOST_COLUMNS - 1) for _ in range(50_000))
    with pytest.raises(UnreadableFile) as refused:
        merges.covered(1, [1])
    assert (refused.value.code, refused.value.extra) == ("mergedTooWide", {})
    with pytest.raises(UnreadableFile) as refused:
        read(tmp_path, merged("<sheetData/>", *("A1:B2" for _ in range(MOST_MERGES + 1))))
    assert (refused.value.code, refused.value.extra) == ("tooManyMergedCells", {"most": MOST_MERGES})
    assert time.process_time() - begun < 10


def test_one_merged_cell_that_covers_too_much_is_refused_in_words_that_are_true_of_it() -> None:
    merges = Merges([Area(1, MOST_ROW, 0, 39)])
    with pytest.raises(UnreadableFile) as refused:
        for row in range(1, MOST_ROW):
            merges.covered(row, [1])
    assert (refused.value.code, refused.value.extra) == ("mergedTooWide", {})


def test_merged_cells_over_a_million_rows_are_no_work() -> None:
    merges, begun = Merges(Area(1, MOST_ROW, left, left) for left in range(19)), time.process_time()
    cells: list[Cell] = [1] * 19
    assert all(len(merges.covered(row, cells)) == (0 if row == 1 else 19) for row in range(1, 1_000_000))
    assert time.process_time() - begun < 5


def test_two_rows_whose_every_column_is_merged_are_within_bounds() -> None:
    merges = Merges(Area(top, top + 1, left, left) for top in (1, 3) for left in range(MOST_COLUMNS))
    cells: list[Cell] = [1] * MOST_COLUMNS
    assert [len(merges.covered(row, cells)) for row in (1, 2, 3, 4)] == [0, MOST_COLUMNS, 0, MOST_COLUMNS]


def test_what_is_merged_is_read_without_the_rows_before_it(tmp_path: Path) -> None:
    rows = "<sheetData><row><<< <t>mergeCells</t> <mergeCellsOther/> mergeCells</row></sheetData>"
    with Package(written(tmp_path, merged(rows, "A1:B2"))) as package:
        assert list(read_merges(package, "xl/worksheets/sheet1.xml").covered(1, [1])) == [1]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("before", [1024 * 1024 - length for length in range(0, 300, 23)])
def test_merged_cells_are_found_wherever_a_piece_ends(tmp_path: Path, before: int, encoding: str) -> None:
    rows = "<sheetData/>".ljust((before - 130) // (2 if encoding == "utf-16" else 1))
    with Package(written(tmp_path, merged(rows, "A1:B2", encoding=encoding, prefix="x:"))) as package:
        assert list(read_merges(package, "xl/worksheets/sheet1.xml").covered(1, [1])) == [1]


def test_the_head_of_a_long_sheet_with_merged_cells_is_read_alone(tmp_path: Path) -> None:
    """What follows the head cannot be read: whoever reads it notices."""
    first = "".join(f'<row r="{n}"><c r="A{n}"><v>{n}</v></c></row>' for n in range(1, 30))
    content = merged(f"<sheetData>{first}<row>{' ' * 40 * 1024 * 1024}<<</row></sheetData>", "A1:B2", 'Z1"<<<')
    source = source_of(written(tmp_path, content), None, tmp_path / "plain")
    begun = time.process_time()
    assert [line.number for line in source.head(tmp_path / "strings", 15)] == list(range(1, 16))
    assert time.process_time() - begun < 1
    with pytest.raises(UnreadableFile):
        list(source.lines(tmp_path / "strings"))


def test_the_head_of_a_sheet_tells_what_is_merged(tmp_path: Path) -> None:
    content = merged('<sheetData><row r="1"><c r="A1"><v>1</v></c></row></sheetData>', "A1:B1")
    source = source_of(written(tmp_path, content), None, tmp_path / "plain")
    assert [line.cells for line in source.head(tmp_path / "strings")] == [[1, MERGED]]
