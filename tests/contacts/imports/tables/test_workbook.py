"""Workbooks of other programs: what Excel opens without a word is read, and what is no value is not taken for one."""

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from contacts.imports.tables.sheet import lines
from contacts.imports.tables.table import BROKEN, UNCALCULATED, Cell, Line, UnreadableFile
from tests.support.tables import written

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
OFFICE_STRICT = "http://purl.oclc.org/ooxml/officeDocument/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
STYLES = (
    '<numFmts count="1"><numFmt numFmtId="164" formatCode="00000"/></numFmts>'
    '<cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="14"/></cellXfs>'
)
KIM = [Line(1, ["이름"]), Line(2, ["홍길동"])]
ROWS = '<row r="1"><c r="A1" t="s"><v>0</v></c></row><row r="2"><c r="A2" t="s"><v>1</v></c></row>'


def parts(rows: str = ROWS, styles: str = STYLES, main: str = MAIN, office: str = OFFICE, book: str = "") -> dict[str, str]:
    """The parts of a workbook, smaller than any program writes it."""

    def relations(*targets: tuple[str, str, str]) -> str:
        each = "".join(f'<Relationship Id="{id_}" Type="{office}/{kind}" Target="{part}"/>' for id_, kind, part in targets)
        return f'<Relationships xmlns="{PACKAGE}/relationships">{each}</Relationships>'

    sheets = '<sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets>'
    return {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"/>',
        "_rels/.rels": relations(("a", "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}">{book}{sheets}</workbook>',
        "xl/_rels/workbook.xml.rels": relations(
            ("r1", "worksheet", "worksheets/sheet1.xml"),
            ("r2", "sharedStrings", "sharedStrings.xml"),
            ("r3", "styles", "styles.xml"),
        ),
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>',
        "xl/sharedStrings.xml": f'<sst xmlns="{main}"><si><t>이름</t></si><si><t>홍길동</t></si></sst>',
        "xl/styles.xml": f'<styleSheet xmlns="{main}">{styles}</styleSheet>',
    }


def zipped(contents: Mapping[str, str] | Mapping[str, bytes], rename: Callable[[str], str] = str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(rename(name), content)
    return out.getvalue()


def read(folder: Path, content: bytes) -> list[Line]:
    return list(lines(written(folder, content), folder / "spool"))


def cells(folder: Path, rows: str, **more: str) -> list[list[Cell]]:
    return [list(line.cells) for line in read(folder, zipped(parts(rows, **more)))]


@pytest.mark.parametrize("rename", [
    str, str.upper, str.title, lambda name: name.replace("/", "\\"), lambda name: f"/{name}",
    lambda name: f"\\{name.upper()}".replace("/", "\\"),
])  # fmt: skip
def test_a_part_is_found_however_it_is_spelled(tmp_path: Path, rename: Callable[[str], str]) -> None:
    assert read(tmp_path, zipped(parts(), rename)) == KIM


@pytest.mark.parametrize("target", [
    "/xl/worksheets/sheet1.xml", "./worksheets/../worksheets/sheet1.xml", "worksheets\\sheet1.xml", "../XL/Worksheets/Sheet1.xml",
    "worksheets/sheet%31.xml",
])  # fmt: skip
def test_a_relationship_leads_to_its_part_however_it_is_written(tmp_path: Path, target: str) -> None:
    contents = {name: part.replace("worksheets/sheet1.xml", target) for name, part in parts().items()}
    assert read(tmp_path, zipped(contents)) == KIM


def test_a_workbook_elsewhere_in_the_package_is_found(tmp_path: Path) -> None:
    contents = {name.replace("xl/", "data/book/"): part.replace("xl/", "data/book/") for name, part in parts().items()}
    assert read(tmp_path, zipped(contents)) == KIM


@pytest.mark.parametrize("left_out", ["[Content_Types].xml", "_rels/.rels", "xl/styles.xml"])
def test_a_part_that_cells_do_not_need_may_be_left_out(tmp_path: Path, left_out: str) -> None:
    contents = parts()
    del contents[left_out]
    assert read(tmp_path, zipped(contents)) == KIM


@pytest.mark.parametrize("prefix", ["", "x:"])
def test_the_strict_form_is_read_as_the_transitional_one(tmp_path: Path, prefix: str) -> None:
    contents = parts(main=STRICT, office=OFFICE_STRICT)
    if prefix:
        body = contents["xl/worksheets/sheet1.xml"].replace("<", "<x:").replace("<x:/", "</x:").replace("xmlns=", "xmlns:x=")
        contents["xl/worksheets/sheet1.xml"] = body
    assert read(tmp_path, zipped(contents)) == KIM


@pytest.mark.parametrize(("value", "text"), [
    ("2026-11-24", "2026-11-24 00:00:00"), ("2026-11-24T09:30:00.000", "2026-11-24 09:30:00"),
    ("2026-11-24T00:30:00Z", "2026-11-24T00:30:00Z"),
    ("09:30:00", "09:30:00"), ("PT36H", "PT36H"),
])  # fmt: skip
def test_the_strict_forms_days_are_days(tmp_path: Path, value: str, text: str) -> None:
    [[cell]] = cells(tmp_path, f'<row><c t="d"><v>{value}</v></c></row>', main=STRICT, office=OFFICE_STRICT)
    assert str(cell) == text


ODD = [
    "<fonts><font><family val='34'/><color rgb='#FF0000'/><sz val='big'/></font></fonts>",
    "<fills><fill/><fill><patternFill patternType='odd'/></fill></fills>",
    "<borders count='-1'><border><left style='wavy'/></border></borders>",
    "<dxfs><dxf><numFmt numFmtId='164' formatCode='yyyy'/></dxf></dxfs>",
    "<cellStyleXfs><xf numFmtId='14'/></cellStyleXfs>",
    "<numFmts><numFmt/><numFmt numFmtId='x' formatCode='0'/><numFmt numFmtId='165'/></numFmts>",
    "<extLst><ext uri='x'><x14:odd xmlns:x14='u'/></ext></extLst>",
    "<unknown><numFmt numFmtId='164' formatCode='yyyy'/></unknown>",
]  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
def test_styles_are_read_for_their_number_formats_alone(tmp_path: Path, odd: str) -> None:
    found = cells(tmp_path, '<row><c s="1"><v>42</v></c><c s="2"><v>46350</v></c><c><v>7</v></c></row>', styles=f"{odd}{STYLES}")
    assert [[str(getattr(cell, "text", cell)) for cell in line] for line in found] == [["00042", "2026-11-24 00:00:00", "7"]]


@pytest.mark.parametrize(
    "book",
    [
        "<bookViews><workbookView activeTab='99'/></bookViews>",
        "<calcPr calcId='odd'/>",
        "<definedNames><definedName/></definedNames>",
    ],
)
def test_window_and_calculation_settings_do_not_matter(tmp_path: Path, book: str) -> None:
    assert read(tmp_path, zipped(parts(book=book))) == KIM


@pytest.mark.parametrize("style", ["99", "-1", "x", ""])
def test_a_style_that_is_not_there_is_general(tmp_path: Path, style: str) -> None:
    assert cells(tmp_path, f'<row><c s="{style}"><v>46350</v></c></row>') == [[46350]]


@pytest.mark.parametrize("cell", [
    "<c><f>A2</f></c>", "<c><f>A2</f><v/></c>", "<c><f>A2</f><v></v></c>", "<c><f>A2</f><v> </v></c>", '<c t="n"><f/></c>',
    '<c t="b"><f>A2</f></c>',
    '<c t="s"><f>A2</f></c>', '<c><f t="shared" ref="A1:A2" si="0">B1</f></c>', '<c><f t="shared" si="0"/></c>',
    '<c><f t="array" ref="A1">B1</f></c>',
    '<c><f t="dataTable" ref="A1"/></c>', "<c><f>A2</f><v>0.0</v></c>",
])  # fmt: skip
def test_a_formula_without_a_value_was_never_calculated(tmp_path: Path, cell: str) -> None:
    assert cells(tmp_path, f"<row>{cell}</row>") == [[UNCALCULATED]]


def test_a_formula_that_failed_is_broken(tmp_path: Path) -> None:
    assert cells(tmp_path, '<row><c t="e"><f>1/0</f><v>#DIV/0!</v></c></row>') == [[BROKEN]]


@pytest.mark.parametrize(("cell", "value"), [
    ('<c t="str"><f>""</f><v></v></c>', None), ('<c t="str"><f>""</f></c>', None), ('<c t="str"><f>A2</f><v>홍</v></c>', "홍"),
    ("<c><f>1+1</f><v>2</v></c>", 2),
    ("<c><f>1-1</f><v>0</v></c>", 0), ('<c t="b"><f>TRUE()</f><v>1</v></c>', True), ("<c><v/></c>", None), ("<c/>", None),
])  # fmt: skip
def test_a_formula_stands_for_its_value_an_empty_text_too(tmp_path: Path, cell: str, value: Cell) -> None:
    assert cells(tmp_path, f"<row>{cell}<c><v>1</v></c></row>") == [[value, 1]]


def test_a_nought_is_no_value_where_the_writer_left_the_calculating_to_others(tmp_path: Path) -> None:
    row = '<row><c><f>A2&amp;"님"</f><v>0</v></c><c><f>1+1</f><v>2</v></c><c><v>0</v></c></row>'
    assert cells(tmp_path, row, book='<calcPr fullCalcOnLoad="1"/>') == [[UNCALCULATED, 2, 0]]


def test_all_cells_of_an_array_that_was_never_calculated_are_broken(tmp_path: Path) -> None:
    rows = (
        '<row r="1"><c r="A1"><v>1</v></c><c r="B1"><f t="array" ref="B1:C2">X1</f></c></row>'
        '<row r="2"><c r="A2"><v>2</v></c></row><row r="3"><c r="A3"><v>3</v></c></row>'
    )
    assert cells(tmp_path, rows) == [[1, UNCALCULATED, UNCALCULATED], [2, UNCALCULATED, UNCALCULATED], [3]]


def test_a_text_guarded_by_a_formula_is_taken_out_of_it(tmp_path: Path) -> None:
    row = '<row><c t="inlineStr"><is><t>="02134"</t></is></c><c t="str"><v>="a"</v></c></row>'
    assert cells(tmp_path, row) == [["02134", "a"]]


@pytest.mark.parametrize(("name", "body"), [
    ("xl/workbook.xml", '<!DOCTYPE x [<!ENTITY a "b">]><workbook/>'),
    ("xl/styles.xml", '<!DOCTYPE x [<!ENTITY a "b">]><styleSheet/>'),
    ("xl/sharedStrings.xml", '<!DOCTYPE x [<!ENTITY a "b">]><sst/>'),
    ("xl/worksheets/sheet1.xml", '<!DOCTYPE x SYSTEM "file:///etc/passwd"><worksheet/>'),
    ("xl/_rels/workbook.xml.rels", "<!DOCTYPE x><Relationships/>"), ("xl/worksheets/sheet1.xml", "<worksheet><sheetData><row>"),
    ("xl/worksheets/sheet1.xml", "<html/>"), ("xl/workbook.xml", "<workbook><sheets"),
    ("xl/styles.xml", "<styleSheet><cellXfs>"),
])  # fmt: skip
def test_entities_and_damage_are_refused_in_every_part(tmp_path: Path, name: str, body: str) -> None:
    with pytest.raises(UnreadableFile):
        read(tmp_path, zipped({**parts(), name: body}))


@pytest.mark.parametrize(("name", "body"), [
    ("xl/worksheets/sheet1.xml", f'<worksheet><sheetData><row x="{"y" * 3_000_000}"/></sheetData></worksheet>'),
    ("xl/styles.xml", f"<styleSheet><cellXfs>{'<xf/>' * 300_000}</cellXfs></styleSheet>"),
    ("xl/styles.xml", "<styleSheet>" + "<a>" * 1000),
    ("xl/worksheets/sheet1.xml", "<worksheet><sheetData>" + "<row><c><f t='array' ref='A1:B5000'/></c></row>" * 1001),
])  # fmt: skip
def test_what_would_fill_the_memory_is_refused(tmp_path: Path, name: str, body: str) -> None:
    with pytest.raises(UnreadableFile) as refused:
        read(tmp_path, zipped({**parts(), name: body}))
    assert refused.value.code == "workbookTooLarge"


@pytest.mark.parametrize("numbers", [("1", "1"), ("2", "1"), ("0",), ("1e300",), ("-1",), ("1.0",), ("1048577",), ("",), ("²",)])
def test_rows_whose_numbers_do_not_rise_are_no_workbook(tmp_path: Path, numbers: tuple[str, ...]) -> None:
    rows = "".join(f'<row r="{number}"><c t="s"><v>0</v></c></row>' for number in numbers)
    with pytest.raises(UnreadableFile) as refusal:
        read(tmp_path, zipped(parts(rows)))
    assert refusal.value.code == "unreadableWorkbook"


def test_rows_may_leave_their_numbers_and_others_out(tmp_path: Path) -> None:
    rows = '<row><c t="s"><v>0</v></c></row><row r="1048575"><c t="s"><v>1</v></c></row><row><c t="s"><v>1</v></c></row>'
    assert [line.number for line in read(tmp_path, zipped(parts(rows)))] == [1, 1_048_575, 1_048_576]


@pytest.mark.parametrize("code", ["0." + "0" * 450, "0" + "%" * 220])
def test_a_number_format_that_no_number_can_be_shown_in_is_told_as_damage(tmp_path: Path, code: str) -> None:
    styles = f'<numFmts count="1"><numFmt numFmtId="164" formatCode="{code}"/></numFmts><cellXfs><xf numFmtId="164"/></cellXfs>'
    with pytest.raises(UnreadableFile) as refusal:
        for line in read(tmp_path, zipped(parts('<row r="1"><c r="A1" s="0"><v>1.5</v></c></row>', styles))):
            assert line.cells
    assert refusal.value.code == "unreadableWorkbook"
