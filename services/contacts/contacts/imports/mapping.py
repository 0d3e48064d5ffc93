"""Which column goes into which field: as the caller says, and for the rest guessed from Korean and English headings."""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

import orjson

from common.built_ins import CONSENTS, GIVEN
from common.errors import Unprocessable
from common.events.contacts import FieldDefinition
from common.filters.text import fold
from common.json_shape import refuse_repeated
from common.pointer import escape
from common.text_rules import allowed, cleaned
from contacts.fields.built_in import BUILT_IN_FIELDS
from contacts.imports.tables.table import HEAD_LINES, MOST_COLUMNS, Broken, Line, UnreadableFile, as_text
from contacts.profile_field import check_key

Kind: TypeAlias = Literal["members", "leads"]

MEMBER_ID = "memberId"
_WRITABLE = GIVEN | {MEMBER_ID, "addTags", "removeTags"}
_MOST_HEADING = 256
_IGNORED = re.compile(r"[\W_]+")

_SURE: Mapping[str, str] = {
    "memberId": "회원번호 회원id 회원아이디 아이디 고객번호 고객id 고객아이디 멤버id memberid memberno membernumber customerid "
    "customernumber customerno userid",
    "name": "이름 성명 성함 고객명 회원명 name fullname customername membername",
    "mobileNumber": "휴대폰 휴대폰번호 휴대전화 휴대전화번호 핸드폰 핸드폰번호 휴대번호 모바일 모바일번호 mobile mobilenumber "
    "mobilephone mobilephonenumber cell cellphone cellphonenumber",
    "landlineNumber": "유선전화 유선전화번호 유선번호 일반전화 일반전화번호 집전화 집전화번호 자택전화 landline landlinenumber "
    "homephone telephone telephonenumber",
    "email": "이메일 이메일주소 메일 메일주소 전자우편 email emailaddress mail",
    "tags": "태그 tag tags",
    "language": "언어 language locale",
    "country": "국가 나라 country",
    "city": "도시 city",
    "avatarUrl": "프로필사진 avatar avatarurl",
    "unsubscribeEmail": "이메일수신거부 메일수신거부 unsubscribeemail unsubscribedfromemail",
    "unsubscribeTexting": "문자수신거부 sms수신거부 unsubscribetexting unsubscribesms unsubscribedfromtexts",
    "unsubscribeAppPush": "앱푸시수신거부 푸시수신거부 unsubscribeapppush unsubscribepush unsubscribedfrompush",
    "blocked": "차단 차단여부 blocked",
}
_GUESSES: Mapping[str, str] = {word: key for key, words in _SURE.items() for word in words.split()}
_LOOSE_PHONE = frozenset({"전화", "전화번호", "연락처", "phone", "phonenumber", "tel", "contactnumber"})
_LOOSE_CONSENT = frozenset({"수신거부", "수신거부여부", "마케팅수신거부", "unsubscribe", "unsubscribed", "optout"})


@dataclass(frozen=True, slots=True)
class Said:
    """What the caller says of a column: its heading as it was spelled, and its keys; none where it is left out."""

    spelled: str
    keys: tuple[str, ...]


Wanted: TypeAlias = Mapping[str, Said]
"""What is said, by the headings as they are compared."""


