"""Rows that are told by their form: the same lines as the parser's, whatever stands beside them, and no parser asked."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts.imports.tables.plain_rows import PlainRows
from contacts.imports.tables.sheet import lines
from contacts.imports.tables.table import Line, UnreadableFile
from tests.support.tables import MAIN, sheet, with_part, with_strings, written

_CELLS = (
    '<c r="{column}{row}" t="inlineStr"><is><t>홍길동 {row}</t></is></c>',
    '<c r="{column}{row}" t="inlineStr"><is><t xml:space="preserve"> =1_x0041_ </t></is></c>',
    '<c r="{column}{row}" t="inlineStr"><is><t></t></is></c>',
    '<c r="{column}{row}"><is><t>without a kind</t></is></c>',
    '<c r="{column}{row}" t="inlineStr"><is><t>a &amp; b</t></is></c>',
    '<c r="{column}{row}" t="inlineStr"><is><t>a]]&gt;b</t></is></c>',
    '<c r="{column}{row}" s="1" t="inlineStr"/>',
    '<c r="{column}{row}" t="s"><v>1</v></c>',
    '<c r="{column}{row}" t="s"><v> </v></c>',
    '<c r="{column}{row}" t="s"><v>99</v></c>',
    '<c r="{column}{row}" t="s"><is><t>no number</t></is></c>',
    '<c r="{column}{row}"><v>12.50</v></c>',
    '<c r="{column}{row}" s="0" t="n"><v>-3E2</v></c>',
    '<c r="{column}{row}" s="77"><v>1</v></c>',
    '<c r="{column}{row}"><v>no number</v></c>',
    '<c r="{column}{row}"/>',
    '<c t="n"><v>7</v></c>',
    '<c r="{column}{row}" t="b"><v>1</v></c>',
    '<c r="{column}{row}"><f>1+1</f><v>2</v></c>',
    '<c r="{column}{row}"><f t="array" ref="{column}{row}:C9">1+1</f></c>',
    '<c r="{column}{row}"><v><![CDATA[5]]></v></c>',
    '<c r="ZZZ{row}"><v>5</v></c>',
    '<c r="{column}{row}" r="{column}{row}"><v>5</v></c>',
    '<c r="{column}{row}"><v>\x01</v></c>',
    '<c r="{column}{row}"><v>\uffff</v></c>',
)
_ROWS = (
    '<row r="{row}">{cells}</row>',
    '<row r="{row}" spans="1:3" x:dyDescent="0.3">{cells}</row>',
    '<row r="{row}" spans="1:3" spans="1:3">{cells}</row>',
    '<row r="{row}" hidden="1" />',
    '<row r="1">{cells}</row>',
    "<row>{cells}</row>",
    '<x:row r="{row}">{cells}</x:row>',
    '\n  <row r="{row}">{cells}</row>',
    '<!-- <row r="{row}"></row> --><row r="{row}">{cells}</row>',
    '<![CDATA[<row r="{row}"></row>]]><row r="{row}">{cells}</row>',
    '<!-- <row r="{row}"></row><row r="{row}">{cells}</row> -->',
    '<is><t><row r="{row}">{cells}</row></t></is>',
    '<row r="{row}">{cells}<!-- more --></row>',
    '<row r="{row}">{cells}',
    "text",
)
_BOOK = with_strings(sheet(""), "<si><t>첫째</t></si><si><t>둘째</t></si>")


def _read(folder: Path, rows: str) -> list[Line] | str:
    body = f"<worksheet {MAIN}><sheetData>{rows}</sheetData></worksheet>"
    path = written(folder, with_part(_BOOK, "xl/worksheets/sheet1.xml", body.encode()))
    try:
        return list(lines(path, path.with_suffix(".strings")))
    except UnreadableFile as refused:
        return str(refused.code)


_row = st.tuples(st.sampled_from(_ROWS[:2] * 6 + _ROWS), st.lists(st.sampled_from(_CELLS[:4] * 4 + _CELLS), max_size=3))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_row, max_size=12))
def test_they_are_what_the_parser_makes_of_them(tmp_path: Path, drawn: list[tuple[str, list[str]]]) -> None:
    made = ""
    for number, (row, cells) in enumerate(drawn, 2):
        told = "".join(cell.format(column="ABC"[place], row=number) for place, cell in enumerate(cells))
        made += row.format(row=number, cells=told)
    # A blank more is the same to a parser.
    assert _read(tmp_path, made) == _read(tmp_path, made.replace("<row r", "<row  r"))


class Told:
    """A sheet that writes down what it is told."""

    is_between = True

    def __init__(self) -> None:
        self.course: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name in ("row", "sheetData"):
            self.course.append(f"{name} {attributes.get('r', '')}".strip())

    def text(self, data: str) -> None:
        pass

    def end(self, name: str) -> None:
        pass

    def plain(self, number: str, cells: object) -> None:
        self.course.append(f"plain {number}")


_CELL = '<c r="A1"><v>1</v></c>'


@pytest.mark.parametrize(
    ("rows", "course"),
    [
        (f'<row r="1">{_CELL}</row><row r="2">{_CELL}</row>', ["row 1", "plain 2"]),
        # What a row says of itself beside its number is the parser's to look at, once.
        ('<row r="1"/><row r="2" a="b"></row><row r="3" a="b"></row><row r="4" a="b"></row>',
         ["row 1", "row 2", "row 3", "plain 4"]),
        ('<row r="1"></row><!--<row r="2"></row><row r="3"></row>--><row r="4"></row>', ["row 1", "row 4"]),
        ('<row r="1"></row><![CDATA[</row><row r="3"></row>]]>', ["row 1"]),
        (f'<row r="1"></row>\n<row r="2">{_CELL * 3000}</row>\n<row r="3"></row>', ["row 1", "row 2", "plain 3"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [50, 100_000])
def test_the_parser_is_asked_where_it_stands_in_the_middle_of_something(rows: str, course: list[str], size: int) -> None:
    told = Told()
    reader, content = PlainRows(told), f"<sheetData>{rows}</sheetData>".encode()
    for begin in range(0, len(content), size):
        reader.feed(content[begin : begin + size])
    reader.finish()
    assert told.course == ["sheetData", *course]


@pytest.mark.parametrize(("encoding", "plain"), [("utf-8", True), ("UTF-8", True), ("iso-8859-1", False)])
def test_another_encoding_is_the_parsers(encoding: str, plain: bool) -> None:
    told = Told()
    reader = PlainRows(told)
    content = f'<?xml version="1.0" encoding="{encoding}"?><sheetData><row r="1"></row><row r="2"></row></sheetData>'
    reader.feed(content.encode())
    reader.finish()
    assert ("plain 2" in told.course) is plain
