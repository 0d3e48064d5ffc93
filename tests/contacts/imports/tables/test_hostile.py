"""Workbooks that are made to fill the memory or the time of whoever reads them: refused before they do, by what they are."""

import io
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from contacts.imports.tables.sheet import lines
from contacts.imports.tables.strings import SharedStrings
from contacts.imports.tables.table import UnreadableFile
from contacts.imports.tables.unlock import unlock
from tests.contacts.imports.tables.test_workbook import MAIN, PACKAGE, parts, read, zipped
from tests.support.tables import locked, workbook, written

MIB = 1024 * 1024


@contextmanager
def within(memory: int, seconds: float = 10) -> Iterator[None]:
    """What is done takes no more than so many bytes and so much of the processor's time."""
    tracemalloc.start()
    begun = time.process_time()
    try:
        yield
        peak, spent = tracemalloc.get_traced_memory()[1], time.process_time() - begun
    finally:
        tracemalloc.stop()
    assert peak < memory, f"{peak / MIB:.1f} MiB"
    assert spent < seconds, f"{spent:.1f} s"


def refused(folder: Path, content: bytes, memory: int = 24 * MIB) -> str:
    """The code with which a workbook is refused."""
    path = written(folder, content)
    with within(memory), pytest.raises(UnreadableFile) as refusal:
        for line in lines(path, folder / "spool"):
            assert line.number
    return refusal.value.code


@pytest.mark.parametrize("entries", [4001, 300_000])
def test_an_archive_of_too_many_parts_is_refused_before_their_list_is_read(tmp_path: Path, entries: int) -> None:
    part = struct.pack("<4s4B4HL2L5H2L", b"PK\x01\x02", 20, 3, 20, 0, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"x"
    whole = zipped(parts())
    listed = part * entries
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, len(listed), len(whole), 0)
    assert refused(tmp_path, whole + listed + end) == "workbookTooLarge"


def test_an_archive_with_a_long_list_that_is_told_in_its_larger_form_is_refused_too(tmp_path: Path) -> None:
    whole, size = zipped(parts()), 3 * MIB
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 9, 9, size, len(whole))
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(whole) + size, 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    assert refused(tmp_path, whole + bytes(size) + end64 + locator + end) == "workbookTooLarge"


@pytest.mark.parametrize("packing", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_packing_that_no_workbook_has_is_told_as_damage(tmp_path: Path, packing: int) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packing) as archive:
        for name, content in parts().items():
            archive.writestr(name, content)
    assert refused(tmp_path, out.getvalue()) == "unreadableWorkbook"


def relations(count: int) -> str:
    each = "".join(f'<Relationship Id="r{n}" Type="t/worksheet" Target="{n}"/>' for n in range(count))
    return f'<Relationships xmlns="{PACKAGE}/relationships">{each}</Relationships>'


SHEETS = "<sheets>" + "".join(f'<sheet name="{n}" r:id="r{n}"/>' for n in range(10_001)) + "</sheets>"
OPEN = "<worksheet><sheetData>"
LAST_TEXT = '<row><c t="s"><v>199999</v></c></row>'


@pytest.mark.parametrize(("name", "body"), [
    ("_rels/.rels", relations(200_000)), ("xl/_rels/workbook.xml.rels", relations(10_001)),
    ("xl/workbook.xml", f'<workbook xmlns="{MAIN}" xmlns:r="x">{SHEETS}</workbook>'),
    ("xl/worksheets/sheet1.xml", OPEN + "<!-- " + "<" * 3_000_000),
    ("xl/worksheets/sheet1.xml", OPEN + "<?x " + "<" * 3_000_000),
    ("xl/worksheets/sheet1.xml", (OPEN + f'<row x="{"㰼" * 900_000}"/>')),
    ("xl/worksheets/sheet1.xml", OPEN + "<a>" * 1_000_000), ("xl/sharedStrings.xml", "<sst>" + "<a>" * 1_000_000),
    ("xl/_rels/workbook.xml.rels", "<a>" * 1_000_000), ("xl/styles.xml", "<a>" * 1_000_000),
    ("xl/workbook.xml", "<a>" * 1_000_000),
    ("xl/worksheets/sheet1.xml", OPEN + "".join(f"<a{n}/>" for n in range(200_000))),
    ("xl/worksheets/sheet1.xml", OPEN + "".join(f'<a b{n}=""/>' for n in range(200_000))),
    ("xl/sharedStrings.xml", "<sst>" + "".join(f"<si><t{n}/></si>" for n in range(200_000))),
], ids=lambda value: value[-40:] if len(value) > 40 else value)  # fmt: skip
def test_what_a_part_makes_its_reader_keep_has_a_bound(tmp_path: Path, name: str, body: str) -> None:
    contents = {each: content.encode() for each, content in parts(LAST_TEXT).items()}
    contents[name] = body.encode("utf-16" if "㰼" in body else "utf-8")
    assert refused(tmp_path, zipped(contents)) == "workbookTooLarge"


def test_a_table_of_more_texts_than_any_sheet_has_is_refused(tmp_path: Path) -> None:
    def table(count: int) -> SharedStrings:
        return SharedStrings(io.BytesIO(b"<sst>" + b"<si/>" * count + b"</sst>"), tmp_path / "spool", most=1000)

    whole = table(1000)
    assert whole[999] == ""
    whole.close()
    too_long = table(1001)
    with pytest.raises(UnreadableFile) as refusal:
        too_long[1000]
    too_long.close()
    assert refusal.value.code == "workbookTooLarge"


