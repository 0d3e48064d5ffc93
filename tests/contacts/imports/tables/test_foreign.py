"""Files that are no tables are named, with what to do; what only looks like one at first is a table."""

import io
import zipfile
from pathlib import Path

import pytest

from contacts.imports.source import source_of
from contacts.imports.tables.foreign import refuse_foreign
from contacts.imports.tables.table import UnreadableFile
from tests.support.tables import written

SPREADSHEETML = '<?xml version="1.0"?>\n<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">\n<Worksheet/></Workbook>'


def archive(*entries: tuple[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        for name, content in entries:
            package.writestr(name, content)
    return out.getvalue()


FOREIGN: list[tuple[bytes, str]] = [
    (SPREADSHEETML.encode(), "SpreadsheetML"), (SPREADSHEETML.encode("utf-16"), "SpreadsheetML"),
    (SPREADSHEETML.partition("\n")[2].encode(), "SpreadsheetML"), (f"\ufeff\r\n{SPREADSHEETML}".encode(), "SpreadsheetML"),
    (b"<html xmlns:x='urn:schemas-microsoft-com:office:excel'>\n<table>", "HTML"), (b"<!DOCTYPE html>\n<p>a", "HTML"),
    ("  <table border=1>\n<tr><td>이름</td></tr>".encode("cp949"), "HTML"), (b"<meta charset=utf-8>\n<table>", "HTML"),
    (b"<style>td{}</style>", "HTML"),
    (b'<?xml version="1.0"?><!DOCTYPE html><html>', "HTML"), (b"<!-- x -->\n<table>", "HTML"),
    (b"<?xml version='1.0'?>\n<people/>", "XML"),
    (b"<people>\n<person>", "XML"), (b"<people>\n", "XML"),
    (b'<office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns">', "OpenDocument"),
    (b"MIME-Version: 1.0\r\nContent-Type: multipart/related", "MHT"),
    (b"From: <Saved by Blink>\r\nSubject: a\r\n b\r\nMIME-Version: 1.0\r\n", "MHT"),
    (b"{\\rtf1\\ansi x", "RTF"), (b"%PDF-1.7\n", "PDF"), (b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Kim\r\n", "vCard"),
    (b"BEGIN:VCALENDAR\n", "iCalendar"),
    (b'{"contacts": []}', "JSON"), (b'[\n {"name": "a"}]', "JSON"), (b'[["a","b"]]', "JSON"),
    (b"version: 1\n\ndn: cn=a\n", "LDIF"),
    (b"ID;PWXL;N;E\r\nP;PGeneral\r\n", "SYLK"), (b"TABLE\r\n0,1\r\n\"EXCEL\"", "DIF"), (b"\x89PNG\r\n\x1a\n\0", "PNG"),
    (b"\xff\xd8\xff\xe0\0\x10JFIF", "JPEG"),
    (b"GIF89a\x01", "GIF"), (b"RIFF\0\0\0\0WEBPVP8 ", "WebP"), (b"\0\0\0\x18ftypheic", "picture"), (b"\x1f\x8b\x08\0", "gzip"),
    (b"SQLite format 3\0", "SQLite"), (b"Rar!\x1a\x07\x01\0", "RAR"), (b"\t\x08\x10\0\0\x06\x05\0", ".xls"),
    (archive(("mimetype", "application/vnd.oasis.opendocument.spreadsheet"), ("content.xml", "<x/>")), ".ods"),
    (archive(("mimetype", "application/vnd.oasis.opendocument.text"), ("content.xml", "<x/>")), "OpenDocument"),
    (archive(("mimetype", "application/hwp+zip"), ("Contents/content.hpf", "")), "HWPX"),
    (archive(("Index/Document.iwa", "")), "Numbers"),
    (archive(("[Content_Types].xml", "<x/>"), ("word/document.xml", "<x/>")), ".docx"),
    (archive(("ppt/presentation.xml", "<x/>")), ".pptx"),
    (archive(("[Content_Types].xml", "<x/>"), ("xl/workbook.bin", "")), ".xlsb"), (archive(("customers.csv", "a,b")), "ZIP"),
    (archive(), "ZIP"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "what"), FOREIGN)
def test_a_file_that_is_no_table_is_named(tmp_path: Path, content: bytes, what: str) -> None:
    with pytest.raises(UnreadableFile) as refused:
        source_of(written(tmp_path, content), None, tmp_path / "plain").head(tmp_path / "spool")
    assert (refused.value.code, refused.value.pointer) == ("unsupportedFormat", "/file")
    assert what in refused.value.detail


@pytest.mark.parametrize("content", [
    "<이름>,<전화>\n홍길동,1", "<name>,<phone>\na,1", "<3 고객,등급", "[이름],[전화]", "{이름},{전화}", "ID;Phone;Name\n1;2;3",
    "table,0\n1,2", "from,subject\na,b",
    "date:,name\n", "%,이름", "GIF,이름", "BEGIN,END", "\\rtf,a", "version,dn\n1,2", "이름: 홍길동\n", "html,body\n1,2",
])  # fmt: skip
def test_a_table_whose_headings_look_odd_is_a_table(content: str) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp949"):
        refuse_foreign(content.encode(encoding))
