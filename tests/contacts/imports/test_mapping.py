"""Which column goes into which field, what a cell becomes there, and which type a new field is of."""

from datetime import datetime
from decimal import Decimal
from typing import Any, get_args
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from common.errors import Unprocessable
from common.events.contacts import FieldDefinition, FieldTypeName
from contacts.fields.built_in import BUILT_IN_FIELDS
from contacts.imports.mapping import Column, Headed, Kind, LeftOut, find_headings, read_mapping
from contacts.imports.tables.table import BROKEN, MERGED, UNCALCULATED, Cell, Formatted, Line, UnreadableFile
from contacts.imports.values import Inference, as_number, key_of, row_of

SEOUL = ZoneInfo("Asia/Seoul")
GRADE = FieldDefinition(key="profile.grade", type="String", display_name={"ko": "등급", "en": "Grade"})
OLD = FieldDefinition(key="profile.old", type="String", display_name={"ko": "옛것", "en": "Old"}, archived=True)
FIELDS = {**BUILT_IN_FIELDS, "profile.grade": GRADE, "profile.old": OLD}


def mapped(*headings: str, kind: Kind = "leads", mapping: object = None) -> dict[str, tuple[str, ...]]:
    wanted = read_mapping(None if mapping is None else orjson.dumps(mapping).decode(), kind)
    return {c.heading: c.keys for c in find_headings([Line(1, headings)], wanted, kind, FIELDS).columns}


@pytest.mark.parametrize(
    ("heading", "key"),
    [
        ("이름", "name"), ("성 함", "name"), ("Full Name", "name"), ("휴대폰", "mobileNumber"), ("휴대폰 번호", "mobileNumber"),
        ("핸드폰번호", "mobileNumber"), ("Mobile-Number", "mobileNumber"), ("MOBILE", "mobileNumber"),
        ("mobileNumber", "mobileNumber"),
        ("이메일", "email"), ("E-mail", "email"), ("e_mail address", "email"), ("ＥＭＡＩＬ", "email"),
        ("유선 번호", "landlineNumber"),
        ("태그", "tags"), ("국가", "country"), ("문자 수신 거부", "unsubscribeTexting"), ("SMS 수신거부", "unsubscribeTexting"),
        ("차단", "blocked"), ("등급", "profile.grade"), ("GRADE", "profile.grade"), ("profile.newKey", "profile.newKey"),
        ("Unsubscribed from e-mail", "unsubscribeEmail"), ("프로필 사진", "avatarUrl"),
    ],
)  # fmt: skip
def test_headings_are_understood_whatever_their_case_and_spaces(heading: str, key: str) -> None:
    assert mapped(heading, "이름" if key != "name" else "이메일")[heading] == (key,)


@pytest.mark.parametrize(
    "heading", ["회원번호", "회원 ID", "회원 아이디", "고객번호", "memberId", "Member ID", "member_no", "Customer ID"]
)
def test_member_ids_are_found_by_their_headings(heading: str) -> None:
    assert mapped(heading, kind="members") == {heading: ("memberId",)}


@pytest.mark.parametrize("heading", ["비고", "옛것", "최근 접속 시간", "createdAt", "회원 여부", "profile.1st", "profile.", "id"])
def test_what_is_not_understood_or_not_writable_is_left_out(heading: str) -> None:
    assert mapped("이름", heading) == {"이름": ("name",), heading: ()}


