"""Who a lead turns out to be, and what the member then has: the table of the rules, and the law that no value is lost."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from common.clock import to_wire
from common.errors import Conflict, Unprocessable
from common.events.contacts import Contact
from contacts import merge
from contacts.contact import evolve
from contacts.merge import Claims, Identified
from contacts.tags import MOST_TAGS

NOW = datetime(2026, 11, 24, 4, tzinfo=UTC)
T, LATER = to_wire(NOW - timedelta(hours=1)), to_wire(NOW)
LEAD, MEMBER = UUID(int=1), UUID(int=2)

NONE = {"": 0, "web": 0, "mobile": 0}


def lead(**values: Any) -> Contact:
    first: dict[str, Any] = {"id": LEAD, "created_at": T, "updated_at": T, "version": 3}
    return Contact(**first | values)


def member(**values: Any) -> Contact:
    first: dict[str, Any] = {
        "id": MEMBER, "member_id": "m", "member": True, "created_at": T, "updated_at": T, "version": 5,
    }  # fmt: skip
    return Contact(**first | values)


def after(of_member: Contact, of_lead: Contact, sessions: int = 0, claims: Claims = merge.NOTHING_VERIFIED) -> Contact:
    return evolve(of_member, merge.merged(of_member, of_lead, {**NONE, "": sessions}, claims), NOW)


@pytest.mark.parametrize(
    ("given_lead", "given_member", "follows"),
    [
        (lead(), None, Identified.BECOMES),
        (lead(), member(), Identified.MERGES),
        (lead(merged_into=MEMBER), member(), Identified.ALREADY),
        (member(), member(), Identified.ALREADY),
    ],
)
def test_what_follows_from_naming_a_lead(given_lead: Contact, given_member: Contact | None, follows: Identified) -> None:
    assert merge.identify(given_lead, given_member, "m", "/leadId") is follows


@pytest.mark.parametrize(
    ("given_lead", "given_member", "refusal", "code"),
    [
        (None, member(), Unprocessable, "unknownLead"),
        (lead(merged_into=UUID(int=9)), member(), Conflict, "mergedElsewhere"),
        (lead(merged_into=UUID(int=9)), None, Conflict, "mergedElsewhere"),
        (lead(member=True, member_id="other"), member(), Conflict, "leadIsMember"),
        (lead(member=True, member_id="other"), None, Conflict, "leadIsMember"),
    ],
)
def test_who_cannot_be_named_as_a_lead(
    given_lead: Contact | None, given_member: Contact | None, refusal: type[Conflict] | type[Unprocessable], code: str
) -> None:
    with pytest.raises(refusal) as refused:
        merge.identify(given_lead, given_member, "m", "/leadId")
    assert (refused.value.code, refused.value.pointer) == (code, "/leadId")


def test_a_lead_that_becomes_a_member_keeps_its_id_and_all_it_had() -> None:
    before = lead(name="홍길동", profile={"grade": "VIP"}, sessions_count=3)
    now = evolve(before, merge.becomes(before, "m"), NOW)
    assert now == structs.replace(before, member_id="m", member=True, version=4, updated_at=LATER)


def test_an_absorbed_lead_leads_on_and_holds_nothing_any_more() -> None:
    before = lead(name="홍길동", tags=["a"], profile={"grade": "VIP"}, sessions_count=3)
    assert evolve(before, merge.absorbed(before, member()), NOW) == Contact(
        id=LEAD, created_at=T, updated_at=LATER, version=4, merged_into=MEMBER
    )


@pytest.mark.parametrize(
    ("mine", "theirs", "kept"),
    [
        (None, "서울", "서울"),
        ("부산", None, "부산"),
        ("부산", "서울", "부산"),
        (None, None, None),
    ],
)
def test_a_value_beats_no_value_and_the_members_beats_the_leads(mine: str | None, theirs: str | None, kept: str | None) -> None:
    now = after(
        member(city=mine, profile={"city": mine} if mine else {}), lead(city=theirs, profile={"city": theirs} if theirs else {})
    )
    assert (now.city, now.profile.get("city")) == (kept, kept)


def test_zero_and_false_are_values_that_the_lead_does_not_replace() -> None:
    now = after(member(profile={"point": 0, "agreed": False}), lead(profile={"point": 7, "agreed": True, "other": False}))
    assert now.profile == {"point": 0, "agreed": False, "other": False}


@pytest.mark.parametrize(("mine", "theirs"), [(False, True), (True, False), (True, True), (False, False)])
def test_who_was_blocked_as_either_is_blocked(mine: bool, theirs: bool) -> None:
    assert after(member(blocked=mine), lead(blocked=theirs)).blocked is (mine or theirs)


@pytest.mark.parametrize(
    ("claims", "kept"),
    [
        (Claims(), "m@example.com"),
        (Claims(lead={"email"}), "l@example.com"),
        (Claims(member={"email"}, lead={"email"}), "m@example.com"),
        (Claims(member={"email"}), "m@example.com"),
        (Claims(lead={"city"}), "m@example.com"),
    ],
)
def test_verified_beats_unverified_before_the_members_beats_the_leads(claims: Claims, kept: str) -> None:
    assert after(member(email="m@example.com"), lead(email="l@example.com"), claims=claims).email == kept


def test_a_verified_nothing_beats_no_value() -> None:
    assert after(member(email="m@example.com"), lead(), claims=Claims(lead={"email"})).email == "m@example.com"


def test_tags_are_joined_the_members_first_and_twenty_at_most() -> None:
    mine, theirs = [f"m{n}" for n in range(15)], ["m3", *(f"l{n}" for n in range(10))]
    assert after(member(tags=mine), lead(tags=theirs)).tags == [*mine, "l0", "l1", "l2", "l3", "l4"]


@pytest.mark.parametrize(
    ("mine", "theirs", "kept"),
    [
        ((True, T), (False, LATER), (False, LATER)),
        ((True, LATER), (False, T), (True, LATER)),
        ((False, None), (True, T), (True, T)),
        ((True, T), (False, None), (True, T)),
        ((True, T), (False, T), (True, T)),
        ((False, None), (False, None), (False, None)),
    ],
)
def test_the_latest_change_of_a_consent_wins(mine: Any, theirs: Any, kept: Any) -> None:
    now = after(
        member(unsubscribe_email=mine[0], unsubscribe_email_updated_at=mine[1]),
        lead(unsubscribe_email=theirs[0], unsubscribe_email_updated_at=theirs[1]),
    )
    assert (now.unsubscribe_email, now.unsubscribe_email_updated_at) == kept


@pytest.mark.parametrize(
    ("mine", "theirs", "kept"),
    [
        ((True, T), (False, LATER), (True, T)),
        ((False, None), (True, T), (True, T)),
        ((False, LATER), (True, T), (False, LATER)),
        ((False, T), (True, LATER), (True, LATER)),
        ((False, T), (False, LATER), (False, T)),
    ],
)
def test_where_a_page_says_it_a_consent_is_only_taken_back(mine: Any, theirs: Any, kept: Any) -> None:
    before = member(unsubscribe_texting=mine[0], unsubscribe_texting_updated_at=mine[1])
    joined = merge.merged(
        before, lead(unsubscribe_texting=theirs[0], unsubscribe_texting_updated_at=theirs[1]), NONE, by_page=True
    )
    now = evolve(before, joined, NOW)
    assert (now.unsubscribe_texting, now.unsubscribe_texting_updated_at) == kept


@pytest.mark.parametrize("blocked", [False, True])
def test_where_a_page_says_it_block_and_tags_stay_as_the_member_has_them(blocked: bool) -> None:
    before = member(blocked=blocked, tags=["mine"])
    joined = merge.merged(before, lead(blocked=not blocked, tags=["theirs"], city="서울"), NONE, by_page=True)
    now = evolve(before, joined, NOW)
    assert (now.blocked, now.tags, now.city) == (blocked, ["mine"], "서울")


def test_instants_and_sessions_are_those_of_both() -> None:
    now = after(
        member(created_at=LATER, first_seen_at=LATER, last_seen_at=LATER, sessions_count=2),
        lead(created_at=T, first_seen_at=T, last_seen_at=to_wire(NOW - timedelta(minutes=59)), sessions_count=2),
        sessions=3,
    )
    assert (now.created_at, now.first_seen_at, now.last_seen_at, now.sessions_count) == (T, T, LATER, 3)
    assert (now.id, now.member_id, now.version, now.updated_at, now.merged_into) == (MEMBER, "m", 6, LATER, None)


def test_what_a_member_has_already_is_no_change() -> None:
    assert merge.merged(member(city="서울"), lead(city="서울"), NONE).changes == []


texts = st.one_of(st.none(), st.sampled_from(["가", "나"]))
values = st.one_of(st.none(), st.sampled_from(["가", 0, 1, True, False, ["a"], ["b", "c"]]))
sides = st.fixed_dictionaries(
    {
        "name": texts,
        "email": texts,
        "avatar_url": texts,
        "tags": st.lists(st.sampled_from([f"t{n}" for n in range(30)]), max_size=MOST_TAGS, unique=True),
        "blocked": st.booleans(),
        "profile": st.dictionaries(st.sampled_from("abc"), values.filter(lambda v: v is not None)),
    }
)


@given(mine=sides, theirs=sides)
def test_no_value_is_lost_unless_a_rule_says_so(mine: dict[str, Any], theirs: dict[str, Any]) -> None:
    now = after(member(**mine), lead(**theirs))
    for key in ("name", "email", "avatar_url"):
        assert getattr(now, key) == (mine[key] if mine[key] is not None else theirs[key])
    assert now.profile == theirs["profile"] | mine["profile"]
    joined = [*mine["tags"], *(t for t in theirs["tags"] if t not in mine["tags"])]
    assert now.tags == joined[:MOST_TAGS]
    assert now.blocked is (mine["blocked"] or theirs["blocked"])
