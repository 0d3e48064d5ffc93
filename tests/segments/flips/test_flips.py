"""What is found is never less than what flips, on random filters and contacts, and by tables no more than it need be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.clock import from_millis, to_wire
from common.filters import Context, FieldDefinition, FieldType, Node, Verdict, conditions, evaluate, fold, inline, parse
from segments.flips.channel import Flips
from segments.flips.field import canonical
from tests.segments.support import MINUTE, NOON, named, seen_within
from tests.support.filter_cases import DATES, Case, cases
from tests.support.filter_values import contacts

DAY = 24 * 60 * MINUTE
SHIFTS = st.sampled_from([0, 1, MINUTE, DAY, 7 * DAY, 31 * DAY, 366 * DAY]) | st.integers(0, 400 * DAY)


@dataclass(frozen=True)
class Asked:
    """A segment as it is put in."""

    node: Node
    terms: Mapping[str, set[str]]

    @classmethod
    def of(cls, case: Case) -> "Asked":
        definitions = {name: parse(raw, case.context()) for name, raw in case.world.segments.items()}
        terms = {name: {fold(term) for term in listed} for name, listed in case.world.term_sets.items()}
        return cls(inline(parse(case.raw, case.context()), definitions), terms)

    def verdict(self, contact: Mapping[str, Any], now: int) -> Verdict:
        return evaluate(self.node, contact, now, self.terms)


@dataclass(frozen=True)
class Scene:
    """Some segments, two states of a contact, and an instant."""

    segments: Sequence[Asked]
    old: Mapping[str, Any]
    new: Mapping[str, Any]
    now: int

    def flips(self, data: st.DataObject) -> Flips[int]:
        """All of them put in, after others that were there before: numbers of segments and conditions are used again."""
        flips = Flips[int]()
        for name in data.draw(st.permutations(range(len(self.segments))), label="before"):
            flips.put(len(self.segments) - 1 - name, self.segments[name].node, self.segments[name].terms)
            if data.draw(st.booleans(), label="asked meanwhile"):
                flips.changed(self.old, self.new, self.now)
        for name in data.draw(st.sets(st.sampled_from(range(len(self.segments)))), label="dropped"):
            flips.drop(name)
        for name, asked in enumerate(self.segments):
            flips.put(name, asked.node, asked.terms)
        return flips


@st.composite
def scenes(draw: st.DrawFn, *, keys: list[str] | None = None) -> Scene:
    drawn = draw(st.lists(cases(keys=keys, most=6), min_size=1, max_size=4))
    old = drawn[0].contact
    other = draw(contacts())
    taken = draw(st.sets(st.sampled_from(sorted(other)), max_size=4))
    new = {**old, **{key: other[key] for key in taken if key != "profile"}}
    if "profile" in taken:
        some = draw(st.sets(st.sampled_from(sorted(other["profile"]))))
        new["profile"] = {**old["profile"], **{key: other["profile"][key] for key in some}}
    return Scene([Asked.of(case) for case in drawn], old, new, draw(st.sampled_from(drawn)).now)


@settings(max_examples=150)
@given(scenes(), st.data())
def test_whatever_a_change_flips_is_found(scene: Scene, data: st.DataObject) -> None:
    found = scene.flips(data).changed(scene.old, scene.new, scene.now)
    for name, asked in enumerate(scene.segments):
        if asked.verdict(scene.old, scene.now).truth != asked.verdict(scene.new, scene.now).truth:
            assert name in found


@settings(max_examples=100)
@given(scenes(), st.data())
def test_whatever_is_true_is_possible(scene: Scene, data: st.DataObject) -> None:
    found = scene.flips(data).possible(scene.new, scene.now)
    assert {name for name, asked in enumerate(scene.segments) if asked.verdict(scene.new, scene.now).truth} <= set(found)


@settings(max_examples=100)
@given(scenes() | scenes(keys=DATES), SHIFTS, st.data())
def test_whatever_the_clock_flips_is_found_and_not_before_it_is_due(scene: Scene, shift: int, data: st.DataObject) -> None:
    flips, until = scene.flips(data), scene.now + shift
    found = flips.turned(scene.new, scene.now, until)
    assert flips.woken(scene.new, scene.now, until)[0] == found
    due, (_, closely) = flips.due(scene.new, scene.now), flips.woken(scene.new, scene.now, scene.now)
    for name, asked in enumerate(scene.segments):
        change = asked.verdict(scene.new, scene.now).next_change
        if change is not None:
            assert due is not None
            assert closely is not None
            assert scene.now < due <= closely <= change
            if change <= until:
                assert name in found
    if found:
        assert due is not None
        assert due <= until


@settings(max_examples=150)
@given(scenes(), SHIFTS, st.data())
def test_each_condition_is_what_the_evaluator_says(scene: Scene, shift: int, data: st.DataObject) -> None:
    flips = scene.flips(data)
    for asked in scene.segments:
        for condition in conditions(asked.node):
            field = flips.fields[condition.key]
            number = field.numbers[canonical(condition)]
            for now in (scene.now, scene.now + shift):
                true = field.truths(scene.new, field.value(scene.new), now)
                verdict = evaluate(condition, scene.new, now, asked.terms)
                assert bool(true >> number & 1) == verdict.truth
            if verdict.next_change is None:
                assert not field.turned(scene.new, field.value(scene.new), now, now + 400 * DAY) >> number & 1


CONTEXT = Context(fields={"count": FieldDefinition(FieldType.NUMBER), "sizes": FieldDefinition(FieldType.LIST)})


def made(*filters: object) -> Flips[int]:
    flips = Flips[int]()
    for name, raw in enumerate(filters):
        flips.put(name, parse(raw, CONTEXT), {})
    return flips


def count(operator: str, *values: float) -> dict[str, Any]:
    return {"key": "profile.count", "operator": operator, "values": list(values)}


def person(name: str = "Kim", seen: int | None = None, **profile: object) -> dict[str, Any]:
    return {"name": name, "lastSeenAt": None if seen is None else to_wire(from_millis(seen)), "profile": profile}


def test_a_condition_in_many_segments_is_asked_once() -> None:
    flips = made(*({"and": [seen_within(10), count("gte", n % 7)]} for n in range(1000)))
    assert (len(flips), flips.conditions) == (1000, 8)


@pytest.mark.parametrize(
    ("raw", "old", "new", "found"),
    [
        (count("gte", 5), person(count=4), person(count=5), True),
        (count("gte", 5), person(count=5), person(count=6), False),
        (count("gt", 5), person(count=5), person(count=6), True),
        (count("between", 2, 4), person(count=1), person(count=9), False),
        (count("notBetween", 2, 4), person(), person(count=4), True),
        (count("eq", 1, 2), person(count=1), person(count=2), False),
        ({**count("eq", 1), "missing": "include"}, person(), person(count=2), True),
        (named("Kim"), person("KIM "), person("kim"), False),
        # What else it needs is not so, before and after: whichever way the name goes, it cannot be.
        ({"and": [named("Kim"), count("gte", 5)]}, person("Kim", count=1), person("Lee", count=1), False),
        ({"and": [named("Kim"), count("gte", 5)]}, person("Kim", count=1), person("Lee", count=6), False),
        ({"and": [named("Kim"), {"not": count("gte", 5)}]}, person("Kim", count=7), person("Lee", count=7), False),
        ({"not": {"or": [named("Kim"), count("gte", 5)]}}, person("Kim", count=7), person("Lee", count=7), False),
        ({"and": [named("Kim"), {"or": [count("gte", 5), named("Lee")]}]}, person("Kim", count=1), person("Kim", count=6), True),
        ({"key": "profile.sizes", "operator": "hasAll", "values": ["S"]}, person(sizes=["L"]), person(sizes=["S"]), True),
        ({"and": []}, person("Kim"), person("Lee"), False),
    ],
)
def test_what_a_change_can_flip(raw: object, old: dict[str, Any], new: dict[str, Any], *, found: bool) -> None:
    # Many of them, for of few nothing more is asked than what changed.
    flips = made(*[raw] * 20)
    assert bool(flips.changed(old, new, NOON)) is found


def test_the_possible_leave_out_what_is_not_so() -> None:
    every = [named("Kim"), {"and": [named("Kim"), count("gte", 5)]}, {"and": []}, {"or": []}, {"not": named("Lee")}]
    assert made(*every).possible(person("Kim", count=1), NOON) == [0, 2, 3, 4]


def test_an_instant_that_moves_within_all_windows_flips_nothing_and_is_due_later() -> None:
    flips = made(seen_within(10), {"not": seen_within(3)}, {"and": [seen_within(5), named("Lee")]})
    old, new = person(seen=NOON), person(seen=NOON + MINUTE)
    assert flips.changed(old, new, NOON + MINUTE) == []
    assert flips.due(old, NOON) == NOON + 3 * MINUTE
    assert flips.due(new, NOON + MINUTE) == NOON + 4 * MINUTE
    assert flips.due(new, NOON + 4 * MINUTE) == NOON + 6 * MINUTE
    assert flips.woken(new, NOON + 3 * MINUTE, NOON + 4 * MINUTE) == ([1], NOON + 11 * MINUTE)
    assert flips.turned(new, NOON + 4 * MINUTE, NOON + 11 * MINUTE - 1) == []
    assert flips.turned(new, NOON + 4 * MINUTE, NOON + 11 * MINUTE) == [0]
    assert flips.due(new, NOON + 11 * MINUTE) is None


def test_what_is_taken_out_is_found_no_more_and_its_conditions_are_gone() -> None:
    flips = made(named("Kim"), {"and": [named("Kim"), count("gte", 5)]})
    flips.drop(1)
    assert flips.conditions == 1
    assert flips.changed(person("Kim", count=9), person("Lee", count=1), NOON) == [0]
    flips.drop(0)
    assert (len(flips), flips.conditions) == (0, 0)
    assert flips.changed(person("Kim"), person("Lee"), NOON) == flips.possible(person("Kim"), NOON) == []


def test_numbers_that_are_given_back_are_given_to_one_each() -> None:
    flips = made(named("Kim"), named("Lee"), named("Choi"))
    for name in (0, 1):
        flips.drop(name)
    for name, raw in ((3, named("Ko")), (4, named("Han")), (5, named("Lim")), (6, count("gte", 5))):
        flips.put(name, parse(raw, CONTEXT), {})
    assert flips.conditions == 5
    people = {2: person("Choi", count=1), 3: person("Ko", count=1), 4: person("Han", count=1), 5: person("Lim", count=1)}
    assert {name: flips.possible(each, NOON) for name, each in people.items()} == {name: [name] for name in people}
    for name, one in people.items():
        for other, another in people.items():
            assert set(flips.changed(one, another, NOON)) == {name, other} - ({name} & {other})


def test_what_a_condition_was_needed_for_is_forgotten_with_its_segment() -> None:
    flips = made(named("Kim"), named("Choi"), {"not": named("Yun")}, {"not": named("Seo")})
    flips.drop(0)
    flips.put(0, parse({"or": [named("Lee"), count("gte", 5)]}, CONTEXT), {})  # by the numbers of the one before
    assert 0 in flips.possible(person("Ko", count=6), NOON)
    flips.drop(2)
    flips.put(2, parse({"or": [named("Han"), count("gte", 5)]}, CONTEXT), {})
    assert 2 in flips.possible(person("Han", count=1), NOON)


@pytest.mark.parametrize("value", [2**53, 2**53 + 1, 2**53 + 2, 2**53 + 3, 2**53 + 4, 10**400])
def test_numbers_are_looked_up_as_they_are_compared(value: int) -> None:
    every = [count(operator, number) for operator in ("eq", "gt", "gte", "lt", "lte") for number in (2**53 + 1, 2**53 + 4)]
    contact = person(count=value)
    true = [n for n, raw in enumerate(every) if evaluate(parse(raw, CONTEXT), contact, NOON).truth]
    assert made(*every).possible(contact, NOON) == true
