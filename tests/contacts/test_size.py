"""How large a contact and a visit may be: what is refused, and that whatever is not fits a message and a document."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
from msgspec import structs

from common.built_ins import BUILT_INS, GIVEN
from common.clock import to_wire
from common.envelope import SAFE_BYTES
from common.errors import Unprocessable
from common.events.contacts import Change, Contact, FieldDefinition, Visit
from common.filters.tree import FieldType
from contacts import merge, publish
from contacts.bulk.action import Done, Outcome, act, take_back
from contacts.contact import Write, created, decide, evolve, visited
from contacts.profile_field import MOST_ELEMENT, MOST_FIELDS, MOST_TEXT
from contacts.publish import Step
from contacts.size import MOST_CONTACT, MOST_VISIT, size
from contacts.visits.publish import visit_messages
from contacts.visits.visit import read_report
from search.document import Slots, document

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
KEYS = [f"{n:03d}".rjust(64, "k") for n in range(MOST_FIELDS)]
TEXTS = {key: FieldDefinition(key=f"profile.{key}", type="String") for key in KEYS}
LISTS = {key: FieldDefinition(key=f"profile.{key}", type="List") for key in KEYS}
MOST_DOCUMENT = 2 * 1024 * 1024


def contact(profile: dict[str, Any], **values: Any) -> Contact:
    return Contact(id=UUID(int=1), created_at=to_wire(NOW), updated_at=to_wire(NOW), version=1, profile=profile, **values)


def full(letter: str, more: int = 0) -> dict[str, str]:
    """Texts of this letter for every key, as long as a contact may hold them, and so many letters more."""
    room = (MOST_CONTACT - 70 * MOST_FIELDS - 100) // len(orjson.dumps(letter)[1:-1])
    each, rest = divmod(room + more, MOST_FIELDS)
    assert each < MOST_TEXT
    return {key: letter * (each + (n < rest)) for n, key in enumerate(KEYS)}


def message(step: Step) -> int:
    (told,) = publish.contact_messages("shop", [step], ())
    assert told.value is not None
    return len(told.key) + len(told.value) + len(orjson.dumps(told.headers))


@pytest.mark.parametrize("key", sorted(GIVEN))
def test_every_value_that_callers_give_weighs(key: str) -> None:
    value = {FieldType.LIST: ["x" * 250], FieldType.BOOLEAN: None}.get(BUILT_INS[key].type, "x" * 250)
    if value is not None:
        assert size(Contact.of(contact({}).members() | {key: value})) >= size(contact({})) + 240


@pytest.mark.parametrize("letter", ["a", "가", "😀", '"', "\\", "և"])
def test_a_contact_as_large_as_can_be_fits_a_message_even_where_all_of_it_changes(letter: str) -> None:
    event = decide(None, Write(profile=full(letter)), TEXTS)
    assert event is not None
    made = created(UUID(int=1), "m" * 64, event, NOW)  # type: ignore[arg-type]
    assert MOST_CONTACT - 2000 < size(made) <= MOST_CONTACT
    other = full("b")
    changed = decide(made, Write(profile=other), TEXTS)
    assert changed is not None
    assert message(Step(changed, evolve(made, changed, NOW))) < SAFE_BYTES
    names = ("device", "os", "osName", "browser", "browserName", "appName", "appVersion", "sdkName", "sdkVersion")
    device = {"kind": "web", **dict.fromkeys(names, "😀" * 256)}
    visit = Visit(id="😀" * 128, contact_id=made.id, at=to_wire(NOW), device={**device})
    made = evolve(made, visited(made, structs.replace(visit, device=device | {"kind": "mobile"}), 1), NOW)
    moved = visited(made, visit, 1)
    assert message(Step(moved, evolve(made, moved, NOW))) < SAFE_BYTES


@pytest.mark.parametrize("letter", ["a", "가", "😀", "ß", "և"])
def test_the_document_of_a_contact_as_large_as_can_be_is_no_larger_than_the_index_expects(letter: str) -> None:
    texts: Slots = {key: (FieldType.STRING, n) for n, key in enumerate(KEYS)}
    assert len(document("shop", contact(full(letter)), texts)) < MOST_DOCUMENT


def test_the_document_of_a_contact_of_many_short_elements_is_no_larger_than_the_index_expects() -> None:
    lists: Slots = {key: (FieldType.LIST, n) for n, key in enumerate(KEYS)}
    elements = [chr(0xAC00 + n) + "x" for n in range(100)]
    made = contact(dict.fromkeys(KEYS, elements))
    assert size(made) <= MOST_CONTACT
    assert len(document("shop", made, lists)) < MOST_DOCUMENT


def test_a_contact_has_room_for_a_full_text_and_a_full_list_beside_ordinary_values() -> None:
    long = {KEYS[0]: "가" * MOST_TEXT, KEYS[1]: "나" * MOST_TEXT} | dict.fromkeys(KEYS[3:], "a value as people have them")
    event = decide(None, Write(profile=long | {KEYS[2]: ["다" * MOST_ELEMENT] * 100}), TEXTS | {KEYS[2]: LISTS[KEYS[2]]})
    assert event is not None


@pytest.mark.parametrize("state", [None, contact({}), contact(full("a"))])
def test_a_write_that_makes_too_much_of_a_contact_is_refused_at_its_place(state: Contact | None) -> None:
    with pytest.raises(Unprocessable) as refusal:
        decide(state, Write(profile=full("a", 5000), pointer="/contacts/3"), TEXTS)
    assert (refusal.value.code, refusal.value.pointer) == ("tooLarge", "/contacts/3")
    assert refusal.value.extra == {"most": MOST_CONTACT}
    assert "256 KiB" in refusal.value.detail


def test_what_is_too_large_may_always_become_smaller_and_change_in_place() -> None:
    large = contact(full("a", 9000))
    assert size(large) > MOST_CONTACT
    assert decide(large, Write(profile={KEYS[0]: None}), TEXTS) is not None
    assert decide(large, Write({"blocked": True}), TEXTS) is not None
    with pytest.raises(Unprocessable):
        decide(large, Write({"name": "one letter more"}), TEXTS)


def test_a_bulk_action_that_would_make_too_much_of_a_contact_fails_for_it_and_says_so() -> None:
    acted = act(UUID(int=1), contact(full("a")), Write(add_tags=tuple(f"{n}" * 128 for n in range(20)), pointer="/action"), NOW)
    assert (acted.outcome, acted.problem and acted.problem.code) == (Outcome.FAILED, "tooLarge")


def test_an_undo_that_would_make_too_much_of_a_contact_is_skipped_and_says_so() -> None:
    now = contact(full("a"), tags=[])
    taken = Change.of({"key": "tags", "from": ["x" * MOST_ELEMENT] * 20, "to": []})
    done = Done(now.id, now.id, [taken], NOW, {})
    back = take_back(now, done, (), NOW)
    assert (back.outcome, back.problem and back.problem.code) == (Outcome.SKIPPED, "tooLarge")


def test_a_merge_as_large_as_can_be_fits_a_message() -> None:
    lead = contact({})
    theirs = {f"profile.{key}": value for key, value in full("가").items()}
    lead = evolve(lead, decide(lead, Write(profile=full("가")), TEXTS), NOW)  # type: ignore[arg-type]
    member = Contact(id=UUID(int=2), member_id="m", member=True, created_at=to_wire(NOW), updated_at=to_wire(NOW), version=1)
    taken = merge.merged(member, lead, {"": 0, "web": 0, "mobile": 0})
    assert {change.key for change in taken.changes} >= theirs.keys()
    assert message(Step(taken, evolve(member, taken, NOW))) < SAFE_BYTES


def report(**members: Any) -> Visit:
    read = read_report(4, {"id": "v" * 128, "memberId": "u1", **members}, NOW)
    at = to_wire(read.at)
    return Visit(id=read.id, contact_id=UUID(int=1), at=at, properties=read.properties, url=read.url, device=read.device)


def test_a_visit_as_large_as_can_be_fits_a_message() -> None:
    properties = {f"{n:03d}".rjust(128, "k"): "가" * ((MOST_VISIT - 15_000) // 300) for n in range(100)}
    visit = report(properties=properties, url="https://example.com/" + "a" * 2000)
    (told,) = visit_messages("shop", [(visit, visit.encode())])
    assert told.value is not None
    assert MOST_VISIT - 5000 < len(told.value) < SAFE_BYTES


@pytest.mark.parametrize(
    ("members", "code", "pointer"),
    [
        ({"properties": {f"k{n}": "가" * 2000 for n in range(100)}}, "tooLarge", "/visits/4"),
        ({"properties": {f"k{n}": "a" * 10_000 for n in range(53)}}, "tooLarge", "/visits/4"),
        ({"properties": {"k" * 129: 1}}, "tooLong", "/visits/4/properties"),
        ({"device": {"kind": "web", "os": "x" * 257}}, "invalid", "/visits/4/device/os"),
    ],
)
def test_a_visit_that_is_too_large_is_refused(members: dict[str, Any], code: str, pointer: str) -> None:
    with pytest.raises(Unprocessable) as refusal:
        report(**members)
    assert (refusal.value.code, refusal.value.pointer) == (code, pointer)
