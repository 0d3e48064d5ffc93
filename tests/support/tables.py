"""Files of tables as customers send them: text in every encoding, workbooks plain and with a password."""

import csv
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from msoffcrypto.format.ooxml import OOXMLFile
from openpyxl import Workbook

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'

ENCODINGS = {
    "utf-8": ("utf-8", b""),
    "utf-8 with its mark": ("utf-8", b"\xef\xbb\xbf"),
    "utf-16 little-endian": ("utf-16-le", b"\xff\xfe"),
    "utf-16 big-endian": ("utf-16-be", b"\xfe\xff"),
    "cp949": ("cp949", b""),
}


def text(rows: Sequence[Sequence[object]], encoding: str = "utf-8", delimiter: str = ",", line_end: str = "\r\n") -> bytes:
    """Rows as a text file; `encoding` is one of ENCODINGS."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows(rows)
    name, mark = ENCODINGS[encoding]
    return mark + out.getvalue().encode(name)


def workbook(rows: Sequence[Sequence[Any]]) -> bytes:
    """Rows as a workbook of one sheet."""
    book = Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def with_part(content: bytes, part: str, body: bytes) -> bytes:
    """The workbook with one part's content replaced, or added."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after:
        for name in dict.fromkeys([*before.namelist(), part]):
            after.writestr(name, body if name == part else before.read(name))
    return out.getvalue()


def sheet(rows: str) -> bytes:
    """A workbook whose sheet's rows are this XML."""
    body = f"<worksheet {MAIN}><sheetData>{rows}</sheetData></worksheet>"
    return with_part(workbook([["a"]]), "xl/worksheets/sheet1.xml", body.encode())


def with_strings(content: bytes, items: str) -> bytes:
    """The workbook with a table of texts, whose items are this XML."""
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        types = package.read("[Content_Types].xml")
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    override = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}"/></Types>'
    typed = with_part(content, "[Content_Types].xml", types.replace(b"</Types>", override.encode()))
    return with_part(typed, "xl/sharedStrings.xml", f"<sst {MAIN}>{items}</sst>".encode())


def shared(rows: Sequence[Sequence[str]]) -> bytes:
    """Rows of texts as a workbook that keeps each text once, beside the sheet, as Excel does."""
    texts = {text: number for number, text in enumerate(dict.fromkeys(text for row in rows for text in row))}
    cells = ["".join(f'<c t="s"><v>{texts[text]}</v></c>' for text in row) for row in rows]
    return with_strings(
        sheet("".join(f"<row>{row}</row>" for row in cells)), "".join(f"<si><t>{escape(text)}</t></si>" for text in texts)
    )


def locked(plain: bytes, password: str) -> bytes:
    """A workbook with a password."""
    out = io.BytesIO()
    OOXMLFile(io.BytesIO(plain)).encrypt(password, out)
    return out.getvalue()


def written(folder: Path, content: bytes) -> Path:
    """The content as a file."""
    path = folder / "table"
    path.write_bytes(content)
    return path
