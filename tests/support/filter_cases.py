"""Random filters with contacts and instants that sit on the edges of what the filters say."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from common.clock import to_wire
from common.filters import Context, FieldDefinition, FieldType
from tests.support import oracle

ZONES = [
    "Asia/Seoul", "America/New_York", "Africa/Cairo", "Asia/Beirut", "America/Santiago", "Australia/Lord_Howe",
    "Pacific/Apia", "UTC",
]  # fmt: skip
FIELDS = {"grade": "string", "count": "number", "agreed": "boolean", "bought": "date", "born": "date", "sizes": "list"}
SEGMENTS = ("019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c11", "019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c12")
TERM_SETS = {"names": "name", "phones": "mobileNumber", "tags": "tags", "mails": "email"}

TEXTS = [
    "a", "A", "VIP", "vip ", "\u3000vip\u00a0", "straße", "STRASSE", "ẞ", "ss", "İstanbul", "istanbul", "ısı", "ISI", "i",
    "é", "e\u0301", "E\u0301", "홍길동", "\u1112\u1169\u11bc\u1100\u1175\u11af\u1103\u1169\u11bc", "까치", "홍 a길-동!", "ㅎㄱㄷ",
    "👩‍👩‍👧", "👩", "*", "?", "\\", '"', 'a*b?c\\d"e', "%_", "ﬁn", "FIN", "ΣΑΣ", "σας", "0", "false", "ǅ", "ᾳ",
    "a\u0345\u0301", "ǰ", "j", "ΐ", "ϊ",
]  # fmt: skip
NO_TEXTS = ["", " ", "\t\u2003\n"]
INITIALS = ["ㅎ", "ㅎㄱㄷ", "ㄱㄷ", "ㄲ", "ㄱ", "ㄲㅊ"]
MAILS = ["kim@example.com", "KIM@Example.COM", "lee@sub.example.com", "straße@example.org", "a@b"]
PHONES = ["+821012345678", "+821098765432", "+8221234567", "+8215881234", "+12125550100", "+819012345678", "+442079460958"]
WRITINGS = ["010-1234-5678", "+82 10-9876-5432", "02) 123 4567", "1588-1234", "+1 (212) 555-0100", "+81 90 1234 5678"]
PARTS = ["010", "1234", "82", "8210", "+82 10", "5678", "2125550100", "0", "020-7946"]
NUMBERS = [0, -0.0, 1, -1, 2, 2.0, 0.1, 0.30000000000000004, 1e300, -1e300, 5e-324, 2**53, 2**53 + 1, 10]
ELEMENTS = ["VIP", "VIP/서울", "vip/", "새 손님", "straße", "x"]
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


WIRES = sorted(wire(instant) for instant in INSTANTS)
DAYS = sorted({text[:10] for text in WIRES})
WINDOWS = st.builds(
    lambda n, unit: [{"n": n, "unit": unit}], st.sampled_from([1, 2, 7, 30, 365]), st.sampled_from(list(oracle.UNITS))
)
_TEXT = {
    ("eq", "in", "ne", "notIn", "contains", "notContains", "startsWith", "endsWith"): some(TEXTS),
    ("chosung",): some(INITIALS),
}
OPERATORS: dict[str, dict[tuple[str, ...], st.SearchStrategy[list[Any]]]] = {
    "string": _TEXT,
    "email": {
        ("eq", "in", "ne", "notIn", "contains", "notContains", "startsWith", "endsWith"): some([*MAILS, "kim", "@", ".com"]),
        ("domain",): some(["example.com", "EXAMPLE.com", "com", "b"]),
    },
    "phone": {
        ("eq", "ne", "in", "notIn"): some(WRITINGS),
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
        ("anniversary",): st.sampled_from([0, 1, 7, 60, 364, 365, 400]).map(lambda n: [{"n": n, "unit": "days"}]),
    },
    "list": {
        ("hasAny", "in", "hasAll", "hasNone", "notIn", "isExactly", "hasPrefix"): some(ELEMENTS),
        ("size",): st.builds(lambda op, n: [{"op": op, "n": n}], st.sampled_from(list(oracle.COMPARE)), st.integers(0, 4)),
    },
}
TYPES = {
    "name": "string", "city": "string", "email": "email", "mobileNumber": "phone", "sessionsCount": "number",
    "member": "boolean", "blocked": "boolean", "lastSeenAt": "date", "createdAt": "date", "tags": "list",
    **{f"profile.{key}": word for key, word in FIELDS.items()},
}  # fmt: skip
DATES = [key for key, word in TYPES.items() if word == "date"]


def aimed(kind: str, operator: str, value: Any) -> list[Any]:
    """Values that come from the contact's own value, so that conditions hold, or just fail to, more often than by chance."""
    plain = operator in {"eq", "in", "ne", "notIn"}
    if kind in {"string", "email"} and operator != "domain" and operator != "chosung":
        pieces = [value, value.swapcase(), value[:1], value[1:], value[:-1], value[-1:], value[1:2], " " + value]
        return [piece for piece in pieces if oracle.same(piece)]
    if kind == "phone" and operator != "countryCode":
        national = oracle.national(value)
        return [value] if plain else [national, national[:4], national[-4:], value[:5], value[-3:], value[2:6]]
    if kind == "list" and operator != "size":
        return [*value, *(element[:2] for element in value)]
    return [value] if kind in {"number", "boolean"} and plain else []


