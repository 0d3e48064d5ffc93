"""Telephone numbers as people and programs write them: read as they were meant, or refused, never as another number."""

import re

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.phone import (
    UnreadablePhone,
    country_code,
    country_code_by_rules,
    digits_of,
    phone_forms,
    phone_forms_by_rules,
    read_phone,
    read_phone_by_rules,
)

MOBILE = "+821012345678"


def read(text: str, country: str = "KR") -> str | None:
    """The number; None where it is refused."""
    try:
        number = read_phone(text, country)
    except UnreadablePhone:
        number = None
    return number


@pytest.mark.parametrize(
    "text",
    [
        "010-1234-5678", "01012345678", "010 1234 5678", "010.1234.5678", "(010) 1234-5678", "[010] 1234 5678", "010)1234-5678",
        "+82 10-1234-5678", "+82(0)10-1234-5678", "+82 010 1234 5678", "(+82) 10 1234 5678", "82-10-1234-5678", "821012345678",
        "00282-10-1234-5678", "082-10-1234-5678", "1012345678", "1012345678.0", "821012345678.0", "+821012345678.00",
        "tel:+82-10-1234-5678", "TEL: 010-1234-5678", "０１０－１２３４－５６７８", "（０１０）１２３４ー５６７８",
        "＋８２ １０ １２３４ ５６７８",
        "٠١٠-١٢٣٤-٥٦٧٨", "०१० १२३४ ५६७८", "010‐1234‑5678", "010–1234—5678", "010−1234−5678", "010·1234·5678",
        "\u202d010-1234-5678\u202c", "\u200e+82 10 1234 5678", "\ufeff010-1234-5678", "010\u200b1234\u20605678",
        "010\u00ad-1234-5678",
        "\u2068010-1234-5678\u2069", " 010-1234-5678\n", "010\u00a01234\u30005678", "010-1234-5678;", "010-1234-5678,",
        "'01012345678",
        "'+821012345678", "010--1234--5678", "010 - 1234 - 5678", "010-1234-567 8",
    ],
)  # fmt: skip
def test_one_number_in_any_writing(text: str) -> None:
    assert read(text) == MOBILE


@pytest.mark.parametrize(
    ("text", "country", "expected"),
    [
        ("02-123-4567", "KR", "+8221234567"), ("02-1234-5678", "KR", "+82212345678"), ("031-123-4567", "KR", "+82311234567"),
        ("070-1234-5678", "KR", "+827012345678"), ("1588-1234", "KR", "+8215881234"), ("080-123-4567", "KR", "+82801234567"),
        ("0505-123-4567", "KR", "+825051234567"), ("0504-1234-5678", "KR", "+8250412345678"),
        ("060-700-1234", "KR", "+82607001234"),
        ("010-5980-1234", "KR", "+821059801234"), ("010-0000-0000", "KR", "+821000000000"),
        ("011-123-4567", "KR", "+82111234567"), ("011-1234-5678", "KR", "+821112345678"),
        ("016-123-4567", "KR", "+82161234567"),
        ("017-9123-4567", "KR", "+821791234567"), ("018-123-4567", "KR", "+82181234567"),
        ("019-1234-5678", "KR", "+821912345678"),
        ("+1 (212) 555-0100", "KR", "+12125550100"), ("212.555.0100", "US", "+12125550100"),
        ("1-212-555-0100", "US", "+12125550100"),
        ("090-1234-5678", "JP", "+819012345678"), ("0171/1234567", "DE", "+491711234567"), ("030 12345-0", "DE", "+4930123450"),
        ("+49/30/123456", "KR", None), ("06 12 34 56 78", "FR", "+33612345678"), ("+39 06 698 12345", "KR", "+390669812345"),
        ("+852 2123 4567", "KR", "+85221234567"), ("02/123-4567", "KR", "+8221234567"),
    ],
)  # fmt: skip
def test_numbers_of_every_plan(text: str, country: str, expected: str | None) -> None:
    assert read(text, country) == expected
    if expected is not None:
        assert read(expected, "US") == expected


