"""How filters are read, written back normalised, and put together from segments."""

from typing import Any

import pytest

from common.filters import (
    BUILT_INS,
    And,
    Condition,
    Context,
    FieldDefinition,
    FieldType,
    FilterRefused,
    Node,
    Not,
    Operator,
    Or,
    Size,
    Window,
    check_inlined,
    conditions,
    inline,
    parse,
    segment_ids,
    to_json,
)  # fmt: skip
from common.filters.tree import DATE_OPERATORS, LIST_OPERATORS, NEGATIVE, NUMBER_OPERATORS, PHONE_OPERATORS, TEXT_OPERATORS
from common.filters.values import READERS

IDS = [f"019a1f0e-7c2e-7d44-9a51-{n:012x}" for n in range(3000)]
CONTEXT = Context(
    "KR",
    "Asia/Seoul",
    {
        "x": FieldDefinition(FieldType.BOOLEAN),
        "a.b": FieldDefinition(FieldType.STRING),
        "old": FieldDefinition(FieldType.LIST, True),
    },
    set(IDS),
    {"pasted": "mobileNumber"},
)


def read(raw: object) -> Node:
    return parse(raw, CONTEXT)


def condition(key: str, operator: str, *values: object, **more: object) -> dict[str, Any]:
    return {"key": key, "operator": operator, "values": list(values), **more}


def refusal(raw: object, **known: Any) -> tuple[str, str | None]:
    with pytest.raises(FilterRefused) as refused:
        parse(raw, CONTEXT, **known)
    return refused.value.code, refused.value.pointer


def test_what_channel_talk_writes_is_read_as_it_stands() -> None:
    raw = {"and": [{"or": [{"key": "user.profile.x", "type": "boolean", "operator": "$eq", "values": [True]}]}]}
    node = read(raw)
    assert node == And((Or((Condition("profile.x", FieldType.BOOLEAN, Operator.EQ, (True,), zone="Asia/Seoul"),)),))
    assert to_json(node) == {"and": [{"or": [{"key": "profile.x", "operator": "eq", "type": "boolean", "values": [True]}]}]}


@pytest.mark.parametrize(
    ("raw", "normalised"),
    [
        ({"and": []}, {"and": []}),
        ({"or": []}, {"or": []}),
        ({"not": {"or": []}}, {"not": {"or": []}}),
        (condition("name", "in", "  Straße "), condition("name", "eq", "strasse", type="string")),
        (condition("user.name", "$notIn", "A", "b"), condition("name", "ne", "a", "b", type="string")),
        (condition("tags", "in", "VIP"), condition("tags", "hasAny", "vip", type="list")),
        (condition("tags", "notIn", "VIP"), condition("tags", "hasNone", "vip", type="list")),
        (condition("sessionCount", "gte", 3.0), condition("sessionsCount", "gte", 3, type="number")),
        (condition("user.sessionCount", "eq", -0.0, 1.5), condition("sessionsCount", "eq", 0, 1.5, type="number")),
        (condition("profile.a.b", "eq", "x", type="STRING"), condition("profile.a.b", "eq", "x", type="string")),
        (condition("mobileNumber", "eq", "010-1234-5678"), condition("mobileNumber", "eq", "+821012345678", type="phone")),
        (condition("mobileNumber", "contains", "010-1234"), condition("mobileNumber", "contains", "0101234", type="phone")),
        (condition("mobileNumber", "countryCode", "+82"), condition("mobileNumber", "countryCode", "82", type="phone")),
        (condition("email", "domain", "Example.com", type="String"), condition("email", "domain", "example.com", type="email")),
        (
            condition("lastSeenAt", "before", "2026-11-24T12:00:00.12399+09:00"),
            condition("lastSeenAt", "before", "2026-11-24T03:00:00.123Z", type="date"),
        ),
        (condition("lastSeenAt", "on", "2024-02-29"), condition("lastSeenAt", "on", "2024-02-29", type="date")),
        (
            condition("lastSeenAt", "withinLast", {"unit": "days", "n": 7.0}, missing="include"),
            condition("lastSeenAt", "withinLast", {"n": 7, "unit": "days"}, type="date", missing="include"),
        ),
        (condition("tags", "size", {"n": 2, "op": "gte"}), condition("tags", "size", {"op": "gte", "n": 2}, type="list")),
        (condition("name", "exists"), {"key": "name", "operator": "exists", "type": "string"}),
        (condition("user.segment", "$in", IDS[0].upper()), condition("segment", "in", IDS[0])),
        (
            {"key": "mobileNumber", "operator": "in", "termSet": "pasted"},
            {"key": "mobileNumber", "operator": "eq", "type": "phone", "termSet": "pasted"},
        ),
    ],
)
def test_the_normalised_form(raw: object, normalised: object) -> None:
    assert to_json(read(raw)) == normalised
    assert to_json(read(normalised)) == normalised