class LeftOut(StrEnum):
    """Why a column goes nowhere."""

    UNKNOWN = "unknown"
    SHARED_NAME = "sharedName"
    NOT_EDITABLE = "notEditable"
    TWICE = "twice"
    FOR_MEMBERS = "forMembers"
    MAPPING = "mapping"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file: where it stands (from 0), its heading, its keys, whether those are a guess; without any, why."""

    index: int
    heading: str
    keys: tuple[str, ...]
    guessed: bool
    reason: LeftOut | None = None


@dataclass(frozen=True, slots=True)
class Headed:
    """The line that the headings stand in, and what is under them."""

    number: int
    columns: tuple[Column, ...]

    @property
    def used(self) -> tuple[Column, ...]:
        """The columns that are read."""
        return tuple(column for column in self.columns if column.keys)


def read_mapping(text: str | None, kind: Kind) -> Wanted:
    """Read `mapping`, a JSON object of headings and keys (a list for several, null for none). Raises Unprocessable."""
    if text is None or not text.strip():
        return {}
    try:
        raw = cleaned(orjson.loads(text), "/mapping")
    except orjson.JSONDecodeError:
        raw = None
    if not isinstance(raw, dict) or len(raw) > MOST_COLUMNS:
        raise Unprocessable("`mapping` must be a JSON object of headings and the keys they go into.", pointer="/mapping")
    wanted: dict[str, Said] = {}
    for heading, value in raw.items():
        keys = [] if value is None else value if isinstance(value, list) else [value]
        place = _place(heading)
        compared = fold(_heading(heading))
        if compared in wanted:
            raise Unprocessable("`mapping` names this column twice.", code="columnTwice", pointer=place)
        wanted[compared] = Said(heading, tuple(dict.fromkeys(_checked(key, kind, place) for key in keys)))
    refuse_repeated(text.encode(), len(raw), "/mapping")
    return wanted


def _checked(key: object, kind: Kind, place: str) -> str:
    if not isinstance(key, str):
        raise Unprocessable("A key is a text, such as `mobileNumber` or `profile.grade`.", pointer=place)
    if key.startswith("profile."):
        check_key(key[8:], place)
    elif key in BUILT_IN_FIELDS and key not in _WRITABLE:
        raise Unprocessable("This is counted by the system and cannot be written.", code="notEditable", pointer=place)
    elif key not in _WRITABLE:
        raise Unprocessable(
            "There is no such field. A key of your own is written `profile.<key>`.", code="unknownField", pointer=place
        )
    elif key == MEMBER_ID and kind == "leads":
        raise Unprocessable("A lead has no memberId. Import with the kind `members`, or leave it out.", pointer=place)
    return key


def find_headings(head: Sequence[Line], wanted: Wanted, kind: Kind, fields: Mapping[str, FieldDefinition]) -> Headed:
    """The headings among a table's first lines: the line in which most are understood. Raises Unprocessable.

    `fields` are the channel's definitions by key; their display names are understood as headings too.
    """
    names = _names(fields)
    tried = [_mapped(line, wanted, kind, names) for line in head[:HEAD_LINES] if not line.blank]
    if not tried:
        raise UnreadableFile("The file is empty. Its first row must hold the headings.", code="emptyFile")
    best = max(tried, key=lambda headed: (len(headed.used), -headed.number))
    _check(best, wanted, kind)
    return best


def _names(fields: Mapping[str, FieldDefinition]) -> dict[str, str | LeftOut]:
    """What a simplified heading stands for, or why for nothing; the channel's own names go before the guesses."""
    called: dict[str, set[str]] = {_simplified(key): {key} for key in _WRITABLE}
    for key, definition in fields.items():
        for name in definition.display_name.values() if definition.collected else ():
            called.setdefault(_simplified(name), set()).add(key)
    return {**_GUESSES, **{name: _only(keys) for name, keys in called.items()}}


def _only(keys: Collection[str]) -> str | LeftOut:
    if len(keys) > 1:
        return LeftOut.SHARED_NAME
    key = next(iter(keys))
    return key if key.startswith("profile.") or key in _WRITABLE else LeftOut.NOT_EDITABLE