@pytest.mark.parametrize(
    "text",
    [
        # letters and signs among the digits
        "010-l234-5678", "010-1234-567B", "O10-1234-5678", "010-1234-567O", "010-ABCD-5678", "010-1234-56x8", "010-1234-567#",
        "010*1234*5678", "010_1234_5678", "010:1234:5678", "010-1234-56?8", "010-1234-****", "１８００ FLOWERS",
        "1-800-FLOWERS", "010=1234=5678",
        # names, notes and extensions
        "010-1234-5678 (집)", "010-1234-5678(엄마)", "홍길동 010-1234-5678", "010-1234-5678 ext. 9", "02-123-4567 내선 8",
        "02-123-4567x8",
        "02-123-4567#8", "tel:02-123-4567;ext=8", "tel:863-1234;phone-context=+1", "☎ 010-1234-5678", "H.P 010-1234-5678",
        "010-1234-5678 kim@example.com", "http://010-1234-5678", "Tel 010-1234-5678", "phone: 01012345678",
        # two numbers
        "02-123-4567/8", "02-123-4567~8", "02-123-4567,8", "02-123-4567;8", "02-123-4567 8", "02-123-4567-8", "02-123-4567 89",
        "02-123-4567.8", "02-123-4567\n8", "02-123-4567(8)", "02-123-4567 or 8", "02-123-4567 또는 8", "02-123-4567|8",
        "02-123-4567&8", "031-123-4567 8",
        "010-1234-5678/010-8765-4321", "010-1234-5678, 010-8765-4321", "010-1234-5678 010-8765-4321",
        "010-1234-5678\n010-8765-4321",
        "010-1234-5678 or 02-123-4567", "+821012345678+821087654321", "010-1234-5678\r\n8", "010-1234-56\n78",
        # lengths and beginnings that no plan has
        "010-1234-567", "010-1234-56789", "010-123-4567", "0101234567", "+82101234567", "+8210123456789", "00000000000",
        "000-0000-0000",
        "+82821012345678", "+82 82 10 1234 5678", "828210123456 78", "12", "1234", "119", "02-12-3456", "02-0123-4567",
        "030-1234-5678",
        "+999 123 456 789", "+0101234567", "0082-10-1234-5678", "081-3-1234-5678", "9" * 15, "1" * 10_000,
        # decimals and other numbers
        "1012345678.5", "1.01234E+09", "1,012,345,678", "1012345678.0.0", "-", "+", "()", "", " ", "'", "tel:",
        "++821012345678", "010+1234+5678",
        "2026-11-24", "2026-11-24 09:30", "1990.05.05", "127.0.0.1", "900101-1234567", "½10-1234-5678", "①⓪-1234-5678",
        "⁰10-1234-5678",
    ],
)  # fmt: skip
def test_what_is_no_number_is_refused_and_never_another(text: str) -> None:
    assert read(text) is None


DIGITS = st.sampled_from("0123456789")
NUMBERS = st.one_of(
    st.text(DIGITS, min_size=8, max_size=8).map("010{}".format),
    st.tuples(st.sampled_from(["02", "031", "051", "070", "0505", "+8210", "+822"]), st.text(DIGITS, min_size=7, max_size=8)).map(
        "".join
    ),
)
BETWEEN = st.sampled_from(["-", " ", ".", "--", "\u00a0", "–", "\u200b", ") ", "("])
FORBIDDEN = st.one_of(st.characters(categories=["L", "So", "Sc", "Nl", "No"]), st.sampled_from('@#*&%$!?=~|\\_:<>{}"^'))


@settings(max_examples=400)
@given(NUMBERS, st.integers(0, 12), FORBIDDEN)
def test_what_is_no_digit_is_never_dropped_nor_turned_into_one(number: str, place: int, sign: str) -> None:
    assert read(number[:place] + sign + number[place:]) is None


