"""The laws of the filter language, on random filters: evaluator and oracle agree, and the clock turns nothing unannounced."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.clock import to_millis
from common.filters import Context, FilterRefused, Node, Verdict, compile_filter, evaluate, explain, fold, inline, parse, to_json
from common.filters.tree import And, Or
from tests.support import oracle
from tests.support.filter_cases import DATES, OPERATORS, Case, cases, context
from tests.support.filter_values import SEGMENTS, TEXTS, TYPES

HORIZON = 430 * oracle.UNITS["days"]
# The calendar ends with the year 9999; what would turn later is never told.
LAST = to_millis(datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC))


def read(case: Case) -> Node:
    definitions = {name: parse(raw, case.context()) for name, raw in case.world.segments.items()}
    return inline(parse(case.raw, case.context()), definitions)


def terms(case: Case) -> dict[str, set[str]]:
    return {name: {fold(term) for term in listed} for name, listed in case.world.term_sets.items()}


def judged(case: Case) -> Verdict:
    return evaluate(read(case), case.contact, case.now, terms(case))


@settings(max_examples=600)
@given(cases())
def test_the_evaluator_is_the_oracle(case: Case) -> None:
    assert judged(case).truth == oracle.holds(case.raw, case.contact, case.now, case.world)


@pytest.mark.parametrize("kind", sorted(OPERATORS))
@settings(max_examples=250)
@given(data=st.data())
def test_the_evaluator_is_the_oracle_condition_by_condition(kind: str, data: st.DataObject) -> None:
    case = data.draw(cases(keys=[key for key, word in TYPES.items() if word == kind], most=1))
    assert judged(case).truth == oracle.holds(case.raw, case.contact, case.now, case.world)


@settings(max_examples=300)
@given(cases(keys=DATES, most=1) | cases(keys=DATES))
def test_the_truth_stays_until_the_next_change_and_flips_at_it(case: Case) -> None:
    verdict = judged(case)

    def truth(instant: int) -> bool:
        return oracle.holds(case.raw, case.contact, instant, case.world)

    assert truth(case.now) == verdict.truth
    change = verdict.next_change
    if change is not None:
        assert change > case.now
        assert truth(change - 1) == verdict.truth
        assert truth(change) != verdict.truth
    end = min(LAST, case.now + HORIZON) if change is None else min(change - 1, case.now + HORIZON)
    for turn in oracle.turning_points(case.raw, case.contact, case.now, end, case.world):
        assert truth(turn) == verdict.truth


@settings(max_examples=300)
@given(cases())
def test_a_normalised_filter_read_again_is_the_same(case: Case) -> None:
    node = parse(case.raw, case.context())
    again = parse(to_json(node), case.context())
    assert again == node
    assert to_json(again) == to_json(node)
    assert hash(again) == hash(node)


@settings(max_examples=200)
@given(cases(most=4))
def test_an_explanation_agrees_with_itself_and_the_verdict(case: Case) -> None:
    told = explain(read(case), case.contact, case.now, terms(case))
    assert told["truth"] == judged(case).truth

    def check(node: Any) -> bool:
        children = [check(child) for child in node.get("and", node.get("or", []))]
        if "and" in node:
            assert node["truth"] == all(children)
        elif "or" in node:
            assert node["truth"] == any(children)
        elif "not" in node:
            assert node["truth"] == (not check(node["not"]))
        return bool(node["truth"])

    check(told)


@settings(max_examples=100)
@given(cases(most=4), st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=5))
def test_a_compiled_filter_keeps_nothing_from_one_contact_to_the_next(case: Case, shifts: list[int]) -> None:
    compiled = compile_filter(read(case), terms(case))
    for shift in shifts:
        assert compiled(case.contact, case.now + shift) == evaluate(read(case), case.contact, case.now + shift, terms(case))
        compiled({"profile": {}}, case.now)


@settings(max_examples=400)
@given(cases() | cases(keys=DATES), st.lists(st.integers(-(10**11), 10**11), min_size=1, max_size=5))
def test_the_truth_alone_is_the_verdicts(case: Case, shifts: list[int]) -> None:
    compiled = compile_filter(read(case), terms(case))
    for shift in (0, *shifts):
        assert compiled.holds(case.contact, case.now + shift) is compiled(case.contact, case.now + shift).truth


NAMES = ["and", "or", "not", "key", "operator", "values", "type", "missing", "termSet", "event", "n", "unit", "x"]
KEYS = ["name", "tags", "lastSeenAt", "mobileNumber", "email", "segment", "member", "profile.count", "sessionCount"]
WORDS = [
    "eq",
    "in",
    "contains",
    "chosung",
    "between",
    "withinLast",
    "calendar",
    "anniversary",
    "size",
    "on",
    "before",
    "exists",
]
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from([*KEYS, *SEGMENTS]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)
ALMOST = st.fixed_dictionaries(
    {
        "key": st.sampled_from(KEYS) | JSON,
        "operator": st.sampled_from(WORDS) | JSON,
        "values": st.lists(JSON, max_size=3) | JSON,
    }
)


@settings(max_examples=1000)
@given(JSON | ALMOST | st.lists(ALMOST, max_size=3).map(lambda children: {"and": children}))
def test_whatever_is_sent_is_either_a_filter_or_refused_with_its_place(raw: Any) -> None:
    world = oracle.World(fields={"count": "number"}, segments=dict.fromkeys(SEGMENTS))
    read_or_refused = attempt(raw, context(world))
    if isinstance(read_or_refused, FilterRefused):
        assert (read_or_refused.pointer or "").startswith("/filter")
        assert read_or_refused.status == 422
    else:
        assert parse(to_json(read_or_refused), context(world)) == read_or_refused


def attempt(raw: Any, known: Context) -> Node | FilterRefused:
    try:
        return parse(raw, known)
    except FilterRefused as refusal:
        return refusal


def test_deep_nesting_is_refused_without_following_it() -> None:
    raw: Any = {"and": []}
    for _ in range(200_000):
        raw = {"not": raw}
    refusal = attempt(raw, Context())
    assert isinstance(refusal, FilterRefused)
    assert (refusal.code, refusal.pointer) == ("tooDeep", "/filter" + "/not" * 10)


@settings(max_examples=500)
@given(st.text(max_size=12) | st.lists(st.sampled_from(TEXTS), max_size=4).map("".join))
def test_folding_twice_is_folding_once_and_is_what_the_oracle_says(text: str) -> None:
    assert fold(fold(text)) == fold(text) == oracle.same(text)


def test_every_character_folds_once_and_for_all() -> None:
    for point in (*range(0xD800), *range(0xE000, 0x110000)):
        folded = fold(chr(point))
        if folded != chr(point):
            assert fold(folded) == folded


def test_everyone_and_no_one() -> None:
    assert evaluate(And(()), {}, 0) == Verdict(truth=True, next_change=None)
    assert evaluate(Or(()), {}, 0) == Verdict(truth=False, next_change=None)