def test_what_can_be_read_is_what_the_interpreters_know() -> None:
    known: dict[FieldType, set[Operator]] = {
        FieldType.STRING: {each for each in Operator if each in TEXT_OPERATORS and each is not Operator.DOMAIN},
        FieldType.EMAIL: set(TEXT_OPERATORS),
        FieldType.PHONE: set(PHONE_OPERATORS),
        FieldType.NUMBER: set(NUMBER_OPERATORS),
        FieldType.BOOLEAN: {Operator.EQ},
        FieldType.DATE: set(DATE_OPERATORS),
        FieldType.LIST: set(LIST_OPERATORS),
        FieldType.SEGMENT: {Operator.IN},
    }
    assert {kind: {NEGATIVE.get(operator, operator) for operator in readers} for kind, readers in READERS.items()} == known
    assert {operator for readers in READERS.values() for operator in readers} | {
        Operator.EXISTS,
        Operator.NOT_EXISTS,
    } == set(Operator)


def test_a_condition_is_typed_once_and_for_all() -> None:
    assert read(condition("lastSeenAt", "withinNext", {"n": 2, "unit": "weeks"})) == Condition(
        "lastSeenAt", FieldType.DATE, Operator.WITHIN_NEXT, (Window(2, "weeks"),), zone="Asia/Seoul"
    )
    assert read(condition("tags", "size", {"op": "lt", "n": 2})) == Condition(
        "tags", FieldType.LIST, Operator.SIZE, (Size(Operator.LT, 2),), zone="Asia/Seoul"
    )
    node = read({"and": [condition("name", "eq", "a"), {"not": condition("name", "eq", "a")}]})
    first, second = conditions(node)
    assert (first.pointer, second.pointer) == ("/filter/and/0", "/filter/and/1/not")
    assert first == second
    assert len({first, second}) == 1


def test_every_built_in_has_the_type_that_is_written() -> None:
    for kind, keys in {
        FieldType.BOOLEAN: ["member", "blocked", "unsubscribeEmail", "unsubscribeTexting", "unsubscribeAppPush"],
        FieldType.NUMBER: ["sessionsCount", "web.sessionsCount", "mobile.sessionsCount"],
        FieldType.DATE: [
            "createdAt", "updatedAt", "firstSeenAt", "lastSeenAt", "unsubscribeEmailUpdatedAt", "unsubscribeTextingUpdatedAt",
            "unsubscribeAppPushUpdatedAt", "web.lastSeenAt", "mobile.lastSeenAt",
        ],
        FieldType.PHONE: ["mobileNumber", "landlineNumber"],
        FieldType.EMAIL: ["email"],
        FieldType.LIST: ["tags"],
        FieldType.STRING: ["id", "memberId", "name", "avatarUrl", "language", "country", "city", "web.os", "mobile.appName"],
    }.items():  # fmt: skip
        for key in keys:
            assert BUILT_INS[key] is kind


def nested(depth: int) -> object:
    node: object = condition("name", "exists")
    for n in range(depth - 1):
        node = {"and": [node]} if n % 2 else {"not": node}
    return node


