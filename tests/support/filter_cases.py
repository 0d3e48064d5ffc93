"""Random filters with contacts and instants that sit on the edges of what the filters say."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from common.clock import to_wire
from common.filters import Context, FieldDefinition, FieldType
from common.zones import zone_names
from tests.support import oracle

ZONES = [
    "Asia/Seoul", "America/New_York", "Africa/Cairo", "Asia/Beirut", "America/Santiago", "Australia/Lord_Howe",
    "Pacific/Apia", "UTC", "Europe/Oslo", "EST", "ROC", "Asia/Manila", "America/St_Johns",
]  # fmt: skip
FIELDS = {"grade": "string", "count": "number", "agreed": "boolean", "bought": "date", "born": "date", "sizes": "list"}
SEGMENTS = ("019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c11", "019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c12")
TERM_SETS = {"names": "name", "phones": "mobileNumber", "tags": "tags", "mails": "email", "members": "memberId"}
LISTED = {
    "names": ["VIP", "straße", "one\ntwo", "l" * 8_000 + "m"],
    "phones": ["+821012345678", "+442079460958"],
    "tags": ["VIP", "x", "e" * 256],
    "mails": ["kim@example.com"],
    "members": ["Kim", "회원-1"],
}

TEXTS = [
    "a", "A", "VIP", "vip ", "\u3000vip\u00a0", "straße", "STRASSE", "ẞ", "ss", "İstanbul", "istanbul", "ısı", "ISI", "i",
    "é", "e\u0301", "E\u0301", "홍길동", "\u1112\u1169\u11bc\u1100\u1175\u11af\u1103\u1169\u11bc", "까치", "홍 a길-동!", "ㅎㄱㄷ",
    "👩‍👩‍👧", "👩", "*", "?", "\\", '"', 'a*b?c\\d"e', "%_", "ﬁn", "FIN", "ΣΑΣ", "σας", "0", "false", "ǅ", "ᾳ",
    "a\u0345\u0301", "ǰ", "j", "ΐ", "ϊ", "one\ntwo", "one\r\ntwo", "one\u2028two", "two", "a\tb", "n" * 7_999 + "é",
    "L" * 8_000, "l" * 8_001, "L" * 8_000 + "m", "l" * 8_000 + "M", "ﬃ" * 2_667, "홍" * 9_999 + "\n", "l" * 10_000,
]  # fmt: skip
NO_TEXTS = ["", " ", "\u2028", "\t\u2003\n"]
INITIALS = ["ㅎ", "ㅎㄱㄷ", "ㄱㄷ", "ㄲ", "ㄱ", "ㄲㅊ"]
MAILS = [
    "kim@example.com", "KIM@Example.COM", "lee@sub.example.com", "straße@example.org", "a@b", "홍길동@예제.kr",
    "까치@example.com",
]  # fmt: skip
PHONES = ["+821012345678", "+821098765432", "+8221234567", "+8215881234", "+12125550100", "+819012345678", "+442079460958"]
_ABROAD = ["+82 10-9876-5432", "+1 (212) 555-0100", "+81 90 1234 5678", "+44 (0)20 7946 0958"]
WRITINGS = {
    "KR": [*_ABROAD, "010-1234-5678", "02) 123 4567", "1588-1234"],
    "US": [*_ABROAD, "(212) 555-0100", "212.555.0100"],
    "JP": [*_ABROAD, "090-1234-5678", "090 1234 5678"],
    "GB": [*_ABROAD, "020 7946 0958", "(020) 7946-0958"],
}
PARTS = ["010", "1234", "82", "8210", "+82 10", "5678", "2125550100", "0", "020-7946"]
MEMBER_IDS = ["kim", "KIM", "m-1", "회원-1", "홍길동", "straße"]
NUMBERS = [
    0, -0.0, 1, -1, 2, 2.0, 0.1, 0.30000000000000004, 1e300, -1e300, 5e-324, -5e-324, 2**53, 2**53 + 1, -(2**53) - 1, 10,
    1.7976931348623157e308, -1.7976931348623157e308, 2.2250738585072014e-308, 2**63, 10**18 + 1,
]  # fmt: skip
ELEMENTS = [
    "VIP",
    "vip",
    " Vip",
    "VIP/서울",
    "vip/",
    "새 손님",
    "straße",
    "STRASSE",
    "x",
    "x\ny",
    "é",
    "e\u0301",
    "e" * 256,
    "E" * 256,
]
MANY = [f"{number}/{'n' * 20}" for number in range(100)]  # as many as a list may have
WORDS = [
    "today", "yesterday", "tomorrow", "thisWeek", "lastWeek", "nextWeek", "thisMonth", "lastMonth", "nextMonth", "thisYear",
]  # fmt: skip
INSTANTS = [
    datetime.fromisoformat(text + "+00:00")
    for text in [
        "2026-11-24T03:00:00", "2024-02-29T00:00:00", "2024-02-28T23:59:59.999", "2024-03-01T00:00:00", "2000-02-29T12:00:00",
        "1999-12-31T15:00:00", "2027-01-01T00:00:00", "2026-03-08T06:59:59.999", "2026-03-08T07:00:00", "2026-11-01T05:00:00",
        "2026-11-01T06:00:00", "2026-11-23T15:00:00", "2028-02-28T15:00:00", "2026-03-28T22:00:00", "2026-04-24T00:00:00",
        "2026-09-06T04:00:00", "2026-04-05T03:00:00", "1970-01-01T00:00:00", "2025-12-28T15:00:00", "2026-12-31T15:00:00",
        "1969-12-31T23:59:59.999", "1964-07-14T22:30:00", "1908-03-31T15:32:00", "1900-02-28T23:59:59.999", "1900-03-01T00:00:00",
        "1844-12-31T08:00:00", "1600-02-29T12:00:00", "0004-02-29T12:00:00", "0001-01-01T00:00:00", "0001-01-01T00:00:00.001",
        "0001-01-02T12:00:00", "2038-01-19T03:14:08", "2100-02-28T23:59:59.999", "2400-02-29T00:00:00", "9996-02-29T11:00:00",
        "9999-12-30T12:00:00", "9999-12-31T14:59:59.999", "9999-12-31T23:59:59.999",
    ]
]  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One filter, one contact, one instant."""

    raw: Any
    contact: dict[str, Any]
    now: int
    world: oracle.World

    def context(self) -> Context:
        """What the parser must know to read it."""
        return context(self.world)


