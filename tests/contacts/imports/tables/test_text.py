"""Tables as text: encodings, delimiters, quotation marks, and files that are no table."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts.imports.tables.table import Line, UnreadableFile
from contacts.imports.tables.text import Layout, delimiter_of, layout_of, lines
from tests.support.tables import ENCODINGS, text, written

ROWS = [["회원번호", "이름", "메모"], ["m1", "홍길동", 'a "b", c'], ["m2", "", "두 줄\n메모"], ["m3", "뷁똠방각하", "-"]]


def read(path: Path) -> list[list[object]]:
    return [list(line.cells) for line in lines(path, layout_of(path))]


@pytest.mark.parametrize("encoding", [encoding for encoding in ENCODINGS if encoding.startswith("utf")])
def test_a_nul_that_got_into_a_text_stands_in_its_cell(tmp_path: Path, encoding: str) -> None:
    rows = [["회원번호", "이름"], ["m1", "홍\0길동"], ["m2", "김"]]
    assert read(written(tmp_path, text(rows, encoding))) == rows


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r"])
def test_a_table_is_read_in_every_encoding_delimiter_and_line_end(
    tmp_path: Path, encoding: str, delimiter: str, line_end: str
) -> None:
    path = written(tmp_path, text(ROWS, encoding, delimiter, line_end))
    assert read(path) == [[cell or None for cell in row] for row in ROWS]


PYTHON_NAMES = {
    "utf-8": "utf-8",
    "utf-8 with its mark": "utf-8-sig",
    "utf-16 little-endian": "utf-16",
    "utf-16 big-endian": "utf-16",
    "cp949": "cp949",
}
CELLS = st.text(st.characters(codec="cp949", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), max_size=8)


@given(
    st.lists(st.lists(CELLS, min_size=2, max_size=5), min_size=1, max_size=8),
    st.sampled_from(sorted(ENCODINGS)),
    st.sampled_from([",", ";", "\t"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_comes_back(tmp_path: Path, rows: list[list[str]], encoding: str, delimiter: str) -> None:
    layout = Layout(PYTHON_NAMES[encoding], delimiter)
    found = lines(written(tmp_path, text(rows, encoding, delimiter)), layout)
    assert [list(line.cells) for line in found] == [[cell or None for cell in row] for row in rows]


def test_lines_are_numbered_as_a_spreadsheet_numbers_them_blank_ones_and_those_of_two_lines_too(tmp_path: Path) -> None:
    path = written(tmp_path, b'a,b\n\n"x\ny",1\n,\nz,2\n')
    found = list(lines(path, layout_of(path)))
    assert [(line.number, line.blank) for line in found] == [(1, False), (2, True), (3, False), (4, True), (5, False)]
    assert found[2] == Line(3, ["x\ny", "1"])


@pytest.mark.parametrize(
    ("sample", "delimiter"),
    [
        ("a,b\n1,2", ","),
        ("a;b\n1,5;2,5", ";"),
        ("a\tb,c\n1\t2", "\t"),
        ("이름", ","),
        ("", ","),
        ('"a;b;c",d\n"e;f",g', ","),
        ("sep=;\r\na,b;c,d", ";"),
        ('a,b\n1,"unfinished; ; ; ;', ","),
    ],
)
def test_the_delimiter_is_the_one_that_parts_most_lines_alike(sample: str, delimiter: str) -> None:
    assert delimiter_of(sample) == delimiter


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x81\xff\xfe,a\n",
        b"\xef\xbb\xbf\xff\xff",
        b"\xff\xfea\x00\x00",
        b"\xff\xfe\x00\xd8a\x00",
        "이름".encode("utf-16-le"),
        bytes(range(256)),
        "name,phone\nx,y\n".encode("utf-16-le"),
        "이름\n홍\0길동\n".encode("cp949"),
        b"name,phone\nx" + bytes(9) + b",y\n",
    ],
)
def test_what_is_in_no_known_encoding_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnreadableFile) as refused:
        layout_of(written(tmp_path, content))
    assert (refused.value.code, refused.value.pointer) == ("unknownEncoding", "/file")


@pytest.mark.parametrize(
    ("content", "row"),
    [
        (b'a,b\n1,"2\n3,4\n', 2),
        (b'a,b\n1,2\n"x"y,4\n', 3),
        (b"a,b\n1," + b"x" * 200_000 + b"\n", 2),
        (b"a,b\n" + b"x" * 2_000_000, 2),
    ],
)
def test_a_row_that_cannot_be_read_is_named(tmp_path: Path, content: bytes, row: int) -> None:
    path = written(tmp_path, content)
    with pytest.raises(UnreadableFile, match=f"^Row {row} "):
        list(lines(path, layout_of(path)))


def test_a_record_of_endless_lines_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    path = written(tmp_path, b"a,b\n" + b'"x\n",' * 5_000_000)
    with pytest.raises(UnreadableFile, match="Row 2 is too long"):
        list(lines(path, layout_of(path)))


@pytest.mark.parametrize(
    ("content", "cells"),
    [
        ('="02134";홍길동', ["02134", "홍길동"]),
        ('홍길동;="02134"', ["홍길동", "02134"]),
        ('="02134",="010-1234-5678"', ["02134", "010-1234-5678"]),
        ('="서울, 강남",1', ["서울, 강남", "1"]),
        ('"=""02134""",1', ["02134", "1"]),
        ('="02134"\t="홍길동"', ["02134", "홍길동"]),
        (' ="02134" , 1', ["02134", "1"]),
        ('="a""b",1', ['a"b', "1"]),
        ('"=""a""""b""",1', ['a"b', "1"]),
        ('="",1', [None, "1"]),
        ('=1+1,="', ["=1+1", '="']),
        ('=SUM(A1),"=B2"', ["=SUM(A1)", "=B2"]),
        ('"두 줄\n,=""1"",",1', ['두 줄\n,="1",', "1"]),
        ('"a,=""x""",\'02134', ['a,="x"', "'02134"]),
    ],
)
@pytest.mark.parametrize("line_end", ["\r\n", "\n", ""])
def test_a_text_guarded_by_a_formula_is_taken_out_of_it(tmp_path: Path, content: str, cells: list[object], line_end: str) -> None:
    delimiter = delimiter_of(content)
    found = lines(written(tmp_path, f"{content}{line_end}".encode()), Layout("utf-8", delimiter))
    assert [list(line.cells) for line in found] == [cells]
