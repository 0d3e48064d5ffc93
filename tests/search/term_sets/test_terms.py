"""Split terms: how a pasted text falls into terms, and how each is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Unprocessable
from common.filters import FieldType
from search.term_sets.terms import Pasted, decoded, normaliser, split


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b", ["a", "b"]),
        ("a b\tc\nd\r\ne", ["a", "b", "c", "d", "e"]),
        ("a，b\u3000c", ["a", "b", "c"]),
        ("a\u00a0b\u2003c", ["a", "b", "c"]),
        (" , ,\n,a,, ", ["a"]),
        ("", []),
        ('"a b",c', ["a b", "c"]),
        ('"a,b"\n"c\nd"', ["a,b", "c\nd"]),
        ('""', []),
        ('" "', []),
        ('"a ""b"" c"', ['a "b" c']),
        ('"', ['"']),
        ('a"b c"d', ['a"b', 'c"d']),
        ('"a b', ['"a', "b"]),
        ('"a b"c d', ['"a', 'b"c', "d"]),
        ('a" b', ['a"', "b"]),
        ('5" 6"', ['5"', '6"']),
        ("010-1234-5678, +82 10", ["010-1234-5678", "+82", "10"]),
        ('"010 1234 5678" 010.1', ["010 1234 5678", "010.1"]),
        ("a;b|c", ["a;b|c"]),
        ("홍길동 김철수", ["홍길동", "김철수"]),
    ],
)
def test_a_text_falls_into_terms(text: str, expected: list[str]) -> None:
    assert list(split(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kim@a.com; lee@b.com；c@d.com,e@f.com", ["kim@a.com", "lee@b.com", "c@d.com", "e@f.com"]),
        ("Kim <kim@a.com>; 이 민수 <lee@b.com>", ["Kim <kim@a.com>", "이 민수 <lee@b.com>"]),
        ("kim@a.com Lee <lee@b.com> <c@d.com>\ne@f.com", ["kim@a.com", "Lee <lee@b.com>", "<c@d.com>", "e@f.com"]),
        ('"Kim, Min" <kim@a.com>, "a b"@c.com "lee@b.com"', ['"Kim, Min" <kim@a.com>', '"a', 'b"@c.com', "lee@b.com"]),
        ("Kim<kim@a.com>;;;, ", ["Kim<kim@a.com>"]),
        ("kim@a.com\n\ufefflee@b.com\ufeff", ["kim@a.com", "lee@b.com"]),
        ("a < b; <", ["a", "<", "b", "<"]),
        ("Kim\n<kim@a.com>", ["Kim", "<kim@a.com>"]),
    ],
)
def test_recipients_of_a_mail_program_fall_into_addresses(text: str, expected: list[str]) -> None:
    assert list(Pasted(text).terms(FieldType.EMAIL)) == expected


def test_other_fields_keep_their_separators() -> None:
    assert list(Pasted("a;b <c>\n\ufeffd").terms(FieldType.STRING)) == ["a;b", "<c>", "d"]


@pytest.mark.parametrize(
    "text", ["<a " * 300_000, '"a <' * 200_000, "a " * 400_000 + "<", '"' * 1_000_000 + "<", "<" * 1_000_000]
)
def test_brackets_that_never_end_do_not_take_for_ever(text: str) -> None:
    assert sum(1 for _ in split(text, FieldType.EMAIL)) > 0


@given(st.text(alphabet="ab\x1c \t\n,\u00a0\u1680\u200b\u3000，;'", max_size=60))
def test_a_text_without_quotes_falls_into_the_same_terms_as_one_with_them(text: str) -> None:
    assert list(split(text)) == list(split(text + ' ""'))


@pytest.mark.parametrize("length", [1, 255 * 1024, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 600 * 1024])
def test_a_long_text_is_cut_between_terms_alone(length: int) -> None:
    terms = ["x" * length, "y" * length, "a", "z" * length]
    for text in (" , ".join(terms), "\n".join(["", *terms, ""]), " ".join([*terms, '"b c"'])):
        assert list(split(text)) == [*terms, *(["b c"] if '"' in text else [])]


@given(st.lists(st.text(alphabet='ab "\n,，\u3000', min_size=1, max_size=6).filter(lambda t: t.strip() != "")))
def test_quoted_terms_come_back_as_they_were(terms: list[str]) -> None:
    quoted = " ".join('"{}"'.format(term.replace('"', '""')) for term in terms)
    assert list(split(quoted)) == terms


@pytest.mark.parametrize("text", ['"a ' * 300_000, '"' * 1_000_000, '"a"" ' * 200_000, '"a "b ' * 200_000, '" "" ' * 200_000])
def test_quotes_that_never_end_do_not_take_for_ever(text: str) -> None:
    assert sum(1 for _ in split(text)) > 0


@pytest.mark.parametrize(
    ("kind", "term", "expected"),
    [
        (FieldType.PHONE, "010-1234-5678", "+821012345678"),
        (FieldType.PHONE, "+1 (212) 555-0100", "+12125550100"),
        (FieldType.PHONE, "hello", None),
        (FieldType.PHONE, "12", None),
        (FieldType.EMAIL, "Kim@Example.COM", "kim@example.com"),
        (FieldType.EMAIL, "kim", None),
        (FieldType.EMAIL, "kim@example", None),
        (FieldType.EMAIL, "a b@example.com", None),
        (FieldType.STRING, " VIP ", "vip"),
        (FieldType.STRING, "Straße", "strasse"),
        (FieldType.STRING, "x" * 10_001, None),
        (FieldType.LIST, "VIP/서울", "vip/서울"),
    ],
)
def test_a_term_is_read_as_its_field_is(kind: FieldType, term: str, expected: str | None) -> None:
    assert normaliser("profile.x", kind, "KR")([term, term]) == [expected, expected]


@pytest.mark.parametrize(
    ("key", "kind", "term", "expected"),
    [
        ("memberId", FieldType.STRING, "\ufeffKim\u200b", "kim"),
        ("tags", FieldType.LIST, " VIP\u00ad  gold ", "vip gold"),
        ("tags", FieldType.LIST, "\u200b", None),
        ("profile.x", FieldType.LIST, "VIP\u00ad", "vip\u00ad"),
        ("name", FieldType.STRING, "a\u200d", "a\u200d"),
        ("email", FieldType.EMAIL, "Kim <Kim@Example.com>;", "kim@example.com"),
        ("email", FieldType.EMAIL, "kim@exam\u200bple.com", "kim@example.com"),
        ("email", FieldType.EMAIL, "kim@xn--3e0b707e.com", "kim@한국.com"),
        ("mobileNumber", FieldType.PHONE, "010-1234-5678;", "+821012345678"),
        ("mobileNumber", FieldType.PHONE, "\ufeff010-1234-5678", "+821012345678"),
        ("mobileNumber", FieldType.PHONE, "010-l234-5678", None),
    ],
)
def test_what_stands_for_one_thing_is_looked_for_as_it_is_kept(
    key: str, kind: FieldType, term: str, expected: str | None
) -> None:
    assert normaliser(key, kind, "KR")([term]) == [expected]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949"])
def test_a_file_is_read_in_the_encodings_that_spreadsheets_write(encoding: str) -> None:
    assert decoded("홍길동,김철수\n".encode(encoding)) == "홍길동,김철수\n"


def test_a_file_that_is_no_text_is_refused() -> None:
    with pytest.raises(Unprocessable) as refusal:
        decoded(b"PK\x03\x04\xff\xff\x80")
    assert (refusal.value.code, refusal.value.pointer) == ("unreadableFile", "/file")
