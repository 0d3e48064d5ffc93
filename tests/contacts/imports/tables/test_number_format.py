"""What a workbook's number is, and what a person sees of it, by the format of its cell."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.imports.tables.cell import number_cell
from contacts.imports.tables.number_format import BUILT_IN, GENERAL, read_format
from contacts.imports.tables.table import BROKEN, Cell, Formatted, as_text, from_json, to_json

DAY = datetime(2026, 11, 24)


def cell(raw: str, code: str | int, from_1904: bool = False) -> Cell:
    return number_cell(raw, read_format(code if isinstance(code, str) else BUILT_IN[code]), from_1904)


@pytest.mark.parametrize(("raw", "code", "text"), [
    ("42", "00000", "00042"), ("7", '"No. "000', "No. 007"), ("0.1", 10, "10.00%"), ("0.125", 9, "13%"),
    ("0.1", '0.0" %"', "0.1 %"),
    ("1012345678", "000-0000-0000", "010-1234-5678"), ("9001011234567", "000000-0000000", "900101-1234567"),
    ("42", "00\\-000", "00-042"),
    ("42", "[Blue]000", "042"), ("5551234", "[<=9999999]###\\-####;(###) ###\\-####", "555-1234"),
    ("1005", "0\\.0\\.0\\.0", "1.0.0.5"),
    ("2125551234", "[<=9999999]###\\-####;(###) ###\\-####", "(212) 555-1234"), ("1234567", 3, "1,234,567"),
    ("-1234.5", "#,##0.00", "-1,234.50"),
    ("-1234", "#,##0_);[Red](#,##0)", "(1,234)"), ("1234", '_-* #,##0_-;-* #,##0_-;_-* "-"_-;_-@_-', "1,234"),
    ("0", '0;-0;"-"', "-"),
    ("12000", '#,##0"원"', "12,000원"), ("12000", "[$₩-412]#,##0", "₩12,000"), ("2", "#,##0.00 [$€-407]", "2.00 €"),
    ("12345678", '0.0,,"M"', "12.3M"),
    ("3.14159", "0.00", "3.14"), ("2.5", "0", "3"), ("-2.5", "0", "-3"), ("-0.4", "0", "0"), ("0.5", "#.0", ".5"),
    ("5", "??0.0", "5.0"),
    ("1", '"O";;"X"', "O"), ("0", '"O";;"X"', "X"), ("100", '[>=100]"많음";"적음"', "많음"),
    ("5", '[>=100]"많음";"적음"', "적음"),
    ("1.5", "[h]:mm", "36:00"), ("1.5", 46, "36:00:00"), ("1.5", "[mm]:ss", "2160:00"),
    ("1.5", '[h]"시간" mm"분"', "36시간 00분"),
    ("0.395833333333333", 20, "9:30"), ("0.395833333333333", "hh:mm:ss", "09:30:00"), ("0.645833333333333", 18, "3:30 PM"),
    ("0.645833333333333", "[$-412]AM/PM h:mm", "오후 3:30"), ("0.0001", 47, "00:08.6"), ("0", "h:mm AM/PM", "12:00 AM"),
    ("46350", 'yyyy"년" m"월" d"일"', "2026년 11월 24일"), ("46350", "yymmdd", "261124"),
    ("46350.5", "yyyy/m/d h:mm", "2026/11/24 12:00"),
    ("46350.75", "h:mm", "18:00"), ("46350.5", 22, "2026-11-24 12:00:00"),
])  # fmt: skip
def test_a_text_is_what_a_person_sees(raw: str, code: str | int, text: str) -> None:
    found = cell(raw, code)
    assert as_text(found) == text
    assert from_json(to_json(found)) == found


@pytest.mark.parametrize(("raw", "code", "value"), [
    ("5", "General", 5), ("5", "G/표준", 5), ("5", "@", 5), ("5", "0", 5), ("5", "", 5), ("5", ";;;", 5), ("5", "0kg", 5),
    ("42", "[DBNum1]0", 42),
    ("0.5", 12, 0.5), ("1234567890123", 11, 1234567890123), ("0.30000000000000004", "General", 0.3), ("0.1", "0.0", 0.1),
    ("5", "nonsense", 5), ("5", '"open', 5), ("-7", "#,##0;[Red]-#,##0", -7), ("1E-7", "General", 1e-7),
])  # fmt: skip
def test_what_is_not_understood_or_says_nothing_is_the_number_itself(raw: str, code: str | int, value: float) -> None:
    assert cell(raw, code) == value
    assert type(cell(raw, code)) is type(value)


@pytest.mark.parametrize("code", [
    14, 15, *range(27, 37), *range(50, 59), 71, 81, "yyyy-mm-dd", "[$-412]yyyy-mm-dd;@", "d-mmm-yy",
    "[$-F800]dddd, mmmm dd, yyyy", "aaa", "[Red]yyyy\\-mm\\-dd",
    "yyyy-mm-dd(aaa)", "ddd",
])  # fmt: skip
def test_a_day_is_told_by_the_format_and_is_iso_where_it_depends_on_who_looks(code: str | int) -> None:
    assert cell("46350", code) == DAY
    assert cell("44888", code, from_1904=True) == DAY


@pytest.mark.parametrize("code", ["m/d/yy", "yy.mm.dd", 'm"월" d"일"', "dd/mm/yyyy", "h:mm", "yyyy-mm-dd hh:mm"])
def test_a_day_in_digits_keeps_its_instant_beside_its_text(code: str) -> None:
    found = cell("46350", code)
    assert isinstance(found, Formatted)
    assert found.value == DAY


@pytest.mark.parametrize("code", ['"days: "0', "0.00E+00", '"yyyy"0', "\\d0", "[Red]0", "[$-412]0", "_d0", "#,##0_ "])
def test_what_is_no_date_format_stays_a_number(code: str) -> None:
    found = cell("46350", code)
    assert (found.value if isinstance(found, Formatted) else found) == 46350


@pytest.mark.parametrize(("raw", "code"), [
    ("60", "yyyy-mm-dd"), ("0", "yyyy-mm-dd"), ("-3", "yyyy-mm-dd"), ("-0.5", "h:mm"), ("3000000", "yyyy-mm-dd"), ("1E300", 14),
    ("1E999", "0"),
])  # fmt: skip
def test_a_day_that_never_was_is_a_broken_cell(raw: str, code: str | int) -> None:
    assert cell(raw, code) is BROKEN


@pytest.mark.parametrize(
    ("raw", "day"), [("1", datetime(1900, 1, 1)), ("59", datetime(1900, 2, 28)), ("61", datetime(1900, 3, 1))]
)
def test_the_first_days_of_1900_are_theirs(raw: str, day: datetime) -> None:
    assert cell(raw, "yyyy-mm-dd") == day


@pytest.mark.parametrize(("raw", "code", "is_code"), [
    ("42", "00000", True), ("7", "00", True), ("1", "000-0000", True), ("7", '"No. "0', False), ("7", "0.00", False),
    ("7", "#,##0.00", False), ("7", "0%", False),
])  # fmt: skip
def test_zeros_in_front_and_dashes_make_a_code(raw: str, code: str, is_code: bool) -> None:
    found = cell(raw, code)
    assert isinstance(found, Formatted)
    assert (found.code, found.value) == (is_code, int(raw))


@pytest.mark.parametrize(("raw", "cut"), [
    ("1234567890123450", True), ("1.23456789012345E+16", True), ("1E+20", True), ("123456789012345", False),
    ("-999999999999999", False),
])  # fmt: skip
def test_a_number_that_its_program_has_cut_says_so(raw: str, cut: bool) -> None:
    for code in ("General", "0", "#,##0"):
        found = cell(raw, code)
        assert (isinstance(found, Formatted) and found.cut) == cut


def test_more_digits_than_such_a_program_keeps_are_another_programs_and_kept() -> None:
    assert [cell(raw, "0") for raw in ("12345678901234567", "0001234567890123456")] == [
        "12345678901234567",
        "0001234567890123456",
    ]


@pytest.mark.parametrize("raw", ["", "one", "1_000", "nan", "1,5", "0x10", "١"])
def test_what_is_no_number_is_an_error(raw: str) -> None:
    with pytest.raises(ValueError, match="a number"):
        number_cell(raw, GENERAL, False)


@given(st.text('0#?.,%E+-/@;"\\_*[]hmsydae $원GRed<=>1 AMP', max_size=16), st.floats(allow_nan=False, allow_infinity=False))
def test_no_format_and_no_number_can_stop_the_reading(code: str, number: float) -> None:
    found = cell(repr(number), code)
    assert found is BROKEN or from_json(to_json(found)) == found


@given(st.integers(0, 10**15 - 1), st.integers(1, 15))
def test_zeros_in_front_fill_a_code_to_its_places(number: int, places: int) -> None:
    assert as_text(cell(str(number), "0" * places)) == str(number).zfill(places)


@given(st.integers(-(10**15) + 1, 10**15 - 1))
def test_thousands_are_parted_as_python_parts_them(number: int) -> None:
    assert as_text(cell(str(number), "#,##0")) == f"{number:,}"


@given(st.datetimes(datetime(1900, 3, 1), datetime(9999, 12, 30)).map(lambda at: at.replace(microsecond=0)))
def test_every_moment_comes_back_to_the_second(at: datetime) -> None:
    serial = (at - datetime(1899, 12, 30)).total_seconds() / 86400
    found = cell(repr(serial), "yyyy-mm-dd hh:mm:ss")
    assert as_text(found) == f"{at:%Y-%m-%d %H:%M:%S}" or (found == at and as_text(found) == f"{at:%Y-%m-%d}")