def called(**names: str) -> dict[str, FieldDefinition]:
    """Fields of the channel's own by the Korean names they are given."""
    return {f"profile.{key}": FieldDefinition(key=f"profile.{key}", type="String", display_name={"ko": name, "en": key})
            for key, name in names.items()}  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "heading", "key"),
    [
        (called(second="메일"), "메일", "profile.second"), (called(cardNo="고객번호"), "고객 번호", "profile.cardNo"),
        (called(office="전화번호"), "전화번호", "profile.office"), (called(off="수신거부"), "수신 거부", "profile.off"),
        (called(shop="Cell"), "cell", "profile.shop"), (called(x="등급", y="등급"), "등급", None),
        (called(x="연락처", y="연락처"), "연락처", None), (called(mail="이메일"), "이메일", None),
        (called(mail="email"), "email", None), (called(mail="E-mail"), "email", None), (called(x="addTags"), "addTags", None),
        (called(seen="최근 접속 시간"), "최근 접속 시간", None), (called(x="메일", y="메일"), "메일", None),
        (called(x="메일", y="메일"), "email", "email"),
        (called(memo="♥"), "#", None), (called(memo="♥"), "※", None), (called(memo="#"), "＃", "profile.memo"),
        (called(memo="♥"), "♥", "profile.memo"), (called(memo="♥", star="★"), "★", "profile.star"),
        (called(memo="♥", star="♥"), "♥", None), (called(memo="_"), "-", None), (called(memo="_"), "_", "profile.memo"),
    ],
)  # fmt: skip
def test_a_channels_own_names_go_before_any_guess_and_one_that_two_fields_share_is_none(
    fields: dict[str, FieldDefinition], heading: str, key: str | None
) -> None:
    headed = find_headings([Line(1, ["이름", heading])], {}, "leads", {**BUILT_IN_FIELDS, **fields})
    assert headed.columns[1].keys == (() if key is None else (key,))


def test_a_name_that_two_fields_share_is_said_by_the_caller() -> None:
    fields = {**BUILT_IN_FIELDS, **called(x="등급", y="등급")}
    headed = find_headings([Line(1, ["이름", "등급"])], read_mapping('{"등급": "profile.y"}', "leads"), "leads", fields)
    assert headed.columns[1] == Column(1, "등급", ("profile.y",), False)


@pytest.mark.parametrize(
    ("headings", "kind", "mapping", "reason"),
    [
        (["이름", "등급"], "leads", None, LeftOut.SHARED_NAME), (["이름", "최근 접속 시간"], "leads", None, LeftOut.NOT_EDITABLE),
        (["이름", "이름"], "leads", None, LeftOut.TWICE), (["이름", "성함"], "leads", None, LeftOut.TWICE),
        (["이름", "휴대폰", "집전화", "연락처"], "leads", None, LeftOut.TWICE),
        (["이름", "비고"], "leads", None, LeftOut.UNKNOWN),
        (["이름", "profile.1st"], "leads", None, LeftOut.UNKNOWN), (["이름", "옛것"], "leads", None, LeftOut.UNKNOWN),
        (["이름", "회원번호"], "leads", None, LeftOut.FOR_MEMBERS), (["회원번호", "고객번호"], "members", None, LeftOut.TWICE),
        (["이름", "이메일"], "leads", {"이메일": None}, LeftOut.MAPPING),
        (["이름", "별명"], "leads", {"별명": []}, LeftOut.MAPPING),
        (["profile.a", "profile.a"], "leads", None, LeftOut.TWICE),
    ],
)  # fmt: skip
def test_a_column_that_is_left_out_tells_why_and_is_no_guess(
    headings: list[str], kind: Kind, mapping: object, reason: LeftOut
) -> None:
    fields = {**FIELDS, **called(x="등급", y="등급")}
    wanted = read_mapping(None if mapping is None else orjson.dumps(mapping).decode(), kind)
    columns = find_headings([Line(1, headings)], wanted, kind, fields).columns
    assert all(column.guessed and column.keys and column.reason is None for column in columns[:-1])
    assert columns[-1] == Column(len(headings) - 1, headings[-1], (), False, reason)


def test_the_name_of_an_archived_field_is_free_for_another() -> None:
    fields = {**BUILT_IN_FIELDS, **called(x="등급"), "profile.old": structs.replace(OLD, display_name={"ko": "등급"})}
    assert find_headings([Line(1, ["등급"])], {}, "leads", fields).columns[0].keys == ("profile.x",)


