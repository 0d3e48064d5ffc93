"""Bulk actions: what may be asked for, what becomes of a contact, and that an undo brings back exactly what was there."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from common.built_ins import CONSENTS
from common.clock import from_wire, to_wire
from common.errors import Unprocessable
from common.events.contacts import Change, Contact, ContactChanged, ContactRestored
from contacts.bulk.action import Acted, Done, Outcome, act, job_shown, read_action, take_back
from contacts.bulk.api import NewBulkAction
from contacts.contact import Write, evolve
from contacts.jobs.job import Job, Status
from contacts.tags import MOST_TAGS

CREATED = datetime(2026, 1, 1, tzinfo=UTC)
CONSENTED = datetime(2026, 2, 1, tzinfo=UTC)
AT = datetime(2026, 11, 24, 3, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
ID = UUID(int=7)
LEE = Contact(
    id=ID, created_at=to_wire(CREATED), updated_at=to_wire(CONSENTED), version=3, tags=["VIP", "a"], unsubscribe_email=True,
    unsubscribe_email_updated_at=to_wire(CONSENTED),
)  # fmt: skip
EMAIL = "unsubscribeEmail"
EMAIL_AT = "unsubscribeEmailUpdatedAt"


def a_contact(**members: Any) -> Contact:
    return structs.replace(LEE, **members)


@pytest.mark.parametrize(
    ("raw", "then"),
    [
        ({"addTags": ["a", "b"]}, Write(add_tags=("a", "b"), pointer="/action")),
        ({"removeTags": ["a"]}, Write(remove_tags=("a",), pointer="/action")),
        ({"set": {EMAIL: True}}, Write({EMAIL: True}, pointer="/action")),
        (
            {"set": {"unsubscribeTexting": False, "unsubscribeAppPush": True}, "blocked": False, "addTags": ["a"]},
            Write(
                {"unsubscribeTexting": False, "unsubscribeAppPush": True, "blocked": False}, add_tags=("a",), pointer="/action"
            ),
        ),
    ],
)
def test_an_action_is_read(raw: dict[str, Any], then: Write) -> None:
    assert read_action(raw) == then


@pytest.mark.parametrize(
    ("raw", "code", "pointer"),
    [
        ({}, "emptyAction", "/action"),
        ({"addTags": []}, "emptyAction", "/action"),
        ({"set": {}}, "emptyAction", "/action"),
        ([], "wrongType", "/action"),
        ({"delete": True}, "unknownAction", "/action/delete"),
        ({"a/b~c": True}, "unknownAction", "/action/a~1b~0c"),
        ({"set": {"name": "x"}}, "unknownField", "/action/set/name"),
        ({"set": {"blocked": True}}, "unknownField", "/action/set/blocked"),
        ({"set": {EMAIL: None}}, "wrongType", "/action/set/unsubscribeEmail"),
        ({"set": {EMAIL: "true"}}, "wrongType", "/action/set/unsubscribeEmail"),
        ({"set": [EMAIL]}, "wrongType", "/action/set"),
        ({"blocked": None}, "wrongType", "/action/blocked"),
        ({"blocked": 1}, "wrongType", "/action/blocked"),
        ({"addTags": [str(n) for n in range(MOST_TAGS + 1)]}, "tooManyTags", "/action/addTags"),
        ({"addTags": ["a"], "removeTags": ["A"]}, "twice", "/action/removeTags/0"),
        ({"addTags": ["x", "a b"], "removeTags": ["c", " ", "A  B"]}, "twice", "/action/removeTags/2"),
    ],
)
def test_an_action_is_refused(raw: Any, code: str, pointer: str) -> None:
    with pytest.raises(Unprocessable) as refused:
        read_action(raw)
    assert (refused.value.code, refused.value.pointer) == (code, pointer)


@pytest.mark.parametrize("target", [{}, {"filter": {"and": []}}, {"query": "kim", "fingerprint": None}])
def test_whom_nobody_has_seen_nothing_is_done_to(target: dict[str, Any]) -> None:
    body = NewBulkAction.model_validate({"action": {"blocked": True}, "target": target})
    with pytest.raises(Unprocessable) as refused:
        body.check_seen()
    assert refused.value.pointer == "/target/fingerprint"
    body.model_copy(update={"dry_run": True}).check_seen()


@pytest.mark.parametrize("raw", [{"addTags": "a"}, {"removeTags": [1]}, {"addTags": None}])
def test_tags_that_are_no_list_of_texts_are_refused_or_ask_for_nothing(raw: Any) -> None:
    with pytest.raises(Unprocessable) as refused:
        read_action(raw)
    assert (refused.value.pointer or "").startswith("/action")


@pytest.mark.parametrize(
    ("state", "action", "changes", "times"),
    [
        (LEE, {"addTags": ["b"]}, [Change(key="tags", from_=["VIP", "a"], to=["VIP", "a", "b"])], {}),
        (LEE, {"removeTags": ["VIP", "z"]}, [Change(key="tags", from_=["VIP", "a"], to=["a"])], {}),
        (LEE, {"blocked": True}, [Change(key="blocked", from_=False, to=True)], {}),
        (LEE, {"set": {EMAIL: False}}, [Change(key=EMAIL, from_=True, to=False)], {EMAIL_AT: "2026-02-01T00:00:00.000Z"}),
        (
            LEE,
            {"set": {"unsubscribeTexting": True}},
            [Change(key="unsubscribeTexting", from_=False, to=True)],
            {"unsubscribeTextingUpdatedAt": None},
        ),
    ],
)
def test_a_contact_is_changed(state: Contact, action: Any, changes: list[Change], times: dict[str, Any]) -> None:
    event = ContactChanged(changes=changes)
    acted = act(ID, state, read_action(action), AT)
    assert acted.step is not None
    assert (acted.step.event, acted.step.after) == (event, evolve(state, event, AT))
    assert (acted.outcome, acted.version, acted.consent_times, acted.problem) == (Outcome.CHANGED, 4, times, None)


@pytest.mark.parametrize(
    "action", [{"addTags": ["a"]}, {"removeTags": ["z"]}, {"blocked": False}, {"set": {EMAIL: True}, "addTags": ["VIP"]}]
)
def test_a_contact_that_is_so_already_is_unchanged(action: Any) -> None:
    assert act(ID, LEE, read_action(action), AT) == Acted(ID, Outcome.UNCHANGED)


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (None, "erased"),
        (a_contact(merged_into=UUID(int=8)), "merged"),
        (a_contact(tags=[str(n) for n in range(MOST_TAGS)]), "tooManyTags"),
    ],
)
def test_a_contact_that_cannot_be_changed_says_why(state: Contact | None, code: str) -> None:
    acted = act(ID, state, read_action({"addTags": ["new"]}), AT)
    assert (acted.outcome, acted.step) == (Outcome.FAILED, None)
    assert acted.problem is not None
    assert acted.problem.code == code


def done_by(acted: Acted) -> Done:
    assert acted.step is not None
    assert isinstance(acted.step.event, ContactChanged)
    at = from_wire(acted.step.after.updated_at)
    return Done(acted.contact_id, ID, acted.step.event.changes, at, acted.consent_times or {})


def test_an_undo_brings_back_value_and_time_of_a_consent() -> None:
    acted = act(ID, LEE, read_action({"set": {EMAIL: False}}), AT)
    assert acted.step is not None
    back = take_back(acted.step.after, done_by(acted), (), LATER)
    assert back.step is not None
    assert back.step.event == ContactRestored(
        changes=[
            Change(key=EMAIL, from_=False, to=True),
            Change(key=EMAIL_AT, from_="2026-11-24T03:00:00.000Z", to="2026-02-01T00:00:00.000Z"),
        ]
    )
    assert back.step.after == structs.replace(LEE, version=5, updated_at=to_wire(LATER))


@pytest.mark.parametrize(
    ("since", "keys"),
    [
        ({"unsubscribe_email": True, "unsubscribe_email_updated_at": to_wire(LATER)}, [EMAIL, EMAIL_AT]),
        ({"unsubscribe_email_updated_at": to_wire(LATER)}, [EMAIL_AT]),
        ({"tags": ["VIP", "a"]}, ["tags"]),
        ({"tags": ["VIP", "a", "b", "c"]}, ["tags"]),
    ],
)
def test_an_undo_skips_a_contact_of_which_any_of_it_changed_since(since: dict[str, Any], keys: list[str]) -> None:
    acted = act(ID, LEE, read_action({"set": {EMAIL: False}, "addTags": ["b"]}), AT)
    assert acted.step is not None
    back = take_back(structs.replace(acted.step.after, **since), done_by(acted), (), LATER)
    assert (back.outcome, back.step) == (Outcome.SKIPPED, None)
    assert back.problem is not None
    assert (back.problem.code, back.problem.extra) == ("changedSince", {"keys": keys})


@pytest.mark.parametrize(("since", "keys"), [({"blocked", "name"}, ["blocked"]), ({"tags", "blocked"}, ["blocked", "tags"])])
def test_an_undo_skips_what_was_changed_and_changed_back_since(since: set[str], keys: list[str]) -> None:
    acted = act(ID, LEE, read_action({"blocked": True, "addTags": ["b"]}), AT)
    assert acted.step is not None
    back = take_back(acted.step.after, done_by(acted), since, LATER)
    assert (back.outcome, back.step) == (Outcome.SKIPPED, None)
    assert back.problem is not None
    assert (back.problem.code, back.problem.extra) == ("changedSince", {"keys": keys})


def test_an_undo_goes_by_what_the_action_touched_and_leaves_the_rest() -> None:
    acted = act(ID, LEE, read_action({"blocked": True}), AT)
    assert acted.step is not None
    moved = structs.replace(acted.step.after, name="이", tags=["new"], version=9)
    back = take_back(moved, done_by(acted), (), LATER)
    assert back.step is not None
    assert back.step.after == structs.replace(moved, blocked=False, version=10, updated_at=to_wire(LATER))


@pytest.mark.parametrize(
    ("state", "done", "code"),
    [
        (None, Done(ID, ID, [Change(key="blocked", from_=False, to=True)], AT, {}), "erased"),
        (LEE, Done(ID, ID, [], None, {}), "erased"),
        (a_contact(merged_into=UUID(int=8)), Done(ID, ID, [Change(key="blocked", from_=False, to=True)], AT, {}), "merged"),
    ],
)
def test_an_undo_skips_a_contact_that_is_not_there_any_more(state: Contact | None, done: Done, code: str) -> None:
    back = take_back(state, done, (), LATER)
    assert (back.outcome, back.step) == (Outcome.SKIPPED, None)
    assert back.problem is not None
    assert back.problem.code == code


TAGS = st.lists(st.sampled_from("abcdefgh"), max_size=6, unique=True)
INSTANTS = st.none() | st.datetimes(datetime(2020, 1, 1), datetime(2026, 1, 1)).map(lambda d: to_wire(d.replace(tzinfo=UTC)))
STATES = st.fixed_dictionaries(
    {
        "version": st.integers(1, 9),
        "name": st.none() | st.just("이"),
        "tags": TAGS,
        "blocked": st.booleans(),
        "unsubscribe_email": st.booleans(),
        "unsubscribe_email_updated_at": INSTANTS,
        "unsubscribe_texting": st.booleans(),
        "unsubscribe_texting_updated_at": INSTANTS,
        "unsubscribe_app_push": st.booleans(),
        "unsubscribe_app_push_updated_at": INSTANTS,
        "last_seen_at": INSTANTS,
        "profile": st.just({"grade": "VIP"}),
    }
).map(lambda members: structs.replace(LEE, **members))


def _tags_apart(action: dict[str, Any]) -> bool:
    return set(action.get("addTags", ())).isdisjoint(action.get("removeTags", ()))


ACTIONS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"blocked": st.booleans()},
    optional={
        "addTags": TAGS,
        "removeTags": TAGS,
        "set": st.dictionaries(st.sampled_from(CONSENTS), st.booleans()),
    },
).filter(_tags_apart)


@given(STATES, ACTIONS)
def test_undo_after_a_bulk_action_is_as_before_but_for_the_version_and_its_time(state: Contact, action: dict[str, Any]) -> None:
    acted = act(ID, state, read_action(action), AT)
    if acted.outcome is Outcome.UNCHANGED:
        return
    assert acted.step is not None
    after = Contact.decode(acted.step.after.encode())
    back = take_back(after, done_by(acted), (), LATER)
    assert back.step is not None
    assert back.step.after == structs.replace(state, version=state.version + 2, updated_at=to_wire(LATER))


def test_the_job_is_shown_with_its_counts_and_the_undo_once_asked_for() -> None:
    job = Job(
        id=ID, channel="demo", kind="bulkAction", requested_by="kim", requested_at=to_wire(AT), status=Status.RUNNING, total=9,
        counts={"changed": 3, "failed": 1},
    )  # fmt: skip
    members = {
        "id": str(ID), "action": {"blocked": True},
        "status": "running", "total": 9, "done": 4, "changed": 3, "unchanged": 0, "failed": 1, "undo": None,
        "requestedBy": "kim", "requestedAt": "2026-11-24T03:00:00.000Z", "endedAt": None, "problem": None,
    }  # fmt: skip
    assert job_shown(job, {"blocked": True}) == members
    undoing = structs.replace(job, undoing=True, counts={"changed": 3, "failed": 1, "undone": 1, "skipped": 1})
    assert job_shown(undoing, {"blocked": True}) == members | {"undo": {"total": 3, "done": 2, "undone": 1, "skipped": 1}}
