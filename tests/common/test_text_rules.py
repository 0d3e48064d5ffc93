"""Characters that no text may have, found wherever they hide in a body."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Unprocessable
from common.text_rules import allowed, clean_text, cleaned, suspicious

REFUSED = ["\x00", "\x08", "\x0b", "\x1f", "\x7f", "\x80", "\x9f", "\ufdd0", "\ufffe", "\uffff", "\U0001fffe", "\U0010ffff"]
TEXTS = st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize("character", REFUSED)
def test_a_refused_character_is_seen_in_every_writing_and_blamed_by_pointer(character: str) -> None:
    value = {"contacts": [{"name": "a"}, {"a/b~": f"x{character}y"}]}
    for body in (orjson.dumps(value), json.dumps(value).encode()):
        assert suspicious(body)
        with pytest.raises(Unprocessable) as refusal:
            cleaned(orjson.loads(body))
        assert refusal.value.pointer == "/contacts/1/a~1b~0"
        assert refusal.value.code == "badCharacter"


@pytest.mark.parametrize("text", ["\t", "\n", "홍길동", "👩‍👩‍👧", "\u00a0", "\ue000", "e\u0301"])
def test_other_characters_pass_unchanged(text: str) -> None:
    assert clean_text(text) == text


def test_of_all_characters_these_alone_are_refused_in_a_text() -> None:
    noncharacters = {*range(0xFDD0, 0xFDF0), *(plane << 16 | end for plane in range(17) for end in (0xFFFE, 0xFFFF))}
    controls = {*range(0x20), *range(0x7F, 0xA0)} - {0x09, 0x0A, 0x0D}
    refused = noncharacters | controls | {*range(0xD800, 0xE000)}
    assert {code for code in range(0x110000) if not allowed(f"a{chr(code)}")} == refused


def test_every_newline_becomes_a_line_feed() -> None:
    assert cleaned({"a": "x\r\ny\rz", "b\r": ["\r\n"]}) == {"a": "x\ny\nz", "b\n": ["\n"]}


@given(VALUES)
def test_a_body_without_suspicion_is_clean(value: object) -> None:
    body = orjson.dumps(value)
    try:
        changed = cleaned(orjson.loads(body)) != value
    except Unprocessable:
        changed = True
    assert suspicious(body) or not changed