def test_the_limits_hold_and_all_below_them_passes() -> None:
    read(nested(10))
    assert refusal(nested(11))[0] == "tooDeep"
    read({"and": [condition("name", "exists")] * 500})
    assert refusal({"and": [condition("name", "exists")] * 501}) == ("tooManyConditions", "/filter/and/500")
    halves = [condition("name", "eq", *["a"] * 5000), condition("tags", "hasAny", *["a"] * 5000)]
    read({"or": halves})
    assert refusal({"or": [*halves, condition("name", "eq", "a")]}) == ("tooManyValues", "/filter/or/2/values")
    read(condition("name", "eq", "a" * 10_000))
    assert refusal(condition("name", "eq", "a" * 10_001)) == ("invalidValue", "/filter/values/0")
    read(condition("lastSeenAt", "withinLast", {"n": 100_000, "unit": "weeks"}))
    read(condition("lastSeenAt", "anniversary", {"n": 0, "unit": "days"}))


@pytest.mark.parametrize(
    ("raw", "code", "place"),
    [
        ({"event": "purchase", "operator": "performed", "count": {"op": "gte", "n": 3}}, "notSupported", "/event"),
        (condition("event", "$performed", "purchase", within={"n": 7, "unit": "days"}), "notSupported", "/key"),
        ({"changedWithin": {}}, "notSupported", "/changedWithin"),
        ({"and": [{"wasInSegment": IDS[0]}]}, "notSupported", "/and/0/wasInSegment"),
        (condition("profile.x", "$changedWithin", {"n": 7, "unit": "days"}), "notSupported", "/operator"),
        (condition("name", "exists", missing="exclude"), "invalidFilter", "/missing"),
        (condition("segment", "in", IDS[0], missing="include"), "invalidFilter", "/missing"),
        ({"key": "name", "operator": "exists", "values": None}, "invalidFilter", "/values"),
        ({"and": [], "surplus": 1}, "invalidFilter", ""),
        ({"a/b~c": 1, "key": "name", "operator": "exists"}, "unknownMember", "/a~1b~0c"),
        (condition("mobileNumber", "eq", "010-1234-5678", "253-0000"), "unreadablePhone", "/values/1"),
        (condition("lastSeenAt", "between", "2026-11-24T00:00:00Z"), "invalidValue", "/values"),
        (condition("lastSeenAt", "before", "2026-11-24T24:00:00Z"), "invalidValue", "/values/0"),
        (condition("lastSeenAt", "before", "2026-11-24T03:00:60Z"), "invalidValue", "/values/0"),
        (condition("lastSeenAt", "before", "0001-01-01T00:00:00+09:00"), "invalidValue", "/values/0"),
        (condition("lastSeenAt", "on", "20261124"), "invalidValue", "/values/0"),
        (condition("lastSeenAt", "on", "２０２６-11-24"), "invalidValue", "/values/0"),
        (condition("lastSeenAt", "anniversary", {"n": -1, "unit": "days"}), "invalidValue", "/values/0"),
        (condition("lastSeenAt", "withinLast", {"n": 7, "unit": "days", "zone": "UTC"}), "invalidValue", "/values/0"),
        (condition("lastSeenAt", "withinLast", {"n": 7, "unit": ["days"]}), "invalidValue", "/values/0"),
        (condition("lastSeenAt", "withinLast", {"n": 10**400, "unit": "days"}), "invalidValue", "/values/0"),
        (condition("tags", "size", {"op": ["eq"], "n": 1}), "invalidValue", "/values/0"),
        (condition("tags", "isExactly"), "invalidFilter", "/values"),
        (condition("profile.old", "exists"), "archivedField", "/key"),
        (condition("profile.", "exists"), "unknownField", "/key"),
        (condition("x", "exists"), "unknownField", "/key"),
        (condition("user.user.name", "exists"), "unknownField", "/key"),
        (condition("name", "eq", "a", type="segment"), "wrongType", "/type"),
        (condition("name", "eq", "a", type="email"), "wrongType", "/type"),
        (condition("tags", "hasAny", "a", type="string"), "wrongType", "/type"),
        ({"key": "mobileNumber", "operator": "in", "termSet": ["pasted"]}, "unknownTermSet", "/termSet"),
        ({"key": "mobileNumber", "operator": "exists", "termSet": "pasted"}, "invalidFilter", "/termSet"),
    ],
)
def test_refused(raw: object, code: str, place: str) -> None:
    assert refusal(raw, pointer="/scope/filter") == (code, "/scope/filter" + place)


