"""Texts longer than a cell: exported and imported again they are whole; what is only their beginning is never taken for them."""

import io
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Unprocessable
from common.language import KOREAN, Language
from common.long_values import LONG_VALUES, LONGEST_TEXT, shortened
from common.term_lists import write_list
from contacts.imports.mapping import Column
from contacts.imports.tables.sheet import lines
from contacts.imports.tables.table import CUT, Cell, from_json, to_json
from contacts.imports.tables.text import Layout
from contacts.imports.tables.text import lines as text_lines
from contacts.imports.values import row_of
from exports.files import Files
from exports.workbook.long_values import LongValues
from exports.workbook.xlsx import SheetWriter

KO = LONG_VALUES["ko"]
LONG = "가나다 " * 9000 + "끝"
OTHER = "𠀀" * 20_000 + "_x0041_ <b>&amp;"
ROWS: list[list[str | int | None]] = [
    ["m1", LONG, "short"], ["m2", None, OTHER], ["m3", OTHER + "1", LONG + "\n2"], ["m4", "x", "y"],
]  # fmt: skip


def exported(rows: Sequence[Sequence[Any]], language: Language = KOREAN, **options: int) -> bytes:
    """Rows below headings as an export writes them."""
    with tempfile.TemporaryDirectory() as folder:
        out, aside = io.BytesIO(), Files(Path(folder)).aside()
        with SheetWriter(out, ["a", "b", "c"], long_values=LongValues(aside, LONG_VALUES[language], **options)) as sheet:
            sheet.write_rows(rows)
        aside.close()
    return out.getvalue()


def read(content: bytes) -> list[list[Cell]]:
    """The rows below the headings, each as wide as those."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table"
        path.write_bytes(content)
        found = [list(line.cells) for line in lines(path, Path(folder) / "spool")][1:]
    return [[*cells, *[None] * (3 - len(cells))] for cells in found]


def resaved(content: bytes, change: Callable[[openpyxl.Workbook], object]) -> bytes:
    """As another program writes it that has changed something."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    change(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("most_rows", [3, 1_000_000])
def test_what_is_exported_comes_back_whole(language: Language, most_rows: int) -> None:
    content = exported(ROWS, language, most_rows=most_rows)
    assert read(content) == ROWS
    assert read(resaved(content, lambda _: None)) == ROWS


TEXT = st.builds(
    lambda text, many, end: text * many + end,
    st.text(st.characters(categories=["L", "N", "P", "So"], exclude_characters="="), min_size=1, max_size=5),
    st.integers(6000, 20_000), st.sampled_from(["x", "😀", "_x0041_", "]"]),
)  # fmt: skip


@given(st.lists(st.tuples(st.just("m"), TEXT, st.one_of(st.none(), TEXT)), min_size=1, max_size=3))
def test_any_long_text_comes_back_whole(rows: list[tuple[str, str, str | None]]) -> None:
    assert read(exported(rows)) == [list(row) for row in rows]


def test_a_list_keeps_each_of_its_elements() -> None:
    elements = [f"𠀀{n}, " + "𠀀" * 200 for n in range(90)]
    [[member, text, _]] = read(exported([["m", write_list(elements), None]]))
    columns: list[tuple[Column, Cell]] = [
        (Column(0, "a", ("memberId",), True), member),
        (Column(1, "b", ("profile.l",), True), text),
    ]
    assert row_of(columns, {"profile.l": "List"}, ZoneInfo("Asia/Seoul")) == {"memberId": "m", "profile": {"l": elements}}


def _without_the_sheet(book: openpyxl.Workbook) -> None:
    del book[KO.sheet]


def _sorted(book: openpyxl.Workbook) -> None:
    book.worksheets[0].move_range("A2:C2", rows=5)


def _above(book: openpyxl.Workbook) -> None:
    book.worksheets[0].insert_rows(2)


def _beside(book: openpyxl.Workbook) -> None:
    book.worksheets[0].insert_cols(1)