def context(world: oracle.World) -> Context:
    """The oracle's world as the parser takes it."""
    fields = {key: FieldDefinition(FieldType(word)) for key, word in world.fields.items()}
    return Context(world.country, world.zone, fields, set(world.segments), TERM_SETS)


def some(pool: list[Any], most: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(pool), min_size=1, max_size=most)


def one(pool: list[Any]) -> st.SearchStrategy[list[Any]]:
    return st.sampled_from(pool).map(lambda value: [value])


def pair(pool: list[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(pool), min_size=2, max_size=2).map(sorted)


def wire(instant: datetime) -> str:
    return to_wire(instant)


_EARLIEST, _LATEST = (oracle.instant(text) for text in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"))
WIRES = sorted(wire(instant) for instant in INSTANTS)
DAYS = sorted({text[:10] for text in WIRES})
WINDOWS = st.builds(
    lambda n, unit: [{"n": n, "unit": unit}],
    st.sampled_from([1, 2, 7, 30, 365, 366, 400, 1000, 5000, 99_999, 100_000]),
    st.sampled_from(list(oracle.UNITS)),
)
LENGTHS = [0, 1, 7, 60, 231, 300, 363, 364, 365, 366, 400, 100_000]
_TEXT = {
    ("eq", "in", "ne", "notIn", "contains", "notContains", "startsWith", "endsWith"): some(TEXTS),
    ("chosung",): some(INITIALS),
}
_SIZES = st.sampled_from([0, 1, 2, 3, 4, 99, 100, 101, 1_000_000])
OPERATORS: dict[str, dict[tuple[str, ...], st.SearchStrategy[list[Any]]]] = {
    "string": _TEXT,
    "email": {
        ("eq", "in", "ne", "notIn", "contains", "notContains", "startsWith", "endsWith"): some([*MAILS, "kim", "@", ".com"]),
        ("chosung",): some(INITIALS),
        ("domain",): some(["example.com", "EXAMPLE.com", "com", "b", "예제.kr", "kim@example.com"]),
    },
    "phone": {
        ("eq", "ne", "in", "notIn"): some(_ABROAD),
        ("contains", "notContains", "startsWith", "endsWith", "lastDigits"): some(PARTS),
        ("countryCode",): some(["82", "+82", "1", "44"]),
    },
    "number": {
        ("eq", "in", "ne", "notIn"): some(NUMBERS),
        ("gt", "gte", "lt", "lte"): one(NUMBERS),
        ("between", "notBetween"): pair(NUMBERS),
    },
    "boolean": {("eq", "in", "ne", "notIn"): some([True, False])},
    "date": {
        ("before", "after"): one(WIRES),
        ("between",): pair(WIRES),
        ("on",): some(DAYS),
        ("withinLast", "notWithinLast", "withinNext"): WINDOWS,
        ("calendar",): some(WORDS),
        ("anniversary",): st.sampled_from(LENGTHS).map(lambda n: [{"n": n, "unit": "days"}]),
    },
    "list": {
        ("hasAny", "in", "hasAll", "hasNone", "notIn", "isExactly", "hasPrefix"): some(ELEMENTS),
        ("size",): st.builds(lambda op, n: [{"op": op, "n": n}], st.sampled_from(list(oracle.COMPARE)), _SIZES),
    },
}
TYPES = {
    "id": "string", "memberId": "string", "name": "string", "avatarUrl": "string", "language": "string", "country": "string",
    "city": "string", "email": "email", "mobileNumber": "phone", "landlineNumber": "phone", "sessionsCount": "number",
    "member": "boolean", "blocked": "boolean", "unsubscribeEmail": "boolean", "unsubscribeTexting": "boolean",
    "unsubscribeAppPush": "boolean", "createdAt": "date", "updatedAt": "date", "firstSeenAt": "date", "lastSeenAt": "date",
    "web.os": "string", "web.sessionsCount": "number", "mobile.lastSeenAt": "date", "unsubscribeEmailUpdatedAt": "date",
    "tags": "list", **{f"profile.{key}": word for key, word in FIELDS.items()},
}  # fmt: skip
_BOOLEANS = [key for key, word in TYPES.items() if word == "boolean"]
DATES = [key for key, word in TYPES.items() if word == "date"]


def aimed(kind: str, operator: str, value: Any) -> list[Any]:
    """Values that come from the contact's own value, so that conditions hold, or just fail to, more often than by chance."""
    plain = operator in {"eq", "in", "ne", "notIn"}
    if kind in {"string", "email"} and operator != "domain" and operator != "chosung":
        pieces = [value, value.swapcase(), value[:1], value[1:], value[:-1], value[-1:], value[1:2], " " + value]
        return [piece for piece in pieces if oracle.same(piece) and len(piece) <= 10_000]
    if kind == "phone" and operator != "countryCode":
        national = oracle.national(value)
        return [value] if plain else [national, national[:4], national[-4:], value[:5], value[-3:], value[2:6]]
    if kind == "list" and operator != "size":
        return [*value, *(element[:2] for element in value), *(element.swapcase() for element in value)]
    return [value] if kind in {"number", "boolean"} and plain else []


def limits(kind: str, operator: str, value: Any) -> list[list[Any]]:
    """All the values of a condition whose truth turns at the contact's own value, or next to it."""
    match kind, operator:
        case "number", "gt" | "gte" | "lt" | "lte":
            return [[value], *([near] for near in _neighbours(value))]
        case "number", "between" | "notBetween":
            low, high = _neighbours(value)
            return [[value, value], [low, value], [value, high], [low, low], [high, high]]
        case "date", "before" | "after":
            return [[near] for near in _moments(value)]
        case "date", "between":
            first, *_, last = near = _moments(value)
            return [[value, value], [first, value], [value, last], [near[0], near[0]]]
        case "date", "on":
            return [[day] for day in sorted({value[:10], *(moment[:10] for moment in _moments(value, oracle.UNITS["days"]))})]
        case "list", "size":
            return [[{"op": op, "n": max(len(value) + more, 0)}] for op in oracle.COMPARE for more in (-1, 0, 1)]
    return []


def _neighbours(value: float) -> tuple[float, float]:
    """The doubles next to a number; itself where there is none."""
    low, high = math.nextafter(value, -math.inf), math.nextafter(value, math.inf)
    return (low if math.isfinite(low) else value, high if math.isfinite(high) else value)


def _moments(value: str, apart: int = 1) -> list[str]:
    """An instant between its neighbours, as far as they are instants."""
    here = oracle.instant(value)
    near = (here + shift for shift in (-apart, 0, apart))
    return [wire(oracle.EPOCH + timedelta(milliseconds=each)) for each in near if _EARLIEST <= each <= _LATEST]


@st.composite
def single_conditions(
    draw: st.DrawFn,
    keys: list[str],
    contact: dict[str, Any],
    operators: tuple[str, ...] | None = None,
    country: str = "KR",
) -> dict[str, Any]:
    """One condition with values of its key's type, often taken from the contact; `operators` are one of OPERATORS' groups."""
    key = draw(st.sampled_from(keys))
    kind = TYPES[key]
    if draw(st.integers(0, 9)) == 9:
        return {"key": key, "operator": draw(st.sampled_from(["exists", "notExists"]))}
    operators = operators or draw(st.sampled_from(sorted(OPERATORS[kind])))
    operator = draw(st.sampled_from(operators))
    value = oracle.stored(contact, key)
    own = [] if value is None else aimed(kind, operator, value)
    edges = [] if value is None else limits(kind, operator, value)
    values = some(WRITINGS[country]) if kind == "phone" and "eq" in operators else OPERATORS[kind][operators]
    raw: dict[str, Any] = {"key": draw(st.sampled_from(["", "user."])) + key}
    raw["operator"] = draw(st.sampled_from(["", "$"])) + operator
    raw["values"] = draw(some(own) | values if own else st.sampled_from(edges) | values if edges else values)
    missing = draw(st.sampled_from([None, None, "include", "exclude"]))
    return raw if missing is None else {**raw, "missing": missing}


def trees(leaves: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[Any]:
    """Filters over such conditions, not too deep."""
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3).map(lambda children: {"and": children})
            | st.lists(inner, max_size=3).map(lambda children: {"or": children})
            | inner.map(lambda child: {"not": child})
        ),
        max_leaves=most,
    ).filter(lambda raw: depth(raw) <= 8)


