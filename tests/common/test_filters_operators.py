"""Every operator upon every kind of value, and what it says of a contact that has none."""

from typing import Any

import pytest

from common.filters import Context, FieldDefinition, FieldType, evaluate, fold, initials, parse
from common.phone import UnreadablePhone, read_phone

FIELDS = {
    "s": FieldDefinition(FieldType.STRING), "n": FieldDefinition(FieldType.NUMBER), "b": FieldDefinition(FieldType.BOOLEAN),
    "d": FieldDefinition(FieldType.DATE), "l": FieldDefinition(FieldType.LIST),
}  # fmt: skip
CONTEXT = Context("KR", "Asia/Seoul", FIELDS, frozenset(), {"names": "name", "phones": "mobileNumber", "tags": "tags"})


def truth(key: str, operator: str, values: list[Any], contact: dict[str, Any], **more: object) -> bool:
    raw = {"key": key, "operator": operator, "values": values, **more}
    verdict = evaluate(parse(raw, CONTEXT), contact, 0)
    assert verdict.next_change is None
    return verdict.truth


@pytest.mark.parametrize(
    ("value", "operator", "values", "expected"),
    [
        ("VIP", "eq", ["vip"], True),
        ("VIP", "in", ["gold", "ViP"], True),
        ("VIP", "eq", ["vi"], False),
        ("VIP", "ne", ["vip"], False),
        ("VIP", "notIn", ["gold", "silver"], True),
        ("VIP", "notIn", ["gold", "vip"], False),
        ("\u3000VIP\u00a0\n", "eq", [" vip\t"], True),
        ("VIP\u200b", "eq", ["vip"], False),  # the zero-width space is no white space
        ("VIP\x1c", "eq", ["vip"], False),  # nor is a separator of C0, whatever Python says
        ("a  b", "eq", ["a b"], False),  # inside, white space counts
        ("straße", "eq", ["STRASSE"], True),
        ("STRASSE", "eq", ["ẞtraße".replace("ẞ", "s")], True),
        ("ẞ", "eq", ["ss"], True),
        ("ΣΑΣ", "eq", ["σας"], True),
        ("İ", "eq", ["i"], False),  # it folds to an i with a dot above, which is not an i
        ("İ", "eq", ["i\u0307"], True),
        ("I", "eq", ["ı"], False),  # not Turkic
        ("ﬁn", "contains", ["fi"], True),
        ("ǰ", "eq", ["J\u030c"], True),
        ("ǰ", "contains", ["j"], False),  # folding takes it apart, and NFC puts it together again
        ("e\u0301", "eq", ["É"], True),
        ("é", "contains", ["e"], False),  # one code point, not two
        ("홍길동", "eq", ["\u1112\u1169\u11bc\u1100\u1175\u11af\u1103\u1169\u11bc"], True),
        ("\u1112\u1169\u11bc", "contains", ["홍"], True),
        ("홍길동", "contains", ["길"], True),
        ("홍길동", "contains", ["길홍"], False),
        ("홍길동", "contains", ["호"], False),
        ("홍길동", "notContains", ["x", "길"], False),
        ("홍길동", "notContains", ["x", "y"], True),
        ("👩‍👩‍👧", "contains", ["👩"], True),
        ("👩‍👩‍👧", "eq", ["👩"], False),
        ("a*b?c\\d\"e", "contains", ['\\d"'], True),
        ("abc", "contains", ["*"], False),
        ("abc", "eq", ["a?c"], False),
        ("two words", "contains", ["o w"], True),  # never by word
        ("홍길동", "startsWith", ["홍길"], True),
        ("홍길동", "startsWith", ["길", "동"], False),
        ("홍길동", "endsWith", ["x", "길동"], True),
        ("홍길동", "endsWith", ["홍"], False),
        ("홍길동", "chosung", ["ㅎㄱㄷ"], True),
        ("홍길동", "chosung", ["ㄱㄷ"], True),
        ("홍길동", "chosung", ["ㅎㄷ"], False),
        ("홍 a길-동!", "chosung", ["ㅎㄱㄷ"], True),
        ("까치", "chosung", ["ㄱ"], False),
        ("까치", "chosung", ["ㄲㅊ"], True),
        ("ㅎㄱㄷ", "chosung", ["ㅎ"], False),  # letters by themselves are no syllables
        ("alice", "chosung", ["ㅇ"], False),
        ("0", "exists", [], True),
        ("0", "notExists", [], False),
    ],
)  # fmt: skip
def test_texts(value: str, operator: str, values: list[str], expected: bool) -> None:
    assert truth("name", operator, values, {"name": value}) is expected
    assert truth("user.profile.s", "$" + operator, values, {"profile": {"s": value}}) is expected
    if operator not in {"exists", "notExists"}:
        assert truth("email", operator, values, {"email": value}, type="String") is expected