def test_a_bare_phone_number_is_a_mobile_one_unless_another_column_holds_those() -> None:
    assert mapped("전화번호") == {"전화번호": ("mobileNumber",)}
    assert mapped("전화번호", "휴대폰") == {"전화번호": ("landlineNumber",), "휴대폰": ("mobileNumber",)}
    assert mapped("전화번호", "휴대폰", "집전화")["전화번호"] == ()


def test_a_bare_refusal_is_one_of_everything_that_no_other_column_holds() -> None:
    everything = ("unsubscribeEmail", "unsubscribeTexting", "unsubscribeAppPush")
    assert mapped("이름", "수신거부")["수신거부"] == everything
    assert mapped("이메일 수신거부", "수신거부")["수신거부"] == everything[1:]


def test_of_two_columns_for_one_field_the_first_is_taken_and_the_other_left_out() -> None:
    assert mapped("이름", "성함") == {"이름": ("name",), "성함": ()}


def test_what_the_caller_says_goes_before_any_guess() -> None:
    found = mapped("이름", "별명", "등급", "메모", mapping={"별명": "name", "등급": None, "메모": "profile.memo"})
    assert found == {"이름": (), "별명": ("name",), "등급": (), "메모": ("profile.memo",)}


def test_a_column_may_go_into_several_fields() -> None:
    assert mapped("이름", "거절", mapping={"거절": ["unsubscribeEmail", "unsubscribeTexting"]})["거절"] == (
        "unsubscribeEmail", "unsubscribeTexting",
    )  # fmt: skip


def test_the_headings_may_stand_below_a_title() -> None:
    head = [
        Line(1, ["2026 고객 명단"]),
        Line(2, []),
        Line(3, ["고객", None, None]),
        Line(4, ["회원번호", "이름"]),
        Line(5, ["m1", "이름"]),
    ]
    headed = find_headings(head, {}, "members", FIELDS)
    assert headed == Headed(4, (Column(0, "회원번호", ("memberId",), True), Column(1, "이름", ("name",), True)))


@pytest.mark.parametrize(
    ("mapping", "code", "pointer"),
    [
        ({"이름": "nmae"}, "unknownField", "/mapping/이름"),
        ({"이름": "createdAt"}, "notEditable", "/mapping/이름"),
        ({"이름": "profile.1st"}, "invalidKey", "/mapping/이름"),
        ({"이름": 3}, "invalid", "/mapping/이름"),
        ({"이름": "memberId"}, "invalid", "/mapping/이름"),
        ({"a/b": "name"}, "unknownColumn", "/mapping/a~1b"),
        ({"이름": "email", "별명": "email"}, "keyTwice", "/mapping/별명"),
        ({"이름": "email", " 별명 ": "email"}, "keyTwice", "/mapping/ 별명 "),
        ({"SECRETcol": "name"}, "unknownColumn", "/mapping/SECRETcol"),
        ({"이름": "name", " 이름": "city"}, "columnTwice", "/mapping/ 이름"),
        ({"둘": "city"}, "columnTwice", "/mapping/둘"),
        ({"이름": "na\0me"}, "badCharacter", "/mapping/이름"),
        (["이름"], "invalid", "/mapping"),
        ("name", "invalid", "/mapping"),
    ],
)
def test_a_mapping_that_is_wrong_is_refused_at_its_place(mapping: object, code: str, pointer: str) -> None:
    with pytest.raises(Unprocessable) as refused:
        mapped("이름", "별명", "둘", "둘", mapping=mapping)
    assert (refused.value.code, refused.value.pointer) == (code, pointer)


@pytest.mark.parametrize("text", ["{'이름': 'name'}", '{"이름": "name", "이름": "city"}'])
def test_a_mapping_that_is_no_json_or_has_a_member_twice_is_refused(text: str) -> None:
    with pytest.raises(Unprocessable):
        read_mapping(text, "leads")


@pytest.mark.parametrize(
    ("headings", "kind", "code"),
    [(["비고", "메모"], "leads", "noColumns"), (["이름"], "members", "noMemberId"), ([], "leads", "emptyFile")],
)
def test_a_table_that_says_too_little_is_refused(headings: list[str], kind: Kind, code: str) -> None:
    with pytest.raises(Unprocessable) as refused:
        mapped(*headings, kind=kind)
    assert refused.value.code == code
    assert isinstance(refused.value, UnreadableFile) == (code == "emptyFile")


