"""E-mail addresses as people, mail programs and web pages hand them on: the address alone, or refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.email_address import InvalidEmail, is_email, read_email, read_email_by_rules

KIM = "kim@example.com"


def read(text: str) -> str | None:
    """The address; None where it is refused."""
    try:
        address = read_email(text)
    except InvalidEmail:
        return None
    assert read_email(address) == address
    return address


@pytest.mark.parametrize(
    "text",
    [
        "kim@example.com", " kim@example.com\n", "kim@example.com;", "kim@example.com,", "; kim@example.com ;",
        "kim@example.com，",
        "<kim@example.com>", "< kim@example.com >", "Kim <kim@example.com>", "Kim<kim@example.com>",
        '"Kim, Lee" <kim@example.com>',
        '"Kim \\"K\\" Lee" <kim@example.com>', "김 민수 <kim@example.com>;", "kim@example.com <kim@example.com>",
        "'kim@example.com'",
        '"kim@example.com"', "mailto:kim@example.com", "MAILTO:kim@example.com", "<mailto:kim@example.com>",
        "kim@example.com(개인)",
        "kim@example.com (work)", "(집) kim@example.com", "(a) <kim@example.com> (b)", "ｋｉｍ＠ｅｘａｍｐｌｅ．ｃｏｍ",
        "\ufeffkim@example.com",
        "kim@example.com\u200b", "kim\u00ad@exam\u2060ple.com", "\u202dkim@example.com\u202c", '"kim"@example.com',
        "kim@exam\u3164ple.com",
    ],
)  # fmt: skip
def test_one_address_in_any_dress(text: str) -> None:
    assert read(text) == KIM


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Kim@Example.COM", "Kim@Example.COM"),
        ("o'brien+tag=x!#$%&*/?^_`{|}~@sub.example.co.kr", "o'brien+tag=x!#$%&*/?^_`{|}~@sub.example.co.kr"),
        ("한글@예시.한국", "한글@예시.한국"),
        ("kim@xn--3e0b707e.com", "kim@한국.com"),
        ("e\u0301@example.com", "é@example.com"),
        ('"a b"@example.com', '"a b"@example.com'),
        ("kim@user.test", "kim@user.test"),
        ("kim@mail.corp.local", "kim@mail.corp.local"),
        (f"{'x' * 64}@example.com", f"{'x' * 64}@example.com"),
    ],
)
def test_addresses_that_may_be(text: str, expected: str) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "@", "kim", "kim@", "@example.com", "kim@example", "kim@localhost", "kim@@example.com", "kim@example..com",
        "kim@.example.com",
        "kim@example.com.", ".kim@example.com", "kim.@example.com", "ki..m@example.com", "kim@-example.com", "kim@example-.com",
        "kim@exam_ple.com", "kim@exam ple.com", "k im@example.com", "kim@example.com lee@example.com",
        "kim@example.com;lee@example.com",
        "kim@example.com,lee@example.com", "kim@example.com, Lee <lee@example.com>", "kim@example.com/lee@example.com",
        "kim@example.com <lee@example.com>", "kim@example.com (lee@example.com)", "Kim <kim@example.com", "kim@example.com>",
        "<>", "Kim <>",
        "[kim@example.com](mailto:kim@example.com)", "mailto:kim@example.com?subject=hi", "http://kim@example.com/",
        "kim@example.com 개인",
        "메일: kim@example.com", "kim@[127.0.0.1]", "kim@127.0.0.1", "kim@example.123", "kim at example.com", "kim@example,com",
        "kim@exa(m)ple.com", "kim@نامه\u200cای.com", f"{'x' * 65}@example.com", f"kim@{'x' * 64}.com", f"kim@{'x.' * 130}com",
        "a@" * 5000,
        "(" * 500, "kim@ab--cd.com", "없음", "-", "kim@☃.com",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    assert read(text) is None
    assert not is_email(text)


ATOMS = st.text(st.sampled_from("abcXYZ019!#$%&'*+/=?^_`{|}~-."), min_size=1, max_size=70)
LABELS = st.lists(st.text(st.sampled_from("abcXYZ019-"), min_size=1, max_size=66), min_size=1, max_size=5).map(".".join)


@settings(max_examples=500)
@given(st.builds("{}@{}".format, ATOMS, LABELS))
def test_the_quick_way_takes_what_the_validator_takes(text: str) -> None:
    try:
        by_rules = read_email_by_rules(text)
    except InvalidEmail:
        by_rules = None
    assert read(text) == by_rules


@given(st.text(st.one_of(st.sampled_from("ab@.<>()\"';, \n\u200b＠mailto:"), st.characters()), max_size=40))
def test_what_is_read_is_an_address_and_read_again_as_it_is(text: str) -> None:
    address = read(text)
    if address is not None:
        assert address.count("@") >= 1
        assert not set(address.rpartition("@")[2]) & set("<>()\"';, \n\u200b")