@pytest.mark.parametrize(
    ("value", "values", "expected"),
    [
        ("Kim@Example.COM", ["example.com"], True),
        ("kim@sub.example.com", ["example.com"], False),
        ("kim@notexample.com", ["example.com"], False),
        ('"a@b"@example.com', ["example.com"], True),
        ("no address", ["no address"], False),
        ("kim@straße.de", ["other.org", "STRASSE.de"], True),
        ("kim@한국.com", ["xn--3e0b707e.com"], True),
    ],
)
def test_a_domain_is_all_that_follows_the_last_at(value: str, values: list[str], expected: bool) -> None:
    assert truth("email", "domain", values, {"email": value}) is expected


@pytest.mark.parametrize(
    ("key", "kept", "asked", "expected"),
    [
        ("email", "kim@example.com", "Kim <KIM@example.com>;", True),
        ("email", "kim@example.com", "\ufeffkim@exam\u200bple.com", True),
        ("email", "kim@한국.com", "kim@xn--3e0b707e.com", True),
        ("email", "no address", "No Address", True),  # kept before addresses were checked
        ("memberId", "kim", "kim\u200b", True),
        ("tags", ["vip gold"], "VIP\u00ad \u00a0 Gold", True),
        ("name", "a\u200db", "ab", False),
    ],
)
def test_what_stands_for_one_thing_is_looked_for_as_it_is_kept(key: str, kept: object, asked: str, expected: bool) -> None:
    for operator, negative in (("in", "notIn"), ("hasAny", "hasNone")) if key == "tags" else (("eq", "ne"), ("in", "notIn")):
        assert truth(key, operator, ["x", asked], {key: kept}) is expected
        assert truth(key, negative, ["x", asked], {key: kept}) is not expected


@pytest.mark.parametrize(
    ("value", "operator", "values", "expected"),
    [
        ("+821012345678", "eq", ["010-1234-5678"], True),
        ("+821012345678", "eq", ["+82 (0)10 1234 5678"], True),
        ("+821012345678", "in", ["02-123-4567", "０１０ 1234 5678"], True),
        ("+821012345678", "ne", ["01012345678"], False),
        ("+12125550100", "eq", ["+1 (212) 555-0100"], True),
        ("+821012345678", "contains", ["010-1234"], True),
        ("+821012345678", "contains", ["8210 12"], True),
        ("+821012345678", "contains", ["0-1-0-1"], True),
        ("+821012345678", "contains", ["820"], False),
        ("+821012345678", "contains", ["１２３４"], True),
        ("+821012345678", "notContains", ["999"], True),
        ("+821012345678", "notContains", ["999", "5678"], False),
        ("+821012345678", "startsWith", ["010"], True),
        ("+821012345678", "startsWith", ["+82"], True),
        ("+821012345678", "startsWith", ["10"], False),
        ("+821012345678", "endsWith", ["5678"], True),
        ("+821012345678", "lastDigits", ["5678"], True),
        ("+821012345678", "lastDigits", ["567"], False),
        ("+821012345678", "lastDigits", ["010 1234 5678"], True),
        ("+821012345678", "countryCode", ["82"], True),
        ("+821012345678", "countryCode", ["1", "+82"], True),
        ("+821012345678", "countryCode", ["8"], False),
        ("+12125550100", "countryCode", ["1"], True),
        ("+12125550100", "contains", ["0212"], False),  # no 0 is dialled before a number there
        ("+821012345678", "exists", [], True),
    ],
)  # fmt: skip
def test_phones(value: str, operator: str, values: list[str], expected: bool) -> None:
    assert truth("mobileNumber", operator, values, {"mobileNumber": value}) is expected
    assert truth("landlineNumber", operator, values, {"landlineNumber": value}, type="STRING") is expected