def converted(cell: Cell, kind: FieldTypeName = "String", key: str = "profile.x") -> Any:
    row = row_of([(Column(0, "h", (key,), True), cell)], {"profile.x": kind}, SEOUL)
    return row["profile"]["x"] if key == "profile.x" else row[key]


@pytest.mark.parametrize(
    ("cell", "kind", "value"),
    [
        ("06234", "String", "06234"), (6234, "String", "6234"), (1.5, "String", "1.5"), (True, "String", "true"),
        (datetime(2026, 11, 24), "String", "2026-11-24"), (datetime(2026, 11, 24, 9, 30), "String", "2026-11-24 09:30:00"),
        (3, "Number", 3), (2.5, "Number", 2.5), ("1,234,567", "Number", 1234567), ("-0.5", "Number", -0.5), ("+7", "Number", 7),

               (True, "Boolean", True), ("Y", "Boolean", True), ("아니오", "Boolean", False), ("x", "Boolean", False),
        (1, "Boolean", True),
        (datetime(2026, 11, 24), "Date", "2026-11-23T15:00:00.000Z"), ("2026-11-24", "Date", "2026-11-23T15:00:00.000Z"),
        ("2026.11.24", "Date", "2026-11-23T15:00:00.000Z"), ("2026/1/2 09:30", "Date", "2026-01-02T00:30:00.000Z"),
        ("2026년 11월 24일", "Date", "2026-11-23T15:00:00.000Z"), ("20261124", "Date", "2026-11-23T15:00:00.000Z"),
        (20261124, "Date", "2026-11-23T15:00:00.000Z"), ("2026-11-24T00:00:00+09:00", "Date", "2026-11-23T15:00:00.000Z"),
        ("a, b;c\nd,,", "List", ["a", "b", "c", "d"]), (7, "List", ["7"]),
        (Formatted(1234, "1,234", grouped=True), "List", ["1,234"]), (Formatted(1, "1.00"), "Boolean", True),
        ('"서울, 강남", VIP', "List", ["서울, 강남", "VIP"]),
        ("24/11/2026", "Date", "2026-11-23T15:00:00.000Z"), ("20261124153005", "Date", "2026-11-24T06:30:05.000Z"),
        ("999,999,999,999,999", "Number", 999999999999999), ("0.30000000000000004", "Number", 0.30000000000000004),
        ("123456789012345.00", "Number", 123456789012345), ("0.10", "Number", 0.1), ("-0", "Number", 0),
        (0.1 + 0.2, "String", "0.3"), (1e-7, "String", "0.0000001"), (1e15, "String", "1000000000000000"),
        (Formatted(42, "00042", code=True), "String", "00042"), (Formatted(42, "00042", code=True), "Number", 42),
        (Formatted(0.1, "10.00%"), "Number", 0.1), (Formatted(1234, "1,234", grouped=True), "String", "1,234"),
        (Formatted(datetime(2026, 11, 24), "24/11"), "Date", "2026-11-23T15:00:00.000Z"),
    ],
)  # fmt: skip
def test_a_cell_becomes_a_value_of_its_fields_type(cell: Cell, kind: FieldTypeName, value: object) -> None:
    assert converted(cell, kind) == value


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("abc", "Number"), (True, "Number"), ("1,23", "Number"), ("", "Number"), ("maybe", "Boolean"), (2, "Boolean"),
        ("거부", "Boolean"), ("yesterday", "Date"), ("2026-13-01", "Date"), ("2026-02-30", "Date"), (1.5, "Date"),
        ("5/6/2026", "Date"), ("0012", "Number"), ("00.25", "Number"), ("1,234,567,890,123,456,789", "Number"),
        ("1234567890123456", "Number"), ("1000000000000000", "Number"), ("0.12345678901234567891", "Number"),
        ("1.2E+3", "Number"),
        ("１２", "Number"), (Formatted(None, "36:00"), "Number"), (Formatted(None, "9:30"), "Date"),
    ],
)  # fmt: skip
def test_a_cell_of_the_wrong_type_is_refused_without_being_repeated(cell: Cell, kind: FieldTypeName) -> None:
    with pytest.raises(Unprocessable) as refused:
        converted(cell, kind)
    assert (refused.value.code, key_of(refused.value.pointer)) == ("wrongType", "profile.x")
    assert not cell or str(cell) not in refused.value.detail.replace("2026-11-24", "")


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        (BROKEN, "brokenCell"), (UNCALCULATED, "brokenCell"), (MERGED, "mergedCell"),
        ("a\0", "badCharacter"), ("#N/A", "brokenCell"), ("#REF!", "brokenCell"),
        ("1.23457E+12", "digitsLost"),
        ("-1E+15", "digitsLost"), (Formatted(1.23456789012345e17, "123456789012345000", cut=True), "digitsLost"),
    ],
)  # fmt: skip
def test_a_cell_that_only_an_error_makes_is_refused(cell: Cell, code: str) -> None:
    for key in ("profile.x", "memberId", "name", "tags"):
        with pytest.raises(Unprocessable) as refused:
            converted(cell, key=key)
        assert (refused.value.code, key_of(refused.value.pointer)) == (code, key)


