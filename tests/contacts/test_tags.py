"""Tags: which writings are one, and whose stays."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.clock import EPOCH, to_wire
from common.errors import Unprocessable
from common.events.contacts import Change, Contact, ContactChanged
from common.filters.text import fold, read_tag
from common.ids import new_id
from contacts.contact import changes, evolve, read_write
from contacts.merge import merged
from contacts.tags import MOST_TAGS, as_written, joined, read_tags, without


def having(*tags: str) -> Contact:
    """A contact with exactly these tags, whatever they are."""
    at = to_wire(EPOCH)
    empty = Contact(id=new_id(), member_id="a", member=True, created_at=at, updated_at=at, version=1, hidden=False)
    return evolve(empty, ContactChanged(changes=[Change(key="tags", from_=[], to=list(tags))]), EPOCH)


def after(before: Contact, **write: Any) -> list[str]:
    """Its tags after a write."""
    found = changes(before, read_write(write, "KR"), {})
    return list(evolve(before, ContactChanged(changes=found), EPOCH).tags)


@pytest.mark.parametrize(
    ("before", "write", "tags"),
    [
        ([], {"tags": ["a", "A", " a "]}, ["a"]),
        ([], {"tags": ["VIP", "vip", "VIP\u200b", "\ufeffVIP", "V\u00adIP", "ＶIP"]}, ["VIP", "ＶIP"]),
        ([], {"tags": ["새  손님", "새 손님", "새\u00a0손님 ", "새손님"]}, ["새 손님", "새손님"]),
        ([], {"tags": [" ", "\u200b", "\u3164", "a"]}, ["a"]),
        ([], {"addTags": ["e\u0301", "É", "straße", "STRASSE"]}, ["e\u0301", "straße"]),
        ([], {"tags": ["👩\u200d👧", "نامه\u200cای"]}, ["👩\u200d👧", "نامه\u200cای"]),
        (["vip"], {"addTags": ["VIP", " vip"]}, ["vip"]),
        (["vip", "x"], {"tags": ["X", "VIP"]}, ["x", "vip"]),
        (["vip", "x"], {"removeTags": ["VIP ", "none"]}, ["x"]),
        (["vip"], {"addTags": ["A"], "removeTags": ["a"]}, ["vip"]),
        (["vip"], {"tags": []}, []),
        # what was written before this held
        (["a", "A", " a "], {"addTags": ["a", "b"]}, ["a", "b"]),
        (["a  b"], {"addTags": ["a b"]}, ["a b"]),
        (["a  b"], {"addTags": ["A B"]}, ["a b"]),
        (["a  b"], {"tags": ["A  B"]}, ["a b"]),
        (["a  b", "V\u00adIP"], {"removeTags": ["a b", "vip"]}, []),
        (["a  b", "V\u00adIP"], {"removeTags": ["A\u200b  B"]}, ["VIP"]),
        (["\u200b", "x"], {"addTags": ["y"]}, ["x", "y"]),
        ([f"t{n}" for n in range(19)] + ["T0"], {"addTags": ["t19"]}, [f"t{n}" for n in range(20)]),
        (["a", "A", " a "], {"removeTags": ["A"]}, []),
        (["a", "A", " a "], {"tags": ["A"]}, ["a"]),
        (["a", "A"], {"name": "Kim"}, ["a", "A"]),
    ],
)
def test_tags_that_differ_in_case_or_blanks_alone_are_one(before: list[str], write: dict[str, Any], tags: list[str]) -> None:
    assert after(having(*before), **write) == tags


def test_the_same_tags_in_other_writings_are_no_change() -> None:
    for write in ({"tags": ["VIP", " X"]}, {"addTags": ["VIP"]}, {"removeTags": ["z"]}):
        assert changes(having("vip", "x"), read_write(write, "KR"), {}) == []


def test_writings_of_one_tag_count_once() -> None:
    many = [f"{way}{n}" for n in range(MOST_TAGS) for way in ("t", "T", " t")]
    assert read_tags(many, "/tags") == tuple(f"t{n}" for n in range(MOST_TAGS))
    with pytest.raises(Unprocessable) as refusal:
        read_write({"tags": [*many, "one more"]}, "KR")
    assert (refusal.value.code, refusal.value.pointer) == ("tooManyTags", "/tags")
    full = having(*(f"t{n}" for n in range(MOST_TAGS)))
    assert after(full, addTags=["T0", "T1 "]) == list(full.tags)


def test_a_merge_takes_over_no_second_writing() -> None:
    member, lead = having("vip", "x"), having("VIP", "y", "Y")
    to = {change.key: change.to for change in merged(member, lead, {"": 0, "web": 0, "mobile": 0}).changes}
    assert to["tags"] == ["vip", "x", "y"]
    member, lead = having("a  b", "A B"), having("c\u200b", "a b")
    to = {change.key: change.to for change in merged(member, lead, {"": 0, "web": 0, "mobile": 0}).changes}
    assert to["tags"] == ["a b", "c"]


TAGS = st.lists(st.text(st.sampled_from("aAbB \u200bé\u00a0ß"), max_size=4), max_size=6)


@given(TAGS, TAGS)
def test_laws_of_tags(some: list[str], others: list[str]) -> None:
    first, second = (read_tags(tags, "") for tags in (some, others))
    both = joined(first, second)
    identities = [fold(tag) for tag in both]
    assert len(set(identities)) == len(identities)
    assert both[: len(first)] == first
    assert {fold(read_tag(tag)) for tag in [*some, *others]} - {""} == set(identities)
    assert without(both, second) == without(first, second)
    assert joined(both, first) == both
    assert [fold(tag) for tag in as_written(first, second)] == [fold(tag) for tag in second]
