"""Filters that must be refused, each with its code and the place within it that is to blame."""

FIELDS = {"grade": "String", "old": "String", "count": "Number", "agreed": "Boolean", "bought": "Date", "sizes": "List"}
"""The profile fields that they speak of, by bare key; ARCHIVED is one of them."""

ARCHIVED = "old"
SEGMENT, TERM_SET = "019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c11", "019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c21"
"""The one segment that exists, and the one term set, of mobile numbers."""


def condition(key: str, operator: str, *values: object, **more: object) -> dict[str, object]:
    return {"key": key, "operator": operator, "values": list(values), **more}


def nested(depth: int) -> object:
    node: object = condition("name", "eq", "a")
    for _ in range(depth - 1):
        node = {"not": node}
    return node


WINDOW = {"n": 7, "unit": "days"}
REFUSED: list[tuple[object, str, str]] = [
    (None, "invalidFilter", ""),
    ([], "invalidFilter", ""),
    ("everyone", "invalidFilter", ""),
    (True, "invalidFilter", ""),
    ({}, "invalidFilter", ""),
    ({"and": {}}, "invalidFilter", "/and"),
    ({"and": None}, "invalidFilter", "/and"),
    ({"and": [], "or": []}, "invalidFilter", ""),
    ({"and": [], "key": "name"}, "invalidFilter", ""),
    ({"not": []}, "invalidFilter", "/not"),
    ({"or": [condition("name", "eq", "a"), 7]}, "invalidFilter", "/or/1"),
    ({"nor": []}, "unknownMember", "/nor"),
    (nested(11), "tooDeep", "/not" * 10),
    ({"and": [condition("name", "eq", "a")] * 501}, "tooManyConditions", "/and/500"),
    ({"or": [condition("name", "eq", *["a"] * 5001)] * 2}, "tooManyValues", "/or/1/values"),
    ({"operator": "eq", "values": ["a"]}, "invalidFilter", ""),
    ({"key": "name", "values": ["a"]}, "invalidFilter", ""),
    ({"key": 7, "operator": "eq", "values": ["a"]}, "invalidFilter", "/key"),
    ({"key": "name", "operator": None, "values": ["a"]}, "invalidFilter", "/operator"),
    (condition("name", "eq", "a", extra=1), "unknownMember", "/extra"),
    (condition("nickname", "eq", "a"), "unknownField", "/key"),
    (condition("profile.unknown", "eq", "a"), "unknownField", "/key"),
    (condition("profile.", "eq", "a"), "unknownField", "/key"),
    (condition("grade", "eq", "a"), "unknownField", "/key"),
    (condition("profile.name", "eq", "a"), "unknownField", "/key"),
    (condition("profile.old", "eq", "a"), "archivedField", "/key"),
    (condition("name", "equals", "a"), "unknownOperator", "/operator"),
    (condition("name", "$$eq", "a"), "unknownOperator", "/operator"),
    (condition("name", "gt", "a"), "unknownOperator", "/operator"),
    (condition("lastSeenAt", "eq", "2026-11-24T00:00:00Z"), "unknownOperator", "/operator"),
    (condition("tags", "contains", "a"), "unknownOperator", "/operator"),
    (condition("member", "contains", True), "unknownOperator", "/operator"),
    (condition("email", "lastDigits", "1"), "unknownOperator", "/operator"),
    (condition("name", "domain", "example.com"), "unknownOperator", "/operator"),
    (condition("event", "performed", "purchase"), "notSupported", "/key"),
    (condition("name", "changedWithin", WINDOW), "notSupported", "/operator"),
    (condition("segment", "wasInSegment", "x"), "notSupported", "/operator"),
    ({"key": "name", "operator": "eq"}, "invalidFilter", "/values"),
    ({"key": "name", "operator": "eq", "values": "a"}, "invalidFilter", "/values"),
    (condition("name", "eq"), "invalidFilter", "/values"),
    (condition("name", "exists", "a"), "invalidFilter", "/values"),
    (condition("name", "eq", 7), "invalidValue", "/values/0"),
    (condition("name", "eq", "a", None), "invalidValue", "/values/1"),
    (condition("name", "eq", ""), "invalidValue", "/values/0"),
    (condition("name", "contains", " \t\u3000"), "invalidValue", "/values/0"),
    (condition("name", "eq", "a" * 10_001), "invalidValue", "/values/0"),
    (condition("name", "chosung", "홍"), "invalidValue", "/values/0"),
    (condition("mobileNumber", "eq", "no number"), "unreadablePhone", "/values/0"),
    (condition("mobileNumber", "eq", "12"), "unreadablePhone", "/values/0"),
    (condition("mobileNumber", "contains", "abc"), "invalidValue", "/values/0"),
    (condition("mobileNumber", "countryCode", "KR"), "invalidValue", "/values/0"),
    (condition("profile.count", "eq", "7"), "invalidValue", "/values/0"),
    (condition("profile.count", "eq", True), "invalidValue", "/values/0"),
    (condition("profile.count", "gt", 1, 2), "invalidValue", "/values"),
    (condition("profile.count", "between", 1), "invalidValue", "/values"),
    (condition("profile.count", "between", 2, 1), "wrongOrder", "/values"),
    (condition("profile.agreed", "eq", 1), "invalidValue", "/values/0"),
    (condition("profile.agreed", "eq", "true"), "invalidValue", "/values/0"),
    (condition("lastSeenAt", "before", "2026-11-24"), "invalidValue", "/values/0"),
    (condition("lastSeenAt", "before", "2026-11-24T00:00:00"), "invalidValue", "/values/0"),
    (condition("lastSeenAt", "after", 1764000000000), "invalidValue", "/values/0"),
    (condition("lastSeenAt", "between", "2026-11-25T00:00:00Z", "2026-11-24T00:00:00Z"), "wrongOrder", "/values"),
    (condition("lastSeenAt", "on", "2026-11-24T00:00:00Z"), "invalidValue", "/values/0"),
    (condition("lastSeenAt", "on", "2026-02-30"), "invalidValue", "/values/0"),
    (condition("lastSeenAt", "withinLast", 7), "invalidValue", "/values/0"),
    (condition("lastSeenAt", "withinLast", {"n": 7}), "invalidValue", "/values/0"),
    (condition("lastSeenAt", "withinLast", {"n": 0, "unit": "days"}), "invalidValue", "/values/0"),
    (condition("lastSeenAt", "withinLast", {"n": 1.5, "unit": "days"}), "invalidValue", "/values/0"),
    (condition("lastSeenAt", "withinLast", {"n": True, "unit": "days"}), "invalidValue", "/values/0"),
    (condition("lastSeenAt", "withinLast", {"n": 100_001, "unit": "days"}), "invalidValue", "/values/0"),
    (condition("lastSeenAt", "withinLast", {"n": 7, "unit": "months"}), "invalidValue", "/values/0"),
    (condition("lastSeenAt", "withinLast", WINDOW, WINDOW), "invalidValue", "/values"),
    (condition("lastSeenAt", "calendar", "someday"), "invalidValue", "/values/0"),
    (condition("lastSeenAt", "calendar", ["today"]), "invalidValue", "/values/0"),
    (condition("lastSeenAt", "anniversary", {"n": 7, "unit": "weeks"}), "invalidValue", "/values/0"),
    (condition("tags", "size", {"op": "ne", "n": 2}), "invalidValue", "/values/0"),
    (condition("tags", "size", {"op": "eq", "n": -1}), "invalidValue", "/values/0"),
    (condition("tags", "hasAny", ["a"]), "invalidValue", "/values/0"),
    (condition("name", "eq", "a", type="number"), "wrongType", "/type"),
    (condition("name", "eq", "a", type=None), "wrongType", "/type"),
    (condition("name", "eq", "a", missing="maybe"), "invalidFilter", "/missing"),
    ({"key": "name", "operator": "exists", "missing": "include"}, "invalidFilter", "/missing"),
    (condition("segment", "in", "019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c99"), "unknownSegment", "/values/0"),
    (condition("segment", "in", "vip"), "invalidValue", "/values/0"),
    (condition("segment", "eq", SEGMENT), "unknownOperator", "/operator"),
    (condition("segment", "exists"), "unknownOperator", "/operator"),
    ({"key": "mobileNumber", "operator": "in", "termSet": "unknown"}, "unknownTermSet", "/termSet"),
    ({"key": "landlineNumber", "operator": "in", "termSet": TERM_SET}, "unknownTermSet", "/termSet"),
    ({"key": "mobileNumber", "operator": "contains", "termSet": TERM_SET}, "invalidFilter", "/termSet"),
    (condition("mobileNumber", "in", "01012345678", termSet=TERM_SET), "invalidFilter", "/termSet"),
]
