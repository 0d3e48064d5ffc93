"""Files that are no tables, named by what they begin with: whatever decodes as text would be taken for one otherwise."""

import codecs
import re
from collections.abc import Iterable

from contacts.imports.tables.table import UnreadableFile

HEAD = 4096
"""How many of a file's first bytes are looked at."""

_SAVE_AS = "Open it in the program that made it, save it as .xlsx or as CSV in UTF-8, and send that."
_OPEN_IN_SHEET = "Open it in a spreadsheet program, save it as .xlsx, and send that."
_UNPACK = "Unpack it and send the table that is in it, as .xlsx or CSV."
_FROM_ADDRESSES = "Export the contacts from your address book as CSV and send that."
_MAKE_TABLE = "Make a table of it, one customer to a row, and send that as .xlsx or CSV."

_BINARY: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF-", "a PDF document", _SAVE_AS),
    (b"\x89PNG\r\n", "a picture (PNG)", _MAKE_TABLE),
    (b"\xff\xd8\xff", "a picture (JPEG)", _MAKE_TABLE),
    (b"GIF87a", "a picture (GIF)", _MAKE_TABLE),
    (b"GIF89a", "a picture (GIF)", _MAKE_TABLE),
    (b"II*\0", "a picture (TIFF)", _MAKE_TABLE),
    (b"MM\0*", "a picture (TIFF)", _MAKE_TABLE),
    (b"\x1f\x8b", "an archive (gzip)", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "an archive (7z)", _UNPACK),
    (b"Rar!\x1a\x07", "an archive (RAR)", _UNPACK),
    (b"BZh", "an archive (bzip2)", _UNPACK),
    (b"\xfd7zXZ\0", "an archive (xz)", _UNPACK),
    (b"EGGA", "an archive (EGG)", _UNPACK),
    (b"ALZ\x01", "an archive (ALZip)", _UNPACK),
    (b"SQLite format 3\0", "a database (SQLite)", _SAVE_AS),
    (b"\x00\x01\x00\x00Standard", "a database (Access)", _SAVE_AS),
    (b"PAR1", "a Parquet file", _SAVE_AS),
    (b"HWP Document File", "a Hangul document (HWP)", _SAVE_AS),
    (b"\t\x08\x10\0", "a workbook in the old .xls format", _OPEN_IN_SHEET),
    (b"\t\x04\x06\0", "a workbook in the old .xls format", _OPEN_IN_SHEET),
    (b"\t\x02\x06\0", "a workbook in the old .xls format", _OPEN_IN_SHEET),
)
_TAGS = "html|head|body|table|meta|style|script|div|span|tr|td|th|thead|tbody|title|link|font|center|p|br|ul|h[1-6]"
_HTML = re.compile(rf"<!doctype\s+html|<(?:{_TAGS})[\s/>]")
_MARKUP = re.compile(r"<\?xml|<!doctype|<!--|<[a-z][\w:.-]*(?:\s[^<>]*)?/?>\s*(?:<|\Z)|<[a-z][\w:.-]*\s+xmlns[:=]")
_MAIL = re.compile(r"(?:[a-z][a-z0-9-]*:[^\n]*\n(?:[ \t][^\n]*\n)*)*?mime-version:")
_JSON = re.compile(r'\{\s*"|\[\s*[\[{"]|\{\s*\}|\[\s*\]')
_SYLK = re.compile(r"id;p[^;\n]*(?:;[ne])*\n[a-z];")
_DIF = re.compile(r"table\n0,1\n")
_RTF, _VCARD, _CALENDAR, _LDIF = "{\\rtf", "begin:vcard", "begin:vcalendar", re.compile(r"(?:version:\s*1\s+)?dn:\s")


def refuse_foreign(head: bytes) -> None:
    """Raises UnreadableFile where these first bytes of a file are those of something else than a table."""
    for begin, what, advice in _BINARY:
        if head.startswith(begin):
            raise foreign(what, advice)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        raise foreign("a picture (WebP)", _MAKE_TABLE)
    if head[4:8] == b"ftyp":
        raise foreign("a picture or a film", _MAKE_TABLE)
    named = _named(_text(head).lstrip("\ufeff \t\n"))
    if named is not None:
        raise foreign(*named)


