"""Which texts are the id of a person, and which only an error makes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Unprocessable
from common.invisible import INVISIBLE
from contacts.member_id import check_member_id, check_new_member_id, is_member_id


def refusal_of(value: object) -> str:
    """The code of the refusal, whose text repeats nothing."""
    with pytest.raises(Unprocessable) as refusal:
        check_member_id(value, "/memberId")
    assert refusal.value.pointer == "/memberId"
    return str(refusal.value.code)


@pytest.mark.parametrize(
    "member_id",
    [
        "a", "한글", "a/b?c#d%20@x", "x" * 64, "0", "-1", "null1", "nullable", "none-such", "undefined.user",
        "nana", "nan@example.com", "#1", "{3F2504E0-4F89-11D3-9A0C-0305E82C3301}", "{ab12}", "[VIP]", "(a)", "000", "falsetto",
        "<kim>", "N/A/7",
    ],
)  # fmt: skip
def test_a_member_id_that_may_be(member_id: str) -> None:
    assert check_member_id(member_id, "") == member_id
    check_new_member_id(member_id, "")


@pytest.mark.parametrize(
    "member_id", ["", " ", "a b", "a\tb", "a\u00a0b", "a\u3000b", "x" * 65, None, 7, True, "a\x00", "a\x7f", "a\ufffe"]
)
def test_a_member_id_that_may_not_be_is_refused(member_id: object) -> None:
    assert refusal_of(member_id) == "invalidMemberId"


@pytest.mark.parametrize(
    "member_id",
    [
        "undefined", "Undefined", "UNDEFINED", "null", "NULL", "Null", "nil", "None", "NaN", "true", "False", "-Infinity", "N/A",
        "[object Object]", "[object Promise]", "[object_Object]", "[objectObject]", "[object", "{}", "[]", "()", '""', "''",
        "<nil>", "(null)", "<undefined>", '"null"', "{{}}", "${}", "${userId}", "{{user.id}}", "{member_id}",
        "#{id}", "%{id}", "<%=id%>", "#N/A", "#REF!", "#VALUE!", "#DIV/0!", "00000000-0000-0000-0000-000000000000",
    ],
)  # fmt: skip
def test_an_id_that_only_an_error_makes_is_refused_but_may_be_asked_for(member_id: str) -> None:
    assert refusal_of(member_id) == "placeholderMemberId"
    assert is_member_id(member_id) or " " in member_id


@given(st.text("ab1", max_size=5), st.from_regex(INVISIBLE, fullmatch=True), st.text("ab1", max_size=5))
def test_nobody_new_gets_an_id_with_a_character_that_nobody_sees(before: str, unseen: str, after: str) -> None:
    member_id = before + unseen + after
    with pytest.raises(Unprocessable) as refusal:
        check_new_member_id(member_id, "/memberId")
    assert (refusal.value.code, refusal.value.pointer) == ("invisibleCharacter", "/memberId")
    if is_member_id(member_id):
        assert check_member_id(member_id, "") == member_id