def _without_a_piece(book: openpyxl.Workbook) -> None:
    book[KO.sheet].delete_rows(3)


def _without_the_first_piece(book: openpyxl.Workbook) -> None:
    book[KO.sheet].delete_rows(2)


def _in_another_order(book: openpyxl.Workbook) -> None:
    for column in "ABCD":
        first, second = book[KO.sheet][f"{column}2"], book[KO.sheet][f"{column}3"]
        first.value, second.value = second.value, first.value


def _other_headings(book: openpyxl.Workbook) -> None:
    book[KO.sheet]["A1"] = "Zeile"


def _edited(book: openpyxl.Workbook) -> None:
    book.worksheets[0]["B2"] = "neu" + book.worksheets[0]["B2"].value[3:]


def _shortened(book: openpyxl.Workbook) -> None:
    book.worksheets[0]["B2"] = book.worksheets[0]["B2"].value[:3] + KO.mark


def _edited_there(book: openpyxl.Workbook) -> None:
    book[KO.sheet]["D2"] = "neu" + book[KO.sheet]["D2"].value[3:]


def _numbers_as_texts(book: openpyxl.Workbook) -> None:
    book[KO.sheet]["C2"] = "one"


@pytest.mark.parametrize("change", [
    _without_the_sheet, _sorted, _above, _beside, _without_a_piece, _in_another_order, _other_headings, _edited, _edited_there,
    _numbers_as_texts, _without_the_first_piece, _shortened,
])  # fmt: skip
def test_the_beginning_of_a_text_whose_rest_is_not_certain_is_refused(change: Callable[[openpyxl.Workbook], object]) -> None:
    found = [cell for cells in read(resaved(exported([["m1", LONG, "short"]]), change)) for cell in cells]
    assert CUT in found
    assert not [cell for cell in found if isinstance(cell, str) and len(cell) > 10]


@pytest.mark.parametrize("length", [2 * LONGEST_TEXT, 2 * LONGEST_TEXT - 1, 2 * LONGEST_TEXT + 1])
def test_the_last_piece_is_missed_whatever_the_length(length: int) -> None:
    content = exported([["m", "a" * length, None]])
    assert read(content) == read(resaved(content, lambda _: None)) == [["m", "a" * length, None]]

    def without_the_last(book: openpyxl.Workbook) -> None:
        book[KO.sheet].delete_rows(book[KO.sheet].max_row)

    assert read(resaved(content, without_the_last)) == [["m", CUT, None]]


def test_of_two_texts_with_one_beginning_each_has_its_own_rest() -> None:
    first, second = "같은 시작 " * 7000 + "1", "같은 시작 " * 7000 + "2"
    assert [row[1] for row in read(exported([["m1", first, None], ["m2", second, None]]))] == [first, second]


def test_a_text_that_ends_as_if_it_went_on_and_does_not_is_refused() -> None:
    assert read(exported([["m", "a" + KO.mark, "b"]])) == [["m", CUT, "b"]]


@pytest.mark.parametrize("words", LONG_VALUES.values())
def test_a_text_file_made_of_an_export_has_no_rest(tmp_path: Path, words: Any) -> None:
    path = tmp_path / "table"
    path.write_text(f'a,b\nm1,"{shortened(LONG, words)}"\n', "utf-8")
    found = [line.cells for line in text_lines(path, Layout("utf-8", ","))]
    assert found == [["a", "b"], ["m1", CUT]]


def test_a_beginning_is_refused_in_words_and_kept_as_such_on_the_way() -> None:
    assert from_json(to_json(CUT)) == CUT
    for key in ("name", "tags", "profile.x"):
        with pytest.raises(Unprocessable) as refused:
            row_of([(Column(0, "a", (key,), True), CUT)], {"profile.x": "List"}, ZoneInfo("Asia/Seoul"))
        assert refused.value.code == "cutValue"
    assert len(shortened(LONG, KO)) == LONGEST_TEXT