def depth(raw: Any) -> int:
    """How deep a filter is; a lone condition is 1."""
    children = [*raw.get("and", []), *raw.get("or", []), *([raw["not"]] if "not" in raw else [])]
    return 1 + max((depth(child) for child in children), default=0)


_REFERENCES = st.builds(
    lambda operator, names: {"key": "segment", "operator": operator, "values": names},
    st.sampled_from(["in", "notIn"]),
    some(list(SEGMENTS), 2),
) | st.sampled_from(sorted(TERM_SETS)).flatmap(
    lambda name: st.sampled_from(["in", "notIn"]).map(
        lambda operator: {"key": TERM_SETS[name], "operator": operator, "termSet": name}
    )
)


def contacts() -> st.SearchStrategy[dict[str, Any]]:
    """A contact as the API shows it, each value there or not."""
    return st.randoms(use_true_random=False).map(_contact)


def population(chance: random.Random, count: int) -> list[dict[str, Any]]:
    """Contacts as the API shows them, each value there or not, many at once: the same for the same seed."""
    return [_contact(chance) for _ in range(count)]


def _contact(chance: random.Random) -> dict[str, Any]:
    def perhaps(pool: list[Any]) -> Any:
        return chance.choice([None, *pool])

    def elements() -> list[str]:
        return chance.sample(ELEMENTS, chance.choice([0, 1, 1, 2, 3, 4]))

    def instant() -> str:
        return chance.choice([chance.choice(WIRES), _any_instant(chance)])

    texts = [*TEXTS, *NO_TEXTS]
    return {
        "id": str(UUID(int=chance.getrandbits(128), version=4)),
        "memberId": perhaps([*MEMBER_IDS, *MEMBER_IDS]),
        "name": perhaps(texts),
        "avatarUrl": perhaps(texts),
        "language": perhaps(["ko", "KO", "en"]),
        "country": perhaps(["KR", "kr", "US"]),
        "city": perhaps(texts),
        "email": perhaps(MAILS),
        "mobileNumber": perhaps(PHONES),
        "landlineNumber": perhaps(PHONES),
        "sessionsCount": chance.choice([0, 1, 2, 10]),
        **{key: chance.choice([True, False]) for key in _BOOLEANS if "." not in key},
        "createdAt": instant(),
        "updatedAt": instant(),
        "firstSeenAt": perhaps([instant(), instant()]),
        "lastSeenAt": perhaps([instant(), instant()]),
        "unsubscribeEmailUpdatedAt": perhaps([instant()]),
        "web": {
            "os": perhaps(texts),
            "sessionsCount": chance.choice([0, 1, 2, 10]),
            "lastSeenAt": perhaps([instant()]),
            "seenAt": WIRES[0],
            "visitId": "v",
        },
        "mobile": {"sessionsCount": 0, "lastSeenAt": perhaps([instant(), instant()]), "seenAt": WIRES[0], "visitId": "v"},
        "tags": [element.replace("\n", " ") for element in elements()],  # a tag is kept with single blanks in it
        "profile": {
            "grade": perhaps(texts),
            "count": perhaps(NUMBERS),
            "agreed": perhaps([True, False]),
            "bought": perhaps([instant(), instant(), instant()]),
            "born": perhaps([instant(), instant(), instant()]),
            "sizes": perhaps([elements(), elements(), MANY]),
        },
    }


