"""The second interpreter of the filter language: a tree becomes a query of the index, with the same meaning on every contact."""

from collections.abc import Mapping
from datetime import date
from typing import Any, TypeAlias, assert_never

from common.filters import windows
from common.filters.tree import (
    DATE_OPERATORS,
    LIST_OPERATORS,
    NEGATIVE,
    NUMBER_OPERATORS,
    PHONE_OPERATORS,
    TEXT_OPERATORS,
    And,
    Condition,
    DateOperator,
    FieldType,
    ListOperator,
    Node,
    Not,
    NumberOperator,
    Operator,
    Or,
    PhoneOperator,
    Size,
    TextOperator,
    Window,
    one_of,
)
from search.document import END, START, Slots, field_name, term

Query: TypeAlias = dict[str, Any]

EVERYONE: Query = {"match_all": {}}
NO_ONE: Query = {"match_none": {}}

_EPOCH = date(1970, 1, 1).toordinal()
_DAYS_PER_YEAR = 366

# Month and day come round in the channel's zone: a computed question, asked of the stored instant; as ranges it would be one
# for each year from 1 to 9999. The zone's table comes with the question: the index's own has other offsets for a hundred zones.
# Days of the year are counted from 1 March (windows.coming_days). Only near the first and the last day the zone makes a
# difference.
_ANNIVERSARY = """
long dayOfYear(long at, long cycle) {
  long day = (at + 6 * cycle) / 86400000L + 719468L;
  long inCycle = day % 146097L;
  long year = (inCycle - inCycle / 1460L + inCycle / 36524L - inCycle / 146096L) / 365L;
  return inCycle - (365L * year + year / 4L - year / 100L);
}
long ahead(long at, List since, List offsets) {
  int low = 0;
  int high = since.size();
  while (high - low > 1) {
    int middle = (low + high) / 2;
    long start = ((Number) since.get(middle)).longValue();
    if (start <= at) { low = middle; } else { high = middle; }
  }
  return ((Number) offsets.get(low)).longValue();
}
if (doc[params.field].size() == 0) return false;
long at = doc[params.field].value;
long cycle = ((Number) params.cycle).longValue();
long first = ((Number) params.first).longValue();
long count = ((Number) params.count).longValue();
long place = (dayOfYear(at, cycle) + 366L - first) % 366L;
if (place >= 2L && place < count - 2L) return true;
if (place >= count + 2L && place < 364L) return false;
long repeats = ((Number) params.repeats).longValue();
long known = at < repeats ? at : repeats + (at - repeats) % cycle;
return (dayOfYear(at + ahead(known, params.since, params.ahead), cycle) + 366L - first) % 366L < count;
"""


Terms: TypeAlias = Mapping[str, object]
"""By term set: what `document.term` makes of its terms, as a list or as that list's JSON (orjson.Fragment)."""


def compile_filter(node: Node, slots: Slots, now: int, terms: Terms | None = None) -> Query:
    """The query of a filter whose segments are inlined, at `now` in milliseconds since 1970; `terms` are those of its term sets.

    Raises ValueError for a segment not inlined and a term set whose terms are not given.
    """
    return _node(node, slots, now, terms or {})


def _node(node: Node, slots: Slots, now: int, terms: Terms) -> Query:
    match node:
        case And(children):
            return {"bool": {"filter": [_node(c, slots, now, terms) for c in children]}} if children else EVERYONE
        case Or(children):
            return any_of([_node(c, slots, now, terms) for c in children])
        case Not(child):
            return none_of(_node(child, slots, now, terms))
        case Condition():
            return _condition(node, slots, now, terms)


def any_of(queries: list[Query]) -> Query:
    """Any of the queries; of none: no one."""
    if len(queries) == 1:
        return queries[0]
    return {"bool": {"should": queries, "minimum_should_match": 1}} if queries else NO_ONE


def none_of(query: Query) -> Query:
    """The complement."""
    return {"bool": {"must_not": [query]}}


def _condition(node: Condition, slots: Slots, now: int, terms: Terms) -> Query:
    if node.type is FieldType.SEGMENT:
        raise ValueError("segments must be inlined before a filter is compiled")
    if node.term_set is not None and node.term_set not in terms:
        raise ValueError("the terms of every term set in the filter must be given")
    name = field_name(node.key, slots)
    exists = {"exists": {"field": name + _VALUE_AT.get(node.type, "")}}
    operator = NEGATIVE.get(node.operator, node.operator)
    negative = operator is not node.operator
    if operator is Operator.EXISTS:
        return none_of(exists) if negative else exists
    if node.term_set is not None:
        positive: Query = {"terms": {f"{name}.term": terms[node.term_set]}}
    else:
        positive = _positive(node, operator, name, now)
    if not negative:
        return any_of([positive, none_of(exists)]) if node.missing == "include" else positive
    if node.missing == "exclude":
        return {"bool": {"filter": [exists], "must_not": [positive]}}
    return none_of(positive)


_VALUE_AT = {
    FieldType.STRING: ".term",
    FieldType.EMAIL: ".term",
    FieldType.PHONE: ".term",
    FieldType.LIST: ".size",
}


def _positive(node: Condition, operator: Operator, name: str, now: int) -> Query:
    match node.type:
        case FieldType.DATE:
            return _date(node, one_of(DATE_OPERATORS, operator), name, now)
        case FieldType.NUMBER:
            return _number(node, one_of(NUMBER_OPERATORS, operator), name)
        case FieldType.BOOLEAN:
            return any_of([{"term": {name: value}} for value in dict.fromkeys(node.values)])
        case FieldType.LIST:
            return _list(node, one_of(LIST_OPERATORS, operator), name)
        case FieldType.PHONE:
            return _text(node, one_of(PHONE_OPERATORS, operator), name)
        case FieldType.STRING | FieldType.EMAIL:
            return _text(node, one_of(TEXT_OPERATORS, operator), name)
        case FieldType.SEGMENT:
            raise ValueError("segments must be inlined before a filter is compiled")
        case _:
            assert_never(node.type)


