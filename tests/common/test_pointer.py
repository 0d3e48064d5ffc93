"""Places in bodies, as refusals name them."""

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from common.pointer import escape, json_pointer, parts_of, place_in


class Inner(BaseModel):
    n: int


class Asked(BaseModel):
    names: dict[Literal["ko", "en"], str] = {}
    one: Inner | list[Inner] | None = None
    many: list[Inner] = []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"names": {"ja": "x"}}, "/names/ja"),
        ({"names": {"ko": 1}}, "/names/ko"),
        ({"names": {"a/b~": "x"}}, "/names/a~1b~0"),
        ({"one": {"n": "x"}}, "/one/n"),
        ({"one": [{"n": 1}, {"n": "x"}]}, "/one"),
        ({"one": "x"}, "/one"),
        ({"many": [{"n": 1}, {}]}, "/many/1/n"),
        ({"many": {}}, "/many"),
        ([], ""),
    ],
)
def test_a_fault_is_at_a_place_of_the_body_and_at_no_mark_of_the_validators(body: Any, pointer: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        Asked.model_validate(body)
    first = refusal.value.errors()[0]
    assert place_in(body, first["loc"], missing=first["type"] == "missing") == pointer


def test_a_key_is_escaped() -> None:
    assert escape("a~/b") == "a~0~1b"


@given(st.lists(st.text()))
def test_a_pointer_is_taken_apart_into_what_it_was_made_of(parts: list[str]) -> None:
    assert parts_of(json_pointer(parts)) == parts