def _any_instant(chance: random.Random) -> str:
    """An instant of any year, most often of one that some living person remembers."""
    year = chance.choice([chance.randint(1890, 2100), chance.randint(1940, 2030), chance.randint(1, 9999)])
    return wire(datetime(year, 1, 1, tzinfo=UTC) + timedelta(milliseconds=chance.randrange(365 * oracle.UNITS["days"])))


def window_edges(raw: Any, contact: dict[str, Any], world: oracle.World) -> list[int]:
    """Where a window of the filter begins or ends for this contact, however far from the present."""
    found: set[int] = set()
    for condition in oracle.conditions(raw, world):
        value = oracle.stored(contact, oracle.plain_key(condition["key"]))
        if condition["operator"].lstrip("$") in {"withinLast", "notWithinLast", "withinNext"} and value is not None:
            length = condition["values"][0]["n"] * oracle.UNITS[condition["values"][0]["unit"]]
            found |= {oracle.instant(value) + shift for shift in (-length, 0, length)}
    return sorted(edge for edge in found if _EARLIEST < edge < _LATEST)


@st.composite
def cases(
    draw: st.DrawFn,
    *,
    keys: list[str] | None = None,
    operators: tuple[str, ...] | None = None,
    most: int = 8,
    among: Sequence[dict[str, Any]] | None = None,
) -> Case:
    """A filter with a contact (one of `among`, where given) and an instant, often a millisecond from where its truth turns.

    With `most` 1 it is one condition, of this group of operators if one is given; without `keys` it may name segments and term
    sets too.
    """
    contact = draw(contacts() if among is None else st.sampled_from(among))
    country = draw(st.sampled_from(sorted(WRITINGS)))
    leaves = single_conditions(keys or list(TYPES), contact, operators, country)
    raw = draw(leaves if most == 1 else trees(leaves | _REFERENCES if keys is None else leaves, most))
    world = oracle.World(
        country=country,
        zone=draw(st.sampled_from(ZONES) | st.sampled_from(sorted(zone_names()))),
        fields=FIELDS,
        segments={name: draw(trees(leaves, 2)) for name in SEGMENTS} if keys is None else {},
        term_sets=LISTED,
    )
    own = [instant for key in DATES if (instant := oracle.stored(contact, key)) is not None and "1800" <= instant < "2200"]
    start = oracle.instant(draw(st.sampled_from([wire(INSTANTS[0]), *own])))
    start += draw(
        st.sampled_from([0, 0, -1, 1, -9 * oracle.UNITS["hours"], 29 * oracle.UNITS["days"], -3 * oracle.UNITS["days"]])
    )
    turns: list[int] = oracle.turning_points(raw, contact, start, start + 30 * oracle.UNITS["days"], world)
    turns += window_edges(raw, contact, world)
    if turns and draw(st.sampled_from([True, True, False])):
        start = draw(st.sampled_from(turns)) + draw(st.sampled_from([-1, 0, 0, 1]))
    return Case(raw, contact, start, world)
