"""Rows written a column at a time hold what they hold cell by cell."""

import math
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from common.long_values import LONG_VALUES, LONGEST_TEXT
from exports.workbook.block import make_block
from exports.workbook.cells import Cell, CellTooLong, CellUnfit, column_letters, unescaped, value_cell
from exports.workbook.packed import LAST

WORDS = LONG_VALUES["ko"]


def plain(first: int, columns: Sequence[Sequence[Cell]]) -> str:
    block = make_block(first, columns, WORDS)
    xml = zlib.decompress(block.packed.data + LAST, -15)
    assert (zlib.crc32(xml), len(xml), block.rows) == (block.packed.crc, block.packed.size, len(columns[0]))
    return xml.decode()


def cells(xml: str) -> list[tuple[dict[str, str], str]]:
    """Every cell's attributes and text."""
    found = ElementTree.fromstring(f"<rows>{xml}</rows>").iter("c")
    return [(dict(cell.attrib), unescaped("".join(cell.itertext()))) for cell in found]


def one_by_one(first: int, columns: Sequence[Sequence[Cell]]) -> str:
    rows = zip(*columns, strict=True)
    return "".join(value_cell(f"{column_letters(c)}{r}", cell) for r, row in enumerate(rows, first) for c, cell in enumerate(row))


TEXTS = st.text(st.sampled_from("ab_x0041D\x00\r\n =+-@'＝&<>|~^`\\가😀\u3000\ufffe\ud800"), max_size=8)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**16), 10**16).map(lambda n: n / 1000)
KINDS: list[st.SearchStrategy[Cell]] = [
    TEXTS,
    st.text("abc"),
    st.booleans(),
    st.integers(),
    st.integers(-(10**15), 10**15),
    NUMBERS,
    st.datetimes(datetime(1900, 2, 27), datetime(9999, 12, 31)),
    st.none(),
]


@st.composite
def tables(draw: st.DrawFn) -> list[list[Cell]]:
    """Columns of one kind, of one kind with gaps, and of any."""
    height = draw(st.integers(1, 6))
    kinds = [*KINDS, *(kind | st.none() for kind in KINDS), st.one_of(KINDS)]
    drawn = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=5))
    return [draw(st.lists(kind, min_size=height, max_size=height)) for kind in drawn]


@settings(max_examples=400)
@given(st.integers(2, 1_048_000), tables())
@example(2, [["|", "~", "^", "`", "\\"]])
@example(2, [["|~^`\\"]])
@example(9, [["=a", "b"], ["=a", "=b"], ["", "'"]])
def test_a_column_at_a_time_is_cell_by_cell(first: int, columns: list[list[Cell]]) -> None:
    xml = plain(first, columns)
    assert cells(xml) == cells(one_by_one(first, columns))
    rows = ElementTree.fromstring(f"<rows>{xml}</rows>").findall("row")
    assert [row.get("r") for row in rows] == [str(first + n) for n in range(len(columns[0]))]


def test_a_text_with_space_at_its_ends_keeps_it() -> None:
    for texts in (["a", " b"], ["a\n", "b"], ["c ", None]):
        xml = plain(2, [texts])
        assert xml.count('xml:space="preserve"') >= 1
    assert "preserve" not in plain(2, [["a b", "c"], ["d", "가 나"]])


@pytest.mark.parametrize("beside", ["short", None, 5])
def test_a_text_too_long_is_told_with_its_place(beside: Cell) -> None:
    long = "가" * (LONGEST_TEXT + 1)
    block = make_block(7, [[beside, long, long + "!"], ["x", "y", long]], WORDS)
    assert [(each.row, each.column, len(each.text)) for each in block.long] == [
        (8, "A", len(long)), (9, "A", len(long) + 1), (9, "B", len(long)),
    ]  # fmt: skip
    with pytest.raises(CellTooLong, match=r"^Cell A8: "):
        make_block(7, [[beside, long]])


@pytest.mark.parametrize("cell", [math.nan, math.inf, datetime(2026, 1, 1, tzinfo=UTC), b"bytes", 1j])
@pytest.mark.parametrize("beside", [1.5, None, "text", datetime(2026, 1, 1)])
def test_what_is_no_cell_is_refused_with_its_place(cell: Any, beside: Cell) -> None:
    with pytest.raises(CellUnfit, match=r"^Cell B3: "):
        make_block(2, [["a", "b"], [beside, cell]])