def test_every_operator_that_the_table_does_not_give_is_refused() -> None:
    words = {"eq", "ne", "in", "notIn", "contains", "notContains", "startsWith", "endsWith"}
    given = {
        "name": words | {"chosung"},
        "email": words | {"chosung", "domain"},
        "mobileNumber": words | {"lastDigits", "countryCode"},
        "sessionsCount": {"eq", "ne", "in", "notIn", "gt", "gte", "lt", "lte", "between", "notBetween"},
        "member": {"eq", "ne", "in", "notIn"},
        "lastSeenAt": {
            "before", "after", "between", "on", "withinLast", "notWithinLast", "withinNext", "calendar", "anniversary",
        },
        "tags": {"hasAny", "in", "hasAll", "hasNone", "notIn", "isExactly", "hasPrefix", "size"},
        "segment": {"in", "notIn"},
    }  # fmt: skip
    for key, has in given.items():
        for operator in set().union(*given.values()) - has:
            assert refusal(condition(key, operator, "a")) == ("unknownOperator", "/filter/operator")
        for operator in has:  # the key has it: what is wrong is the value
            assert refusal(condition(key, operator, {})) == ("invalidValue", "/filter/values" + place(operator))


def place(operator: str) -> str:
    return "" if operator in {"between", "notBetween"} else "/0"


def refers(*names: str, operator: str = "in") -> Node:
    return read(condition("segment", operator, *names))


NAMED = read(condition("name", "exists"))


def test_segments_are_replaced_by_their_filters_all_the_way_down() -> None:
    seen = read(condition("lastSeenAt", "withinLast", {"n": 7, "unit": "days"}))
    definitions = {IDS[0]: refers(IDS[1], operator="notIn"), IDS[1]: And((NAMED, refers(IDS[2]))), IDS[2]: seen}
    assert inline(refers(IDS[0]), definitions) == Not(And((NAMED, seen)))
    assert inline(refers(IDS[2], IDS[1]), definitions) == Or((seen, And((NAMED, seen))))
    assert inline(And((NAMED, refers(IDS[2], operator="notIn"))), definitions) == And((NAMED, Not(seen)))
    assert segment_ids(And((refers(IDS[2], IDS[1]), NAMED, Not(refers(IDS[0]))))) == set(IDS[:3])
    assert inline(NAMED, {}) == NAMED


def inlining(node: Node, definitions: dict[str, Node], within: tuple[str, ...] = ()) -> tuple[str, str | None]:
    with pytest.raises(FilterRefused) as refused:
        inline(node, definitions, within)
    return refused.value.code, refused.value.pointer


def test_circles_are_refused_wherever_they_close() -> None:
    circle: dict[str, Node] = {IDS[0]: refers(IDS[1]), IDS[1]: Not(refers(IDS[2])), IDS[2]: And((NAMED, refers(IDS[0])))}
    for name in IDS[:3]:
        assert inlining(refers(name), circle) == ("segmentCircle", "/filter/values/0")
    assert inlining(refers(IDS[3], IDS[0]), {**circle, IDS[3]: NAMED}) == ("segmentCircle", "/filter/values/1")
    assert inlining(refers(IDS[0]), {IDS[0]: refers(IDS[0])}) == ("segmentCircle", "/filter/values/0")
    assert inlining(refers(IDS[1]), {IDS[0]: NAMED, IDS[1]: refers(IDS[0])}, (IDS[0],)) == ("segmentCircle", "/filter/values/0")
    with pytest.raises(FilterRefused) as refused:
        inline(refers(IDS[3]), {**circle, IDS[3]: refers(IDS[0])}, ("own",))
    assert refused.value.extra == {"path": [*IDS[:3], IDS[0]]}
    # To meet the same segment twice is no circle.
    assert inline(And((refers(IDS[1]), refers(IDS[0]))), {IDS[0]: NAMED, IDS[1]: refers(IDS[0])}) == And((NAMED, NAMED))