@pytest.mark.parametrize("text", ["#1", "#N/A 아님", "1.5E+1", "1E5", "E+12", "1.23457E-12"])
def test_a_text_that_looks_like_an_error_and_is_none_is_kept(text: str) -> None:
    assert converted(text) == text


@given(st.from_regex(r"-?[0-9,]{1,22}(\.[0-9]{1,20})?", fullmatch=True))
def test_a_number_has_the_digits_of_its_cell_or_there_is_none(text: str) -> None:
    number = as_number(text)
    if number is not None:
        assert Decimal(repr(number)) == Decimal(text.replace(",", ""))


@pytest.mark.parametrize(
    ("cell", "member_id"),
    [
        (Formatted(42, "00042", code=True), "00042"), (Formatted(1234567, "1,234,567", grouped=True), "1234567"),
        (Formatted(7, "No.007", code=True), "No.007"), (42.0, "42"), (123456789012345, "123456789012345"),
    ],
)  # fmt: skip
def test_a_member_id_is_what_its_cell_shows_but_for_the_commas_of_thousands(cell: Cell, member_id: str) -> None:
    assert converted(cell, key="memberId") == member_id


@pytest.mark.parametrize(
    ("word", "value"), [("거부", True), ("수신거부", True), ("동의", False), ("Y", True), ("N", False), (0, False)]
)
def test_a_consent_is_understood_in_its_own_words(word: Cell, value: bool) -> None:
    assert converted(word, key="unsubscribeEmail") is value


def test_blank_cells_say_nothing_and_one_column_may_fill_several_fields() -> None:
    columns: list[tuple[Column, Cell]] = [
        (Column(0, "a", ("memberId",), True), 1001.0),
        (Column(1, "b", ("unsubscribeEmail", "unsubscribeTexting"), True), "Y"),
        (Column(2, "c", ("profile.grade",), True), None),
        (Column(3, "d", ("tags",), True), "vip"),
    ]
    assert row_of(columns, {"profile.grade": "String"}, SEOUL) == {
        "memberId": "1001", "unsubscribeEmail": True, "unsubscribeTexting": True, "tags": ["vip"],
    }  # fmt: skip