def phrase(name: str, characters: str, boost: float | None = None) -> Query:
    """The characters, next to each other and in order; with a boost the match scores exactly that."""
    query: Query = {"match_phrase": {name: {"query": characters}}} if len(characters) > 1 else {"term": {name: characters}}
    return query if boost is None else {"constant_score": {"filter": query, "boost": boost}}


def _text(node: Condition, operator: TextOperator | PhoneOperator, name: str) -> Query:
    texts = [str(v) for v in dict.fromkeys(node.values)]
    chars = f"{name}.chars"
    match operator:
        case Operator.EQ:
            return {"terms": {f"{name}.term": [term(t) for t in texts]}}
        case Operator.CONTAINS:
            return any_of([phrase(chars, t) for t in texts])
        case Operator.STARTS_WITH:
            return any_of([phrase(chars, START + t) for t in texts])
        case Operator.ENDS_WITH | Operator.LAST_DIGITS:
            return any_of([phrase(chars, t + END) for t in texts])
        case Operator.CHOSUNG:
            return any_of([phrase(f"{name}.initials", t) for t in texts])
        case Operator.DOMAIN:
            return {"terms": {f"{name}.domain": [term(t) for t in texts]}}
        case Operator.COUNTRY_CODE:
            return {"terms": {f"{name}.code": texts}}
        case _:
            assert_never(operator)


def _number(node: Condition, operator: NumberOperator, name: str) -> Query:
    numbers = [float(v) + 0.0 for v in node.values if isinstance(v, int | float)]
    match operator:
        case Operator.EQ:
            return {"terms": {name: numbers}}
        case Operator.BETWEEN:
            return {"range": {name: {"gte": numbers[0], "lte": numbers[1]}}}
        case Operator.GT | Operator.GTE | Operator.LT | Operator.LTE:
            return {"range": {name: {operator.value: numbers[0]}}}
        case _:
            assert_never(operator)


def _list(node: Condition, operator: ListOperator, name: str) -> Query:
    texts = [str(v) for v in dict.fromkeys(node.values)]
    each: list[Query] = [{"term": {f"{name}.term": term(t)}} for t in texts]
    match operator:
        case Operator.HAS_ANY:
            return {"terms": {f"{name}.term": [term(t) for t in texts]}}
        case Operator.HAS_ALL:
            return {"bool": {"filter": each}}
        case Operator.IS_EXACTLY:
            return {"bool": {"filter": [*each, {"term": {f"{name}.distinct": len(texts)}}]}}
        case Operator.HAS_PREFIX:
            return any_of([phrase(f"{name}.chars", START + t) for t in texts])
        case Operator.SIZE:
            (size,) = node.values
            assert isinstance(size, Size)
            whole = f"{name}.size"
            return {"term": {whole: size.n}} if size.op is Operator.EQ else {"range": {whole: {size.op.value: size.n}}}
        case _:
            assert_never(operator)


def _date(node: Condition, operator: DateOperator, name: str, now: int) -> Query:
    limits = [value for value in node.values if isinstance(value, int)]
    spans = [value for value in node.values if isinstance(value, Window)]
    match operator:
        case Operator.BEFORE:
            return {"range": {name: {"lt": limits[0]}}}
        case Operator.AFTER:
            return {"range": {name: {"gt": limits[0]}}}
        case Operator.BETWEEN:
            return {"range": {name: {"gte": limits[0], "lt": limits[1]}}}
        case Operator.ON:
            numbers = [date.fromisoformat(str(day)).toordinal() - _EPOCH for day in node.values]
            return any_of([_days(name, day, day + 1, node.zone) for day in numbers])
        case Operator.CALENDAR:
            today = windows.day_of(now, node.zone)
            return any_of([_days(name, *windows.calendar_days(str(word), today), node.zone) for word in node.values])
        case Operator.WITHIN_LAST:
            return {"range": {name: {"gt": now - spans[0].millis, "lte": now}}}
        case Operator.NOT_WITHIN_LAST:
            return {"range": {name: {"lte": now - spans[0].millis}}}
        case Operator.WITHIN_NEXT:
            return {"range": {name: {"gt": now, "lte": now + spans[0].millis}}}
        case Operator.ANNIVERSARY:
            return _anniversary(name, spans[0].n, node.zone, now)
        case _:
            assert_never(operator)


def _days(name: str, first: int, after: int, zone: str) -> Query:
    return any_of([_range(name, start, end) for start, end in windows.days(first, after, zone)])


def _range(name: str, start: int | None, end: int | None) -> Query:
    bounds: Mapping[str, int | None] = {"gte": start, "lt": end}
    return {"range": {name: {word: bound for word, bound in bounds.items() if bound is not None}}}


def _anniversary(name: str, within: int, zone: str, now: int) -> Query:
    if within >= _DAYS_PER_YEAR - 1:
        return {"exists": {"field": name}}
    first, count = windows.coming_days(within, zone, now)
    since, ahead = windows.offsets(zone)
    parameters = {
        "field": name, "first": first, "count": count, "since": since, "ahead": ahead,
        "cycle": windows.CYCLE, "repeats": windows.REPEATS_FROM,
    }  # fmt: skip
    return {"script": {"script": {"lang": "painless", "source": _ANNIVERSARY, "params": parameters}}}