@st.composite
def single_conditions(
    draw: st.DrawFn, keys: list[str], contact: dict[str, Any], operators: tuple[str, ...] | None = None
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
    values = OPERATORS[kind][operators]
    raw: dict[str, Any] = {"key": draw(st.sampled_from(["", "user."])) + key}
    raw["operator"] = draw(st.sampled_from(["", "$"])) + operator
    raw["values"] = draw(some(own) | values if own else values)
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


@st.composite
def contacts(draw: st.DrawFn) -> dict[str, Any]:
    """A contact as the API shows it, each value there or not."""

    def perhaps(pool: list[Any]) -> Any:
        return draw(st.sampled_from([None, *pool]))

    elements = st.lists(st.sampled_from(ELEMENTS), max_size=3, unique=True)
    return {
        "name": perhaps([*TEXTS, *NO_TEXTS]),
        "city": perhaps([*TEXTS, *NO_TEXTS]),
        "email": perhaps(MAILS),
        "mobileNumber": perhaps(PHONES),
        "sessionsCount": draw(st.sampled_from([0, 1, 2, 10])),
        "member": draw(st.booleans()),
        "blocked": draw(st.booleans()),
        "lastSeenAt": perhaps(WIRES),
        "createdAt": draw(st.sampled_from(WIRES)),
        "tags": draw(elements),
        "profile": {
            "grade": perhaps([*TEXTS, *NO_TEXTS]),
            "count": perhaps(NUMBERS),
            "agreed": perhaps([True, False]),
            "bought": perhaps(WIRES),
            "born": perhaps(WIRES),
            "sizes": draw(st.none() | elements),
        },
    }


def population(chance: random.Random, count: int) -> list[dict[str, Any]]:
    """Contacts as `contacts` makes them, many at once: the same for the same seed."""

    def perhaps(pool: list[Any]) -> Any:
        return chance.choice([None, *pool])

    def elements() -> list[str]:
        return chance.sample(ELEMENTS, chance.randrange(4))

    return [
        {
            "name": perhaps([*TEXTS, *NO_TEXTS]),
            "city": perhaps([*TEXTS, *NO_TEXTS]),
            "email": perhaps(MAILS),
            "mobileNumber": perhaps(PHONES),
            "sessionsCount": chance.choice([0, 1, 2, 10]),
            "member": chance.choice([True, False]),
            "blocked": chance.choice([True, False]),
            "lastSeenAt": perhaps(WIRES),
            "createdAt": chance.choice(WIRES),
            "tags": elements(),
            "profile": {
                "grade": perhaps([*TEXTS, *NO_TEXTS]),
                "count": perhaps(NUMBERS),
                "agreed": perhaps([True, False]),
                "bought": perhaps(WIRES),
                "born": perhaps(WIRES),
                "sizes": perhaps([elements(), elements()]),
            },
        }
        for _ in range(count)
    ]


def window_edges(raw: Any, contact: dict[str, Any], world: oracle.World) -> list[int]:
    """Where a window of the filter begins or ends for this contact, however far from the present."""
    found: set[int] = set()
    for condition in oracle.conditions(raw, world):
        value = oracle.stored(contact, oracle.plain_key(condition["key"]))
        if condition["operator"].lstrip("$") in {"withinLast", "notWithinLast", "withinNext"} and value is not None:
            length = condition["values"][0]["n"] * oracle.UNITS[condition["values"][0]["unit"]]
            found |= {oracle.instant(value) + shift for shift in (-length, 0, length)}
    return sorted(found)


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
    leaves = single_conditions(keys or list(TYPES), contact, operators)
    raw = draw(leaves if most == 1 else trees(leaves | _REFERENCES if keys is None else leaves, most))
    world = oracle.World(
        zone=draw(st.sampled_from(ZONES)),
        fields=FIELDS,
        segments={name: draw(trees(leaves, 2)) for name in SEGMENTS} if keys is None else {},
        term_sets={"names": ["VIP", "straße"], "phones": ["+821012345678"], "tags": ["VIP", "x"], "mails": ["kim@example.com"]},
    )
    own = [instant for key in DATES if (instant := oracle.stored(contact, key)) is not None and instant >= "2024"]
    start = oracle.instant(draw(st.sampled_from([wire(INSTANTS[0]), *own])))
    start += draw(
        st.sampled_from([0, 0, -1, 1, -9 * oracle.UNITS["hours"], 29 * oracle.UNITS["days"], -3 * oracle.UNITS["days"]])
    )
    turns: list[int] = oracle.turning_points(raw, contact, start, start + 30 * oracle.UNITS["days"], world)
    turns += window_edges(raw, contact, world)
    if turns and draw(st.sampled_from([True, True, False])):
        start = draw(st.sampled_from(turns)) + draw(st.sampled_from([-1, 0, 0, 1]))
    return Case(raw, contact, start, world)