def test_a_number_format_is_255_characters_long_at_most(tmp_path: Path) -> None:
    def styled(code: str, used: str = "164") -> bytes:
        styles = f'<numFmts><numFmt numFmtId="164" formatCode="{code}"/></numFmts><cellXfs><xf numFmtId="{used}"/></cellXfs>'
        return zipped(parts('<row><c s="0"><v>7</v></c></row>', styles))

    [line] = read(tmp_path, styled("0" * 255))
    assert [getattr(cell, "text", cell) for cell in line.cells] == ["7".zfill(255)]
    assert refused(tmp_path, styled("0" * 256)) == "unreadableWorkbook"
    assert refused(tmp_path, styled("0" * 1_000_000)) == "unreadableWorkbook"
    # What no cell can have does not matter.
    assert [line.cells for line in read(tmp_path, styled("0" * 256, "0"))] == [[7]]


def test_the_formats_of_styles_are_kept_no_longer_than_they_may_be(tmp_path: Path) -> None:
    each = "".join(f'<numFmt numFmtId="{n}" formatCode="{"0" * 5000}"/>' for n in range(200, 20_000))
    styles = f"<numFmts>{each}</numFmts><cellXfs><xf numFmtId='0'/></cellXfs>"
    path = written(tmp_path, zipped(parts('<row><c s="0"><v>7</v></c></row>', styles)))
    with within(24 * MIB):
        assert [line.cells for line in lines(path, tmp_path / "spool")] == [[7]]


@pytest.mark.parametrize("cell", ['<c t="str"><v>{}</v></c>', '<c t="s"><v>0</v></c>'])
def test_a_text_in_very_many_pieces_is_put_together_once(tmp_path: Path, cell: str) -> None:
    pieces = "1<x/>" * 1_000_000
    contents = parts(f"<row>{cell.format(pieces)}</row>")
    contents["xl/sharedStrings.xml"] = f"<sst><si><t>{pieces}</t></si></sst>"
    path = written(tmp_path, zipped(contents))
    begun = time.process_time()
    [line] = list(lines(path, tmp_path / "spool"))
    assert time.process_time() - begun < 8
    assert line.cells == ["1" * 1_000_000]


def test_arrays_over_whole_columns_are_refused_and_not_filled_for_ever(tmp_path: Path) -> None:
    formulas = "".join(f'<c><f t="array" ref="A1:SF1048576">X{n}</f></c>' for n in range(100))
    rows = "".join(f"<row>{formulas}</row>" for _ in range(10)) + "<row/>" * 400_000
    path = written(tmp_path, zipped(parts(rows)))
    begun = time.process_time()
    with pytest.raises(UnreadableFile) as refusal:
        for line in lines(path, tmp_path / "spool"):
            assert len(line.cells) == 500
    assert refusal.value.code == "workbookTooLarge"
    assert time.process_time() - begun < 20


LOCKED = locked(workbook([["a"]]), "pass-1!")
_SECTOR = 512
_FIRST_TABLE, _DIRECTORY_SECTOR = struct.unpack_from("<I", LOCKED, 76)[0], struct.unpack_from("<I", LOCKED, 48)[0]
_DIRECTORY = (_DIRECTORY_SECTOR + 1) * _SECTOR
_NEXT_OF_DIRECTORY = (_FIRST_TABLE + 1) * _SECTOR + 4 * _DIRECTORY_SECTOR
_INFO = LOCKED.index("EncryptionInfo\0".encode("utf-16-le"), _DIRECTORY)
_SIZE = 120
"""Where in an entry of the directory the length of its stream stands."""


@pytest.mark.parametrize("changes", [
    {_INFO + _SIZE: 64 * 1024 + 1}, {_DIRECTORY + _SIZE: 2 * MIB}, {64: 1 << 20}, {_NEXT_OF_DIRECTORY: _DIRECTORY_SECTOR},
    {44: 0x7FFFFFFF, 68: _DIRECTORY_SECTOR, 72: (0x7FFFFFFF - 109 + 126) // 127}, {30: 6 << 16 | 30}, {30: 6 << 16 | 8},
], ids=[
    "a long description", "long short streams", "a long table of short streams", "a list of streams without an end",
    "tables without an end", "long sectors", "short sectors",
])  # fmt: skip
def test_a_locked_workbook_that_says_what_no_program_writes_is_refused_unread(tmp_path: Path, changes: dict[int, int]) -> None:
    content = bytearray(LOCKED)
    for place, value in changes.items():
        struct.pack_into("<I", content, place, value)
    with within(8 * MIB, 2), pytest.raises(UnreadableFile) as refusal:
        unlock(written(tmp_path, bytes(content)), "pass-1!", tmp_path / "plain")
    assert refusal.value.code == "unreadableWorkbook"


def test_a_locked_workbook_is_opened_after_all_of_that_was_looked_at(tmp_path: Path) -> None:
    unlock(written(tmp_path, LOCKED), "pass-1!", tmp_path / "plain")
    assert zipfile.is_zipfile(tmp_path / "plain")