def _mapped(line: Line, wanted: Wanted, kind: Kind, names: Mapping[str, str | LeftOut]) -> Headed:
    headings = ["" if cell is None or isinstance(cell, Broken) else _heading(as_text(cell)) for cell in line.cells]
    chosen = {index: wanted[fold(heading)].keys for index, heading in enumerate(headings) if heading and fold(heading) in wanted}
    taken = {key for keys in chosen.values() for key in keys} | ({MEMBER_ID} if kind == "leads" else set())
    guessed: dict[int, tuple[str, ...]] = {}
    for guess in (_sure, _loose):
        for index, heading in enumerate(headings):
            if heading and index not in chosen and index not in guessed:
                keys = guess(heading, names, taken)
                if keys:
                    guessed[index] = keys
                    taken |= set(keys)
    columns = []
    for index, heading in enumerate(headings):
        keys = chosen.get(index, guessed.get(index, ()))
        why = None if keys else LeftOut.MAPPING if index in chosen else _why(heading, kind, names)
        if heading:
            columns.append(Column(index, heading, keys, index in guessed, why))
    return Headed(line.number, tuple(columns))


def _why(heading: str, kind: Kind, names: Mapping[str, str | LeftOut]) -> LeftOut:
    """Why nothing is guessed of a heading: what it stands for is taken, or it stands for nothing."""
    if kind == "leads" and names.get(_simplified(heading)) == MEMBER_ID:
        return LeftOut.FOR_MEMBERS
    if _sure(heading, names, set()) or _loose(heading, names, set()):
        return LeftOut.TWICE
    meaning = names.get(_simplified(heading))
    return meaning if isinstance(meaning, LeftOut) else LeftOut.UNKNOWN


def _heading(text: str) -> str:
    """A heading as it is compared and shown: of bounded length, without characters that no text may have."""
    text = text[:_MOST_HEADING]
    return text if allowed(text) else "".join(filter(allowed, text))


def _sure(heading: str, names: Mapping[str, str | LeftOut], taken: set[str]) -> tuple[str, ...]:
    key = heading if heading.startswith("profile.") else names.get(_simplified(heading))
    if key is None or isinstance(key, LeftOut) or key in taken:
        return ()
    if key.startswith("profile."):
        try:
            check_key(key[8:], "")
        except Unprocessable:
            return ()
    return (key,)


def _loose(heading: str, names: Mapping[str, str | LeftOut], taken: set[str]) -> tuple[str, ...]:
    """Headings that say less: a number is a mobile one unless another column holds those, a bare refusal is one of everything."""
    word = _simplified(heading)
    if word in names:
        return ()
    if word in _LOOSE_PHONE:
        return next(((key,) for key in ("mobileNumber", "landlineNumber") if key not in taken), ())
    if word in _LOOSE_CONSENT:
        return tuple(key for key in CONSENTS if key not in taken)
    return ()


def _simplified(heading: str) -> str:
    """The words of a heading, by which it is compared; one of signs alone is compared by its signs."""
    text = unicodedata.normalize("NFKC", heading).casefold()
    return _IGNORED.sub("", text) or text


def _check(headed: Headed, wanted: Wanted, kind: Kind) -> None:
    found = [fold(column.heading) for column in headed.columns]
    for heading, said in wanted.items():
        place = _place(said.spelled)
        if heading not in found:
            raise Unprocessable("The file has no column with this heading.", code="unknownColumn", pointer=place)
        if found.count(heading) > 1:
            raise Unprocessable("Two columns of the file have this heading. Rename one.", code="columnTwice", pointer=place)
    keys: set[str] = set()
    for column in headed.used:
        if keys & set(column.keys):
            # Only what is said can be: a guess leaves out what is taken.
            place = _place(wanted[fold(column.heading)].spelled)
            raise Unprocessable("Two columns go into one field.", code="keyTwice", pointer=place)
        keys |= set(column.keys)
    if kind == "members" and MEMBER_ID not in keys:
        raise Unprocessable(
            "No column holds the member ids. Say which in `mapping`, or import with the kind `leads`.",
            code="noMemberId",
            pointer="/mapping",
        )
    if not keys:
        raise Unprocessable(
            "None of the headings is known. Say in `mapping` which column goes into which field.",
            code="noColumns",
            pointer="/mapping",
        )


def _place(heading: str) -> str:
    return f"/mapping/{escape(heading)}"
