"""A built-in field is declared once: whatever knows fields knows those of the declaration, and no other."""

import types
from typing import Annotated, Any, Union, get_args, get_origin
from uuid import UUID

import pytest
from msgspec.structs import fields

from common.answers import ShownContact, contact_shown
from common.built_ins import BUILT_INS, CONSENTS, FACTS, FROM_THE_START, GIVEN, OF_DEVICES, declared, value_at
from common.clock import WireInstant
from common.events.contacts import Contact, DeviceFacts
from common.fields import BuiltIn, FieldType
from common.filters import tree
from tests.support import oracle

NO_FIELDS = {"web", "mobile", "profile", "version", "mergedInto", "hidden"}
"""Members of a contact that are no fields: each of the first three holds some."""
HELD_AS: dict[FieldType, tuple[object, ...]] = {
    FieldType.STRING: (str, UUID),
    FieldType.PHONE: (str,),
    FieldType.EMAIL: (str,),
    FieldType.NUMBER: (int, float),
    FieldType.BOOLEAN: (bool,),
    FieldType.DATE: (get_args(WireInstant)[0],),
    FieldType.LIST: (list[str],),
}


def held_as(annotation: Any) -> object:
    """The type of a member's value, where it has one."""
    if get_origin(annotation) is Annotated:
        return held_as(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        (one,) = [each for each in get_args(annotation) if each is not types.NoneType]
        return held_as(one)
    return annotation


def test_every_member_of_a_contact_is_a_declared_field_or_none_on_purpose() -> None:
    assert {member.encode_name for member in fields(Contact)} - NO_FIELDS == set(declared(Contact))


def test_a_field_is_declared_with_the_type_that_its_member_has() -> None:
    for member in fields(Contact):
        if (built_in := declared(Contact).get(member.encode_name)) is not None:
            assert held_as(member.type) in HELD_AS[built_in.type], member.encode_name
    for member in fields(DeviceFacts):
        if (fact := FACTS.get(member.encode_name)) is not None:
            assert held_as(member.type) in HELD_AS[fact.type], member.encode_name


def test_every_fact_of_a_device_is_a_field_of_each_kind_that_has_it_and_is_shown() -> None:
    shown = ShownContact.model_json_schema(mode="serialization")["$defs"]
    for kind in ("web", "mobile"):
        of_kind = {name for name, fact in FACTS.items() if kind in fact.kinds}
        assert {key.partition(".")[2] for key in OF_DEVICES if key.startswith(f"{kind}.")} == of_kind
        assert shown[f"{kind.capitalize()}Facts"]["properties"].keys() == of_kind


@pytest.mark.parametrize("language", ["ko", "en"])
def test_every_field_has_a_name_of_its_own_in_each_language(language: str) -> None:
    names = [getattr(built_in, language) for built_in in BUILT_INS.values()]
    assert all(name == name.strip() != "" for name in names)
    assert len({name.casefold() for name in names}) == len(names)


def test_filters_know_the_declared_fields_by_their_types_and_so_does_the_referee() -> None:
    assert {key: built_in.type for key, built_in in BUILT_INS.items()} == tree.BUILT_INS
    words = {key: oracle.BUILT_INS.get(key, "string") for key in BUILT_INS}
    assert words == {key: built_in.type.value for key, built_in in BUILT_INS.items()}
    assert oracle.BUILT_INS.keys() <= BUILT_INS.keys()


def test_nobody_agreed_to_anything_and_nothing_is_counted_from_the_start() -> None:
    assert FROM_THE_START["sessionsCount"] == 0
    assert {FROM_THE_START[key] for key in (*CONSENTS, "blocked")} == {False}
    assert all(BUILT_INS[f"{consent}UpdatedAt"].type is FieldType.DATE for consent in CONSENTS)
    assert {f"{consent}UpdatedAt" for consent in CONSENTS}.isdisjoint(GIVEN)


def test_a_device_of_an_older_event_was_last_seen_at_the_visit_that_it_is_known_from() -> None:
    seen = {"web": {"seenAt": "2026-01-01T00:00:00.000Z", "lastSeenAt": None}, "mobile": None}
    assert (value_at(seen, "web.lastSeenAt"), value_at(seen, "mobile.lastSeenAt")) == ("2026-01-01T00:00:00.000Z", None)


def test_a_contact_is_shown_with_every_member_but_where_it_was_merged() -> None:
    at = "2026-11-24T03:00:00.000Z"
    contact = Contact.of({"id": str(UUID(int=1)), "createdAt": at, "updatedAt": at, "version": 1, "city": "서울"})
    shown = contact_shown(contact)
    assert shown.keys() == ShownContact.model_json_schema(mode="serialization")["properties"].keys()
    assert shown.keys() == {member.encode_name for member in fields(Contact)} - {"mergedInto"}
    assert (value_at(shown, "city"), value_at(shown, "web.os"), value_at({"web": {"os": "macOS"}}, "web.os")) == (
        "서울",
        None,
        "macOS",
    )


def test_what_is_declared_is_read_from_the_members() -> None:
    of_the_company = BuiltIn(FieldType.STRING, "회사", "Company")

    class Wider(Contact):
        company: Annotated[str | None, of_the_company] = None

    assert declared(Wider) == declared(Contact) | {"company": of_the_company}