def test_an_unknown_segment_is_refused_at_the_condition_that_leads_to_it() -> None:
    node = read({"or": [condition("name", "exists"), condition("segment", "in", IDS[0])]})
    assert inlining(node, {IDS[0]: refers(IDS[9])}) == ("unknownSegment", "/filter/or/1/values/0")


def test_the_limits_with_segments_inlined() -> None:
    hundreds = And((NAMED,) * 500)
    definitions: dict[str, Node] = {IDS[0]: hundreds}
    assert len(conditions(inline(And((refers(IDS[0]),) * 4), definitions))) == 2000
    assert inlining(And((*[refers(IDS[0])] * 4, NAMED)), definitions)[0] == "inlinedTooManyConditions"
    deep: dict[str, Node] = {IDS[0]: NAMED, **{IDS[n]: Not(refers(IDS[n - 1])) for n in range(1, 31)}}
    inline(refers(IDS[29]), deep)
    assert inlining(refers(IDS[30]), deep) == ("inlinedTooDeep", "/filter/values/0")
    assert inlining(Not(refers(IDS[29])), deep)[0] == "inlinedTooDeep"


def test_the_values_of_a_filter_and_its_segments_count_together() -> None:
    numbers = [str(n) for n in range(10_000)]
    many, parts = read(condition("name", "eq", *numbers)), read(condition("name", "contains", *numbers))
    definitions: dict[str, Node] = dict.fromkeys(IDS[:5], many) | {IDS[6]: refers(*IDS[:4])}
    inline(refers(*IDS[:4]), definitions)
    assert inlining(refers(*IDS[:5]), definitions) == ("inlinedTooManyValues", "/filter")
    definitions[IDS[7]] = And((refers(IDS[6]), many))
    assert inlining(refers(IDS[6], IDS[7]), definitions) == ("inlinedTooManyValues", "/filter/values/1")
    check_inlined(And((many,) * 4))
    check_inlined(parts)
    with pytest.raises(FilterRefused):
        check_inlined(And((parts, read(condition("name", "eq", "a")))))
    with pytest.raises(FilterRefused) as refused:
        check_inlined(And((many, inline(refers(IDS[6]), definitions))))
    assert (refused.value.code, refused.value.pointer) == ("inlinedTooManyValues", "/filter")


def test_a_term_set_counts_each_time_it_is_named() -> None:
    term_set = "019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c21"
    context = Context(term_sets={term_set: "mobileNumber"})
    named = parse({"key": "mobileNumber", "operator": "in", "termSet": term_set}, context)
    check_inlined(Or((named,) * 4))
    with pytest.raises(FilterRefused) as refused:
        check_inlined(Not(Or((named, And((named,) * 4)))))
    assert (refused.value.code, refused.value.pointer) == ("tooManyTermSets", "/filter")


def test_a_long_chain_of_segments_is_followed_to_its_end() -> None:
    chain: dict[str, Node] = {IDS[n]: refers(IDS[n - 1]) for n in range(1, 3000)} | {IDS[0]: NAMED}
    assert inline(refers(IDS[2999]), chain) == NAMED


@pytest.mark.parametrize("empty", [And(()), Or(()), Not(Or(())), And((And(()), Not(Not(And(())))))])
def test_segments_without_conditions_do_not_double_at_every_step(empty: Node) -> None:
    doubling: dict[str, Node] = {IDS[n]: And((refers(IDS[n - 1]), refers(IDS[n - 1]))) for n in range(1, 27)} | {IDS[0]: empty}
    assert inline(refers(IDS[26]), doubling) in (And(()), Or(()))
