"""Random filters with contacts and instants that sit on the edges of what the filters say."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from hypothesis import strategies as st

from common.filters import Context, FieldDefinition, FieldType
from common.zones import zone_names
from tests.support import oracle
from tests.support.filter_values import (
    ABROAD,
    DAYS,
    EARLIEST,
    ELEMENTS,
    FIELDS,
    INITIALS,
    INSTANTS,
    LATEST,
    LISTED,
    MAILS,
    NUMBERS,
    PARTS,
    SEGMENTS,
    TERM_SETS,
    TEXTS,
    TYPES,
    WIRES,
    WORDS,
    WRITINGS,
    ZONES,
    contacts,
    wire,
)


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
        ("eq", "ne", "in", "notIn"): some(ABROAD),
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
    return [wire(oracle.EPOCH + timedelta(milliseconds=each)) for each in near if EARLIEST <= each <= LATEST]


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


@cache
def shapes(most: int, references: bool) -> st.SearchStrategy[Any]:
    """Filters, not too deep, with nothing yet in the place of each condition; made once, since making costs more than drawing."""
    leaf: st.SearchStrategy[Any] = st.builds(dict)
    return st.recursive(
        leaf | _REFERENCES if references else leaf,
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


def filled(shape: Any, draw: st.DrawFn, leaves: st.SearchStrategy[Any]) -> Any:
    """The filter with a condition in each empty place."""
    match shape:
        case {"and": children} | {"or": children}:
            (name,) = shape
            return {name: [filled(child, draw, leaves) for child in children]}
        case {"not": child}:
            return {"not": filled(child, draw, leaves)}
        case {"key": _}:
            return shape
        case _:
            return draw(leaves)


_REFERENCES = st.builds(
    lambda operator, names: {"key": "segment", "operator": operator, "values": names},
    st.sampled_from(["in", "notIn"]),
    some(list(SEGMENTS), 2),
) | st.sampled_from(sorted(TERM_SETS)).flatmap(
    lambda name: st.sampled_from(["in", "notIn"]).map(
        lambda operator: {"key": TERM_SETS[name], "operator": operator, "termSet": name}
    )
)


def window_edges(raw: Any, contact: dict[str, Any], world: oracle.World) -> list[int]:
    """Where a window of the filter begins or ends for this contact, however far from the present."""
    found: set[int] = set()
    for condition in oracle.conditions(raw, world):
        value = oracle.stored(contact, oracle.plain_key(condition["key"]))
        if condition["operator"].lstrip("$") in {"withinLast", "notWithinLast", "withinNext"} and value is not None:
            length = condition["values"][0]["n"] * oracle.UNITS[condition["values"][0]["unit"]]
            found |= {oracle.instant(value) + shift for shift in (-length, 0, length)}
    return sorted(edge for edge in found if EARLIEST < edge < LATEST)


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
    raw = draw(leaves) if most == 1 else filled(draw(shapes(most, keys is None)), draw, leaves)
    world = oracle.World(
        country=country,
        zone=draw(st.sampled_from(ZONES) | st.sampled_from(sorted(zone_names()))),
        fields=FIELDS,
        segments={name: filled(draw(shapes(2, False)), draw, leaves) for name in SEGMENTS} if keys is None else {},
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
