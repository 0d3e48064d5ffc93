"""Split terms: a pasted text becomes terms, and each the form in which its field's values are compared."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from common.email_address import InvalidEmail, read_email
from common.errors import Unprocessable
from common.filters.text import WHITE_SPACE, as_kept, fold, is_blank
from common.filters.tree import FieldType
from common.korean import is_korean
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
_QUOTED = r'"([^"]*+(?:""[^"]*+)*+)"(?=[{apart}]|\Z)'
_PIECE = 256 * 1024  # characters; the terms of one are held at once


@dataclass(frozen=True, slots=True)
class _Way:
    """How a text falls apart: at a separator, and into terms where some are quoted."""

    separator: re.Pattern[str]
    unquoted: re.Pattern[str]
    term: re.Pattern[str]
    signs: str
    """Without any of these there are separators alone."""


def _way(apart: str, before: str, signs: str) -> _Way:
    quoted = _QUOTED.format(apart=apart)
    return _Way(re.compile(f"[{apart}]"), re.compile(f"[^{apart}]+"), re.compile(f"{before}{quoted}|([^{apart}]+)"), signs)


_TEXTS = _way(_APART, "", '"')
# Mail programs part recipients by semicolons too, and write names before addresses: a name and the brackets behind it are one
# term, in quotes or not.
_BRACKETS = r"<[^<>\s]{0,300}+>"
_NAME = r'(?:"[^"]{0,200}+"\s*|[^<>@"\n\t,;\uff0c\uff1b]{0,200}+)'
_ADDRESSES = _way(_APART + ";\uff1b", f"({_NAME}{_BRACKETS})|", '"<')


@dataclass(frozen=True, slots=True)
class Pasted:
    """A text that holds many terms."""

    text: str

    def terms(self, kind: FieldType) -> Iterator[str]:
        """Its terms for a field of this type. A byte order mark is where two files met, and no part of a term."""
        return split(self.text.replace("\ufeff", ""), kind)


def split(text: str, kind: FieldType = FieldType.STRING) -> Iterator[str]:
    """The terms of a text, as they are written, the empty ones left out."""
    way = _ADDRESSES if kind is FieldType.EMAIL else _TEXTS
    if not any(sign in text for sign in way.signs):
        begin = 0
        while begin < len(text):
            separator = way.separator.search(text, begin + _PIECE)
            end = len(text) if separator is None else separator.end()
            yield from way.unquoted.findall(text, begin, end)
            begin = end
        return
    for match in way.term.finditer(text):
        *named, quoted, unquoted = match.groups()
        term = quoted.replace('""', '"') if quoted is not None else unquoted or named[0].strip(WHITE_SPACE)
        if not is_blank(term):
            yield term


_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def decoded(data: bytes) -> str:
    """The text of a file: by its byte order mark, else UTF-8, else as Korean Excel writes CSV. Raises Unprocessable."""
    marked = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)
    for encoding in (marked,) if marked else ("utf-8", "cp949"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding == "cp949" and not is_korean(Counter(text)):
            break
        return text
    raise Unprocessable(
        "This file is no text in UTF-8, UTF-16 (with its mark) or Korean CP949. Save it as CSV (UTF-8) and send that.",
        code="unreadableFile",
        pointer="/file",
    )


def normaliser(key: str, kind: FieldType, country: str) -> Normalise:
    """How the terms of a field are read."""

    def phone(term: str) -> str | None:
        try:
            return read_phone(term, country)
        except UnreadablePhone:
            return None

    def phones(terms: Sequence[str]) -> list[str | None]:
        return [phone(term) for term in terms]

    def texts(terms: Sequence[str]) -> list[str | None]:
        return [fold(as_kept(key, term)) or None if len(term) <= _MOST_TEXT else None for term in terms]

    def email(term: str) -> str | None:
        try:
            return fold(read_email(term))
        except InvalidEmail:
            return None

    def emails(terms: Sequence[str]) -> list[str | None]:
        return [email(term) for term in terms]

    match kind:
        case FieldType.PHONE:
            return phones
        case FieldType.EMAIL:
            return emails
        case _:
            return texts