@settings(max_examples=400)
@given(
    st.text(st.one_of(DIGITS, st.sampled_from("-./ ()+,;~x#٣３\n\u200b가")), max_size=24),
    st.sampled_from(["KR", "US", "DE", "JP"]),
)
def test_a_number_that_is_read_has_the_digits_that_were_written_and_no_others(text: str, country: str) -> None:
    number = read(text, country)
    if number is None:
        return
    parsed = phonenumbers.parse(number)
    national, code = phonenumbers.national_significant_number(parsed), str(parsed.country_code)
    before = digits_of(text.removesuffix(".0") if text.strip().endswith(".0") else text).removesuffix(national)
    # What is dialled before a number is all that may go: a trunk prefix, the country's code, what leads abroad.
    assert re.fullmatch(f"0?|1|({code}0?)|0{code}|(00[0-9]{{0,3}}|01[01]|810){code}0?", before), (before, national)
    assert read(number, "KR") == number


@settings(max_examples=400)
@given(NUMBERS, st.lists(st.tuples(st.integers(1, 12), BETWEEN), max_size=3))
def test_whatever_parts_the_digits_a_mobile_number_is_the_same(number: str, put: list[tuple[int, str]]) -> None:
    written = number
    for place, sign in put:
        written = written[:place] + sign + written[place:]
    whole, parted = read(number), read(written)
    assert parted in (whole, None)
    if whole is not None and whole.startswith("+8210"):
        assert parted == whole


@settings(max_examples=200)
@given(st.text(DIGITS, min_size=6, max_size=10))
def test_a_korean_mobile_number_has_eight_digits_behind_010(rest: str) -> None:
    expected = f"+8210{rest}" if len(rest) == 8 else None
    for text in (f"010{rest}", f"010-{rest}", f"+8210{rest}", f"+82 10 {rest}"):
        assert read(text) == expected


def by_the_plans(text: str, country: str) -> str | None:
    """The number by the numbering plans alone; None where it is refused."""
    try:
        number = read_phone_by_rules(text, country)
    except UnreadablePhone:
        number = None
    return number


@given(NUMBERS)
def test_the_quick_way_reads_what_the_plans_read(number: str) -> None:
    assert read(number) == by_the_plans(number, "KR")


@settings(max_examples=400)
@given(
    st.sampled_from(["010", "+8210", "+82 10", "+82-10", "+82 010", "011", "10", "82 10"]),
    st.sampled_from(["", "-", " ", "."]),
    st.text("0123456789", min_size=3, max_size=5),
    st.sampled_from(["", "-", " "]),
    st.text("0123456789", min_size=3, max_size=5),
    st.sampled_from(["KR", "US", "JP"]),
)
def test_the_usual_korean_numbers_are_read_as_the_numbering_plans_say(
    start: str, first: str, middle: str, second: str, end: str, country: str
) -> None:
    written = f"{start}{first}{middle}{second}{end}"
    assert read(written, country) == by_the_plans(written, country)


@settings(max_examples=400)
@given(
    st.sampled_from(
        ["01012345678", "+821012345678", "+8210123456789", "0101234567", "02012345678", "٠10١2345678", "+1012345678"]
    ),
    st.lists(st.tuples(st.integers(0, 14), st.sampled_from(["-", " ", "--", " - ", "+", "0", "."])), max_size=6),
    st.sampled_from(["KR", "US"]),
)
def test_wherever_hyphens_and_blanks_stand_a_number_is_read_as_the_numbering_plans_say(
    digits: str, put: list[tuple[int, str]], country: str
) -> None:
    written = digits
    for place, sign in put:
        written = written[:place] + sign + written[place:]
    assert read(written, country) == by_the_plans(written, country)


@settings(max_examples=1000)
@given(st.sampled_from(["+8210", "+82", "+1"]), st.text("0123456789", min_size=7, max_size=9))
def test_the_forms_of_the_usual_korean_numbers_are_those_of_the_numbering_plans(start: str, rest: str) -> None:
    number = start + rest
    assert phone_forms(number) == phone_forms_by_rules(number)
    assert country_code(number) == country_code_by_rules(number)
