"""Which fields rows define by naming them: only with a value, each once, in order, and never beyond two hundred."""

from collections.abc import Mapping

import pytest

from common.errors import Unprocessable
from common.events.contacts import FieldDefinition
from contacts.contact import Write
from contacts.fields.built_in import BUILT_IN_FIELDS
from contacts.fields.first_sight import Known, look, may_define

NOTHING = Known({})
TAKEN = Known({f"k{n}": FieldDefinition(key=f"profile.k{n}", type="Number") for n in range(199)})


def made(known: Known) -> list[tuple[str, str, int]]:
    return [(d.key, d.type, d.order - len(BUILT_IN_FIELDS)) for d in known.made]


@pytest.mark.parametrize(
    ("profile", "defined"),
    [
        ({}, []),
        ({"a": None, "b": " ", "c": [], "d": [" "]}, []),
        ({"a": 1}, [("profile.a", "Number", 0)]),
        ({"b": "x", "a": [], "c": ["x"], "grade": "VIP"}, [("profile.b", "String", 0), ("profile.c", "List", 1),
                                                          ("profile.grade", "String", 2)]),
    ],
)  # fmt: skip
def test_a_row_defines_what_it_has_a_value_for(profile: Mapping[str, object], defined: list[tuple[str, str, int]]) -> None:
    for write in (Write(profile=profile), Write(profile_once=profile), Write(profile=profile, profile_once=profile)):
        assert made(look(NOTHING, write)) == defined
        assert may_define(NOTHING, [Write(), write]) == (defined != [])
        assert look(look(NOTHING, write), write) == look(NOTHING, write)
        assert not may_define(look(NOTHING, write), [write])


def test_rows_define_after_one_another_and_the_first_one_says_the_type() -> None:
    first = look(NOTHING, Write(profile={"a": 1}))
    second = look(first, Write(profile={"a": "text", "b": True}))
    assert made(second) == [("profile.a", "Number", 0), ("profile.b", "Boolean", 1)]
    assert first.fields.keys() == {"a"}


@pytest.mark.parametrize(
    ("known", "write", "code", "pointer"),
    [
        (NOTHING, Write(profile={"bad key": 1}, pointer="/contacts/3"), "invalidKey", "/contacts/3/profile/bad key"),
        (NOTHING, Write(profile={"a/b": None}), "invalidKey", "/profile/a~1b"),
        (NOTHING, Write(profile_once={"a": {}}), "wrongType", "/profileOnce/a"),
        (TAKEN, Write(profile={"last": 1}, profile_once={"more": 2}), "tooManyFields", "/profileOnce/more"),
    ],
)
def test_what_no_field_can_be_is_refused_with_its_place(known: Known, write: Write, code: str, pointer: str) -> None:
    with pytest.raises(Unprocessable) as refusal:
        look(known, write)
    assert (refusal.value.code, refusal.value.pointer) == (code, pointer)
    assert not may_define(known, [write, Write(), Write(profile={"other": None})])
    assert may_define(known, [write, Write(profile={"other": 1})])
