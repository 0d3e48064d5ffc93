"""A text longer than a cell never fails a file and is never cut: its cell holds the beginning, a sheet of its own the whole."""

import io
import tempfile
from collections.abc import Sequence
from itertools import groupby, pairwise
from pathlib import Path

import openpyxl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.language import Language
from common.long_values import LONG_VALUES, LONGEST_TEXT, Words, head, units
from exports.files import Files
from exports.workbook.cells import Cell, CellTooLong, unescaped
from exports.workbook.long_values import LongValues, Piece, pieces
from exports.workbook.xlsx import SheetWriter

KO = LONG_VALUES["ko"]
EMOJI = "😀"


def book(rows: Sequence[Sequence[Cell]], words: Words = KO, **options: int) -> openpyxl.Workbook:
    with tempfile.TemporaryDirectory() as folder:
        out, aside = io.BytesIO(), Files(Path(folder)).aside()
        long_values = LongValues(aside, words, **options)
        with SheetWriter(out, [f"h{n}" for n in range(len(rows[0]))], long_values=long_values) as sheet:
            sheet.write_rows(rows)
        aside.close()
    out.seek(0)
    return openpyxl.load_workbook(out)


def told(workbook: openpyxl.Workbook) -> list[Piece]:
    """What the sheets behind the first tell."""
    rows = [row for sheet in workbook.worksheets[1:] for row in sheet.iter_rows(min_row=2, values_only=True)]
    return [Piece(row, column, number, unescaped(text)) for row, column, number, text in rows]  # type: ignore[arg-type]


def whole(found: Sequence[Piece]) -> dict[tuple[int, str], str]:
    """The texts by place; the pieces of each are counted from 1."""
    texts: dict[tuple[int, str], str] = {}
    for place, group in groupby(found, key=lambda piece: (piece.row, piece.column)):
        parts = list(group)
        assert [part.number for part in parts] == [*range(1, len(parts) + 1)]
        texts[place] = "".join(part.text for part in parts)
    return texts


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_cell_holds_the_beginning_and_a_mark_and_the_whole_stands_in_pieces(language: Language) -> None:
    words = LONG_VALUES[language]
    long, longer = "가" * 32_768, "=a\n" * 50_000
    workbook = book([["short", long, 1], [longer, None, "_x0041_"]], words)
    assert workbook.sheetnames == ["Sheet1", words.sheet]
    first, second = workbook.worksheets
    cut = first["B2"].value
    assert isinstance(cut, str)
    assert cut.endswith(words.mark)
    assert long.startswith(cut.removesuffix(words.mark))
    assert units(cut) == LONGEST_TEXT
    assert [cell.value for cell in second[1]] == list(words.headings)
    assert second.freeze_panes == "A2"
    assert whole(told(workbook)) == {(2, "B"): long, (3, "A"): longer}
    assert all(cell.data_type in "sn" for row in second.iter_rows() for cell in row)


def test_without_a_long_text_there_is_one_sheet() -> None:
    assert book([["가" * LONGEST_TEXT]]).sheetnames == ["Sheet1"]


def test_as_many_sheets_as_the_pieces_need() -> None:
    long = "x" * (4 * LONGEST_TEXT + 1)
    workbook = book([[long], ["short"], [long]], most_rows=4)
    assert workbook.sheetnames == ["Sheet1", "긴 값", "긴 값 2", "긴 값 3", "긴 값 4"]
    assert [sheet.max_row for sheet in workbook.worksheets[1:]] == [4, 4, 4, 2]
    assert whole(told(workbook)) == {(2, "A"): long, (4, "A"): long}
    assert len(book([["x" * (3 * LONGEST_TEXT - 2)]], most_rows=4).sheetnames) == 2


MIXED = st.text(st.sampled_from("a가_x0041\x00\ud83d\ude00" + EMOJI), max_size=60)


@given(MIXED, st.integers(2, 9))
@example("\ud83d\ude00\ude00", 2)
def test_pieces_make_the_text_again_and_no_pair_is_split(text: str, limit: int) -> None:
    found = list(pieces(text, limit))
    halves = "".join(found).encode("utf-16-le", "surrogatepass")
    assert halves == text.encode("utf-16-le", "surrogatepass")
    assert all(0 < units(piece) <= limit for piece in found)
    assert all(units(piece) >= limit - 1 for piece in found[:-1])
    assert not any(a[-1] in "\ud83d" and b[0] in "\ude00" for a, b in pairwise(found))


@pytest.mark.parametrize(("limit", "units_kept"), [(4, 4), (5, 4), (6, 6)])
def test_a_beginning_ends_before_a_pair_that_does_not_fit(limit: int, units_kept: int) -> None:
    assert head(EMOJI * 5, limit) == EMOJI * (units_kept // 2)


def test_a_pair_at_the_end_of_a_cell_is_not_split() -> None:
    """With the mark's length odd or even, one of the two cuts goes through a pair."""
    for text in (EMOJI * 20_000, "a" + EMOJI * 20_000):
        workbook = book([[text]])
        cut = workbook.worksheets[0]["A2"].value
        assert isinstance(cut, str)
        assert text.startswith(cut.removesuffix(KO.mark))
        assert LONGEST_TEXT - 1 <= units(cut) <= LONGEST_TEXT
        assert whole(told(workbook)) == {(2, "A"): text}


def test_a_heading_is_never_cut() -> None:
    with pytest.raises(CellTooLong):
        SheetWriter(io.BytesIO(), ["x" * (LONGEST_TEXT + 1)])


def test_what_is_put_aside_lies_on_the_disk_without_a_name_and_not_in_the_clear(tmp_path: Path) -> None:
    aside = Files(tmp_path).aside()
    words = [f"비밀 {n} ".encode() * 60_000 for n in range(9)]
    for word in words:
        aside.write(word)
    raw = aside._file
    raw.seek(0)
    sealed = raw.read()
    assert len(sealed) == sum(map(len, words))
    assert "비밀".encode() not in sealed
    assert list(tmp_path.iterdir()) == []
    aside.turn()
    assert [aside.read(len(word)) for word in words] == words
    assert aside.read(1) == b""
    aside.close()