@pytest.mark.parametrize(
    ("text", "country", "expected"),
    [
        ("010-1234-5678", "KR", "+821012345678"),
        ("+82 10 1234 5678", "US", "+821012345678"),
        ("02-123-4567", "KR", "+8221234567"),
        ("1588-1234", "KR", "+8215881234"),
        ("(212) 555-0100", "US", "+12125550100"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("253-0000", "US", None),  # a number within a city only
        ("1234", "KR", None),
        ("010-1234-5678 ext. 9", "KR", None),
        ("", "KR", None),
        ("전화번호", "KR", None),
        ("010-1234-5678", "XX", None),
        ("1" * 10_000, "KR", None),
    ],
)
def test_reading_a_phone_number(text: str, country: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(UnreadablePhone):
            read_phone(text, country)
    else:
        assert read_phone(text, country) == expected
        assert read_phone(expected, country) == expected


@pytest.mark.parametrize(
    ("value", "operator", "values", "expected"),
    [
        (0, "eq", [0], True),
        (0, "ne", [1], True),
        (0, "exists", [], True),
        (-0.0, "in", [1, 0], True),
        (2, "eq", [2.0], True),
        (0.1 + 0.2, "eq", [0.3], False),
        (2**53 + 1, "eq", [2**53], True),  # doubles
        (5, "gt", [5], False),
        (5, "gte", [5], True),
        (5, "lt", [5], False),
        (5, "lte", [5], True),
        (5, "between", [5, 7], True),
        (7, "between", [5, 7], True),
        (7.000001, "between", [5, 7], False),
        (6, "between", [6, 6], True),
        (7, "notBetween", [5, 7], False),
        (8, "notBetween", [5, 7], True),
        (5, "notIn", [1, 2, 5], False),
        (10**400, "gt", [1e308], True),
    ],
)
def test_numbers(value: float, operator: str, values: list[float], expected: bool) -> None:
    assert truth("profile.n", operator, values, {"profile": {"n": value}}) is expected
    assert truth("user.sessionCount", "$" + operator, values, {"sessionsCount": value}, type="Number") is expected


@pytest.mark.parametrize(
    ("value", "operator", "values", "expected"),
    [
        (False, "eq", [False], True),
        (False, "eq", [True], False),
        (False, "in", [True, False], True),
        (False, "ne", [True], True),
        (False, "notIn", [True, False], False),
        (False, "exists", [], True),
    ],
)
def test_booleans(value: bool, operator: str, values: list[bool], expected: bool) -> None:
    assert truth("profile.b", operator, values, {"profile": {"b": value}}) is expected


@pytest.mark.parametrize(
    ("value", "operator", "values", "expected"),
    [
        (["VIP", "새 손님"], "hasAny", ["vip"], True),
        (["VIP"], "in", ["gold", " ViP "], True),
        (["VIP"], "hasAny", ["vi"], False),
        (["VIP", "x"], "hasAll", ["X", "vip"], True),
        (["VIP", "x"], "hasAll", ["x", "y"], False),
        (["VIP", "x"], "hasNone", ["y", "vip"], False),
        (["VIP", "x"], "notIn", ["y"], True),
        (["VIP", "x"], "isExactly", ["x", "vip", "X"], True),
        (["VIP", "x"], "isExactly", ["x"], False),
        (["VIP/서울", "x"], "hasPrefix", ["vip/"], True),
        (["VIP"], "hasPrefix", ["vip/"], False),
        (["a", "b"], "size", [{"op": "eq", "n": 2}], True),
        (["a", "b"], "size", [{"op": "gt", "n": 2}], False),
        (["a", "b"], "size", [{"op": "gte", "n": 2.0}], True),
        (["a", "b"], "size", [{"op": "lt", "n": 3}], True),
        (["a", "b"], "size", [{"op": "lte", "n": 1}], False),
        (["a"], "exists", [], True),
    ],
)
def test_lists(value: list[str], operator: str, values: list[Any], expected: bool) -> None:
    assert truth("tags", operator, values, {"tags": value}) is expected
    assert truth("profile.l", operator, values, {"profile": {"l": value}}, type="LIST") is expected


NOTHING: list[tuple[str, str, list[Any], bool]] = [
    ("profile.s", "exists", [], False), ("profile.s", "notExists", [], True), ("profile.s", "eq", ["a"], False),
    ("profile.s", "ne", ["a"], True), ("profile.s", "notIn", ["a", "b"], True), ("profile.s", "contains", ["a"], False),
    ("profile.s", "notContains", ["a"], True), ("profile.s", "startsWith", ["a"], False), ("profile.s", "endsWith", ["a"], False),
    ("profile.s", "chosung", ["ㄱ"], False), ("email", "domain", ["a"], False), ("mobileNumber", "eq", ["010-1234-5678"], False),
    ("mobileNumber", "ne", ["010-1234-5678"], True), ("mobileNumber", "lastDigits", ["1"], False),
    ("mobileNumber", "notContains", ["1"], True), ("mobileNumber", "countryCode", ["82"], False), ("profile.n", "eq", [0], False),
    ("profile.n", "ne", [0], True), ("profile.n", "lt", [10], False), ("profile.n", "between", [-1, 1], False),
    ("profile.n", "notBetween", [-1, 1], True), ("profile.b", "eq", [False], False), ("profile.b", "ne", [False], True),
    ("profile.d", "before", ["9999-01-01T00:00:00Z"], False), ("profile.d", "after", ["0001-01-01T00:00:00Z"], False),
    ("profile.d", "notWithinLast", [{"n": 1, "unit": "days"}], False),
    ("profile.d", "withinLast", [{"n": 1, "unit": "days"}], False),
    ("profile.d", "calendar", ["today"], False), ("profile.d", "anniversary", [{"n": 400, "unit": "days"}], False),
    ("profile.l", "hasAny", ["a"], False), ("profile.l", "hasAll", ["a"], False), ("profile.l", "hasNone", ["a"], True),
    ("profile.l", "isExactly", ["a"], False), ("profile.l", "size", [{"op": "eq", "n": 0}], False),
    ("profile.l", "size", [{"op": "lt", "n": 5}], False),
]  # fmt: skip


@pytest.mark.parametrize(("key", "operator", "values", "expected"), NOTHING)
def test_a_contact_without_the_value(key: str, operator: str, values: list[Any], expected: bool) -> None:
    contacts: list[dict[str, Any]] = [{}, {"profile": {}}, {key: None, "profile": {key[8:]: None}}]
    if key.endswith((".s", ".d", ".n")) or "." not in key:
        contacts += [{key: blank, "profile": {key[8:]: blank}} for blank in ("", " ", "\u3000\t")]
    if key.endswith(".l"):
        contacts += [{"profile": {"l": []}}]
    for contact in contacts:
        assert truth(key, operator, values, contact) is expected
        if "xists" not in operator:
            assert truth(key, operator, values, contact, missing="include") is True
            assert truth(key, operator, values, contact, missing="exclude") is False


def test_missing_says_nothing_of_contacts_that_have_the_value() -> None:
    contact = {"name": "a"}
    for missing in ("include", "exclude"):
        assert truth("name", "eq", ["a"], contact, missing=missing) is True
        assert truth("name", "eq", ["b"], contact, missing=missing) is False
        assert truth("name", "ne", ["a"], contact, missing=missing) is False
        assert truth("name", "ne", ["b"], contact, missing=missing) is True


@pytest.mark.parametrize("key", ["blocked", "unsubscribeEmail", "unsubscribeTexting", "unsubscribeAppPush"])
def test_what_a_contact_has_from_the_start_is_never_missing(key: str) -> None:
    for contact in ({}, {key: None}, {key: False}):
        assert truth(key, "eq", [False], contact)
        assert truth(key, "exists", [], contact)
        assert not truth(key, "eq", [True], contact, missing="include")
    assert truth("sessionsCount", "eq", [0], {})


def test_the_negative_operators_are_exact_complements() -> None:
    complements: list[tuple[str, str, str, list[Any]]] = [
        ("name", "ne", "eq", ["a"]), ("name", "notContains", "contains", ["a"]), ("name", "notIn", "in", ["a", "b"]),
        ("name", "notExists", "exists", []), ("sessionsCount", "notBetween", "between", [1, 2]),
        ("tags", "hasNone", "hasAny", ["a"]),
    ]  # fmt: skip
    contacts: list[dict[str, Any]] = [
        {}, {"name": "a"}, {"name": "xax"}, {"name": " "}, {"sessionsCount": 2}, {"tags": ["A"]}, {"tags": []},
    ]  # fmt: skip
    for key, negative, positive, values in complements:
        for contact in contacts:
            assert truth(key, negative, values, contact) is not truth(key, positive, values, contact)


def test_term_sets_stand_for_their_terms() -> None:
    terms = {"names": {fold("VIP"), fold("Straße")}, "phones": {"+821012345678"}, "tags": {"x"}}

    def judged(key: str, operator: str, name: str, contact: dict[str, Any]) -> bool:
        node = parse({"key": key, "operator": operator, "termSet": name}, CONTEXT)
        return evaluate(node, contact, 0, terms).truth

    assert judged("name", "in", "names", {"name": " STRASSE"})
    assert not judged("name", "notIn", "names", {"name": "vip"})
    assert judged("name", "notIn", "names", {})
    assert judged("mobileNumber", "eq", "phones", {"mobileNumber": "+821012345678"})
    assert judged("tags", "in", "tags", {"tags": ["a", "X"]})
    assert judged("tags", "hasNone", "tags", {"tags": ["a"]})
    with pytest.raises(ValueError):
        evaluate(parse({"key": "name", "operator": "notIn", "termSet": "names"}, CONTEXT), {}, 0)


def test_initials_are_those_of_syllables_alone() -> None:
    assert initials("가까나다따라마바빠사싸아자짜차카타파하") == "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
    assert initials("힣a가 ㅎ\u1100 각") == "ㅎㄱㄱ"


def test_a_value_of_another_type_never_matches() -> None:
    assert not truth("profile.n", "eq", [1], {"profile": {"n": True}})
    assert truth("profile.n", "ne", [1], {"profile": {"n": "1"}})
    assert not truth("profile.b", "eq", [True], {"profile": {"b": 1}})
    assert not truth("profile.d", "before", ["9999-01-01T00:00:00Z"], {"profile": {"d": "yesterday"}})