def _text(head: bytes) -> str:
    """The beginning as text in small letters, for which the marks of ASCII are enough."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = head.decode("utf-16", "ignore")
    else:
        text = head.removeprefix(codecs.BOM_UTF8).decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n").lower()


def _named(text: str) -> tuple[str, str] | None:
    if text.startswith("<"):
        return _markup(text)
    if text.startswith(_RTF):
        return "a document (RTF)", _MAKE_TABLE
    if text.startswith(_VCARD):
        return "a file of business cards (vCard)", _FROM_ADDRESSES
    if text.startswith(_CALENDAR):
        return "a calendar (iCalendar)", _MAKE_TABLE
    if _LDIF.match(text):
        return "an address book (LDIF)", _FROM_ADDRESSES
    if _MAIL.match(text):
        return "a saved web page or mail (MHT, EML)", _OPEN_IN_SHEET
    if _JSON.match(text):
        return "JSON", "Send it to the API, in batches of contacts, or make a table of it."
    if _SYLK.match(text) or _DIF.match(text):
        return "a sheet in an old format (SYLK, DIF)", _OPEN_IN_SHEET
    return None


def _markup(text: str) -> tuple[str, str] | None:
    if "urn:schemas-microsoft-com:office:spreadsheet" in text and not _HTML.match(text):
        return "a workbook in Excel's XML format of 2003 (SpreadsheetML)", _OPEN_IN_SHEET
    if "urn:oasis:names:tc:opendocument" in text:
        return "an OpenDocument file", _OPEN_IN_SHEET
    if _HTML.match(text) or (_MARKUP.match(text) and _HTML.search(text)):
        return "a web page (HTML), whatever its name ends with", _OPEN_IN_SHEET
    return ("an XML file", _SAVE_AS) if _MARKUP.match(text) else None


def refuse_archive(names: Iterable[str], kind: str) -> UnreadableFile:
    """The refusal of a ZIP that is no workbook, by its entries' names in small letters and what its `mimetype` says."""
    names = set(names)
    if "opendocument.spreadsheet" in kind:
        return foreign("a workbook in the OpenDocument format (.ods)", _OPEN_IN_SHEET)
    if "opendocument" in kind:
        return foreign("an OpenDocument file", _MAKE_TABLE)
    if "hwp" in kind or "contents/content.hpf" in names:
        return foreign("a Hangul document (HWPX)", _MAKE_TABLE)
    if "epub" in kind:
        return foreign("a book (EPUB)", _MAKE_TABLE)
    if "xl/workbook.bin" in names:
        return foreign("a workbook in the binary format (.xlsb)", _OPEN_IN_SHEET)
    if any(name.startswith("word/") for name in names):
        return foreign("a Word document (.docx)", _MAKE_TABLE)
    if any(name.startswith("ppt/") for name in names):
        return foreign("a presentation (.pptx)", _MAKE_TABLE)
    if any((name.startswith("index/") and name.endswith(".iwa")) or name == "index.zip" for name in names):
        return foreign("a Numbers, Pages or Keynote document", "Export it as .xlsx or CSV and send that.")
    return foreign("an archive (ZIP) of other files", _UNPACK)


_STREAMS: tuple[tuple[str, str, str], ...] = (
    ("Workbook", "a workbook in the old .xls format", _OPEN_IN_SHEET),
    ("Book", "a workbook in the old .xls format", _OPEN_IN_SHEET),
    ("WordDocument", "a Word document (.doc)", _MAKE_TABLE),
    ("PowerPoint Document", "a presentation (.ppt)", _MAKE_TABLE),
    ("\x05HwpSummaryInformation", "a Hangul document (HWP)", _MAKE_TABLE),
    ("__properties_version1.0", "a mail (Outlook .msg)", "Save the table that is attached to it and send that."),
)


def refuse_compound(streams: Iterable[str]) -> UnreadableFile | None:
    """The refusal of a compound file that is no locked workbook, by its streams' names; None where they say nothing."""
    names = {name.casefold() for name in streams}
    return next((foreign(what, advice) for stream, what, advice in _STREAMS if stream.casefold() in names), None)


def foreign(what: str, advice: str) -> UnreadableFile:
    """The refusal of a file that is something else."""
    detail = f"This is {what}, which cannot be read as a table. {advice}"
    return UnreadableFile(detail, code="unsupportedFormat", extra={"format": what})
