"""Split terms: a pasted text becomes terms, and each the form in which its field's values are compared."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeAlias

from common.errors import Unprocessable
from common.filters.text import WHITE_SPACE, fold, is_blank, is_email
from common.filters.tree import FieldType
from common.phone import UnreadablePhone, read_phone

MOST_TERMS = 1_000_000
_MOST_TEXT = 10_000

Status: TypeAlias = Literal["found", "notFound", "ambiguous", "duplicate", "unreadable"]
STATUSES: tuple[Status, ...] = ("found", "notFound", "ambiguous", "duplicate", "unreadable")

Normalise: TypeAlias = Callable[[Sequence[str]], list[str | None]]
"""Terms as the field's values are compared; None for one that no value can be."""

SPLITTABLE = frozenset({FieldType.STRING, FieldType.EMAIL, FieldType.PHONE, FieldType.LIST})
"""The types whose values are texts."""

_APART = re.escape(WHITE_SPACE) + ",\uff0c"
# A quoted term ends at a quote with a separator or nothing behind it; in it a quote is written twice. A quote that none ends is
# a character like any other.
_TERM = re.compile(rf'"([^"]*+(?:""[^"]*+)*+)"(?=[{_APART}]|\Z)|([^{_APART}]+)')
_UNQUOTED = re.compile(f"[^{_APART}]+")
_SEPARATOR = re.compile(f"[{_APART}]")
_PIECE = 256 * 1024  # characters; the terms of one are held at once


def split(text: str) -> Iterator[str]:
    """The terms of a text, as they are written, the empty ones left out."""
    if '"' not in text:
        begin = 0
        while begin < len(text):
            separator = _SEPARATOR.search(text, begin + _PIECE)
            end = len(text) if separator is None else separator.end()
            yield from _UNQUOTED.findall(text, begin, end)
            begin = end
        return
    for match in _TERM.finditer(text):
        quoted = match[1]
        term = match[2] if quoted is None else quoted.replace('""', '"')
        if not is_blank(term):
            yield term


_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def decoded(data: bytes) -> str:
    """The text of a file: by its byte order mark, else UTF-8, else as Korean Excel writes CSV. Raises Unprocessable."""
    marked = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)
    for encoding in (marked,) if marked else ("utf-8", "cp949"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Unprocessable("This file is no text. Save it as CSV (UTF-8) and send that.", code="unreadableFile", pointer="/file")


def normaliser(kind: FieldType, country: str) -> Normalise:
    """How the terms of a field of this type are read."""

    def phone(term: str) -> str | None:
        try:
            return read_phone(term, country)
        except UnreadablePhone:
            return None

    def phones(terms: Sequence[str]) -> list[str | None]:
        return [phone(term) for term in terms]

    def texts(terms: Sequence[str]) -> list[str | None]:
        return [fold(term) if len(term) <= _MOST_TEXT else None for term in terms]

    def emails(terms: Sequence[str]) -> list[str | None]:
        return [fold(term) if is_email(term.strip(WHITE_SPACE)) else None for term in terms]

    match kind:
        case FieldType.PHONE:
            return phones
        case FieldType.EMAIL:
            return emails
        case _:
            return texts