def test_a_text_that_comes_again_is_read_the_same_and_its_list_is_each_rows_own() -> None:
    first, second = (converted("VIP, 단골", "List") for _ in range(2))
    first.append("changed")
    assert second == converted("VIP, 단골", "List") == ["VIP", "단골"]
    assert [converted("2026-01-02", "Date") for _ in range(2)] == ["2026-01-01T15:00:00.000Z"] * 2
    assert converted("2026-01-02", "String") == "2026-01-02"
    for _ in range(2):
        with pytest.raises(Unprocessable):
            converted("no date", "Date")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0), ("7", 7), ("1234", 1234), ("999999999999999", 10**15 - 1), ("1000000000000000", None), ("007", None),
        ("", None), ("٣", None), ("²", None), ("1,000", 1000), ("+5", 5), ("-5", -5), ("1.0", 1),
    ],
)  # fmt: skip
def test_digits_alone_are_a_number_unless_they_are_a_code(text: str, number: int | None) -> None:
    assert as_number(text) == number


@pytest.mark.parametrize(
    ("pointer", "key"),
    [("/name", "name"), ("/profile/a~1b", "profile.a/b"), ("/tags/3", "tags"), (None, None), ("/profile", "profile")],
)
def test_a_refusal_names_its_key(pointer: str | None, key: str | None) -> None:
    assert key_of(pointer) == key


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2.5", 3], "Number"), (["1,000", None], "Number"), (["06234", "12345"], "String"),
        (["1234567890123456"], "String"),
        (["TRUE", "false", True], "Boolean"), (["Y", "N"], "String"), (["2026-11-24", datetime(2026, 1, 1)], "Date"),
        (["20261124"], "Number"), (["2026-11-24", "soon"], "String"), ([1, "a"], "String"), ([None, BROKEN], None),
        (["1", True], "String"), (["2026. 11. 24. 오후 3:30", "Nov 24, 2026"], "Date"), (["5/6/2026"], "String"),
        (["0001.5"], "String"),
        (["010203"], "String"), (["00010203"], "String"), (["+7"], "String"), ([Formatted(42, "00042", code=True)], "String"),
        ([Formatted(0.1, "10%"), 3], "Number"), ([Formatted(None, "36:00")], "String"),
        ([Formatted(datetime(2026, 1, 1), "1/1")], "Date"),
    ],
)  # fmt: skip
def test_a_new_fields_type_is_what_all_cells_of_its_column_allow(cells: list[Cell], kind: FieldTypeName | None) -> None:
    inference = Inference(SEOUL)
    for cell in cells:
        inference.see(cell)
    assert inference.type("profile.x") == kind
    assert kind is None or kind in get_args(FieldTypeName)


@pytest.mark.parametrize(("texts", "kind"), [
    (["1234-5-6", "1235-7-8"], "String"), (["1234.5.6"], "String"), (["2026-11-24", "1234-5-6"], "String"),
    (["1899-12-31"], "String"), (["1900-01-02", "2100-12-30"], "Date"), (["2101-01-02"], "String"),
    (["9999-12-31"], "String"), (["1985-03-04"], "Date"),
])  # fmt: skip
def test_what_would_be_a_date_of_another_age_makes_no_field_of_dates(texts: list[str], kind: FieldTypeName) -> None:
    inference = Inference(SEOUL)
    for text in texts:
        inference.see(text)
    assert inference.type("profile.x") == kind


def test_a_field_of_dates_takes_a_date_of_any_age_and_so_does_a_workbooks_cell() -> None:
    assert converted("1234-05-06", "Date") == "1234-05-05T15:32:08.000Z"
    inference = Inference(SEOUL)
    inference.see(datetime(9999, 12, 31))
    assert inference.type("profile.x") == "Date"


def test_a_known_commerce_key_is_of_its_own_type_whatever_the_cells_say() -> None:
    inference = Inference(SEOUL)
    inference.see("골드")
    assert inference.type("profile.totalAmount") == "Number"


def test_a_number_that_no_double_is_near_to_is_not_taken_for_zero() -> None:
    assert (as_number("0." + "0" * 400 + "1"), as_number("-0." + "0" * 400 + "1"), as_number("0.000")) == (None, None, 0)


def test_order_numbers_that_begin_with_a_day_stay_texts() -> None:
    inference = Inference(SEOUL)
    for text in ("20261124-0001", "20261124-0002", "20261125-0013"):
        inference.see(text)
    assert inference.type("profile.orderNo") == "String"
