"""The in-process evaluator: for a contact and an instant the truth of every node, and when the clock alone will change it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from common.clock import from_millis, from_wire, to_millis, to_wire
from common.filters import windows
from common.filters.text import country_code, fold, initials, phone_forms
from common.filters.tree import And, Condition, FieldType, Node, Not, Or, Size, Window, conditions

Contact = Mapping[str, object]
"""A contact as the API shows it: built-ins by name, `profile` a mapping, dates as RFC 3339 texts or aware datetimes."""

TermValues = Mapping[str, Collection[str]]
"""By term set: its terms, folded (phones as E.164)."""

_NEGATIVE = {"ne": "eq", "notContains": "contains", "notBetween": "between", "hasNone": "hasAny", "notExists": "exists"}
# Every constellation of leap and common years next to each other comes round within nine years.
_YEARS = 13 * 366 * 86_400_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """The truth now, and the first later instant (milliseconds) at which it flips if nothing but the clock moves."""

    truth: bool
    next_change: int | None


def evaluate(node: Node, contact: Contact, now: int, term_values: TermValues | None = None) -> Verdict:
    """The verdict of a whole filter at `now`, milliseconds since 1970. Segment conditions must have been inlined."""
    terms = term_values or {}
    truth, candidate = _look(node, contact, now, terms)
    horizon: int | None = None
    # A part that changes need not change the whole: go from one part's change to the next until the whole flips.
    while candidate is not None:
        later, following = _look(node, contact, candidate, terms)
        if later != truth:
            return Verdict(truth, candidate)
        if horizon is None:
            horizon = max(now, _settled(node, contact)) + _YEARS
        if candidate > horizon:
            break
        candidate = following
    return Verdict(truth, None)


def explain(node: Node, contact: Contact, now: int, term_values: TermValues | None = None) -> dict[str, object]:
    """The tree with each node's `truth`, `nextChangeAt`, and for a condition the `value` it saw."""
    verdict = evaluate(node, contact, now, term_values)
    change = verdict.next_change
    told: dict[str, object] = {"truth": verdict.truth, "nextChangeAt": None if change is None else to_wire(from_millis(change))}
    match node:
        case And(children):
            return {"and": [explain(c, contact, now, term_values) for c in children], **told}
        case Or(children):
            return {"or": [explain(c, contact, now, term_values) for c in children], **told}
        case Not(child):
            return {"not": explain(child, contact, now, term_values), **told}
        case Condition():
            value = value_of(contact, node.key)
            shown = to_wire(value) if isinstance(value, datetime) else value
            return {"key": node.key, "operator": node.operator, "value": shown, **told}


def value_of(contact: Contact, key: str) -> object:
    """The value under a key; None for none: empty and blank texts and empty lists are none too."""
    if key.startswith("profile."):
        profile = contact.get("profile")
        value = profile.get(key[8:]) if isinstance(profile, Mapping) else None
    else:
        value = contact.get(key)
    if isinstance(value, str) and not value.strip():
        return None
    if isinstance(value, list | tuple) and not value:
        return None
    return value


def _look(node: Node, contact: Contact, now: int, terms: TermValues) -> tuple[bool, int | None]:
    """The truth now, and the earliest instant at which any part of the tree changes."""
    match node:
        case Condition():
            return _condition(node, contact, now, terms)
        case Not(child):
            truth, change = _look(child, contact, now, terms)
            return not truth, change
        case And(children):
            looks = [_look(c, contact, now, terms) for c in children]
            if any(not truth and change is None for truth, change in looks):
                return False, None
            return all(truth for truth, _ in looks), _first(looks)
        case Or(children):
            looks = [_look(c, contact, now, terms) for c in children]
            if any(truth and change is None for truth, change in looks):
                return True, None
            return any(truth for truth, _ in looks), _first(looks)


def _settled(node: Node, contact: Contact) -> int:
    """The last change of all parts but anniversaries, which come round for ever: after it everything repeats."""
    last = 0
    for condition in conditions(node):
        t = instant_of(value_of(contact, condition.key)) if condition.type is FieldType.DATE else None
        if t is None or condition.operator == "anniversary":
            continue
        reach = [v.millis for v in condition.values if isinstance(v, Window)]
        last = max(last, t + max(reach, default=0), t + _YEARS)
    return last


def _first(looks: list[tuple[bool, int | None]]) -> int | None:
    return min((change for _, change in looks if change is not None), default=None)


def _condition(node: Condition, contact: Contact, now: int, terms: TermValues) -> tuple[bool, int | None]:
    if node.type is FieldType.SEGMENT:
        raise ValueError("segment conditions must be inlined before a filter is evaluated")
    value = value_of(contact, node.key)
    positive = _NEGATIVE.get(node.operator)
    operator = positive or node.operator
    if operator == "exists":
        return (value is not None) != (positive is not None), None
    if value is None:
        if node.missing is not None:
            return node.missing == "include", None
        return positive is not None, None
    truth, change = _positive(node, operator, value, now, terms)
    return truth != (positive is not None), change


def _positive(node: Condition, operator: str, value: object, now: int, terms: TermValues) -> tuple[bool, int | None]:
    match node.type:
        case FieldType.DATE:
            return _date(node, operator, value, now)
        case FieldType.NUMBER:
            return _number(node, operator, value), None
        case FieldType.BOOLEAN:
            return isinstance(value, bool) and value in node.values, None
        case FieldType.LIST:
            return _list(node, operator, value, terms), None
        case FieldType.PHONE:
            return _phone(node, operator, value, terms), None
        case _:
            return _text(node, operator, value, terms), None


def _text(node: Condition, operator: str, value: object, terms: TermValues) -> bool:
    if not isinstance(value, str):
        return False
    text = fold(value)
    if node.term_set is not None:
        return text in terms.get(node.term_set, ())
    match operator:
        case "eq":
            return text in node.values
        case "contains":
            return any(str(v) in text for v in node.values)
        case "startsWith":
            return any(text.startswith(str(v)) for v in node.values)
        case "endsWith":
            return any(text.endswith(str(v)) for v in node.values)
        case "chosung":
            sequence = initials(text)
            return any(str(v) in sequence for v in node.values)
        case "domain":
            return text.rpartition("@")[2] in node.values
        case _:
            raise AssertionError(operator)


def _phone(node: Condition, operator: str, value: object, terms: TermValues) -> bool:
    if not isinstance(value, str):
        return False
    if node.term_set is not None:
        return value in terms.get(node.term_set, ())
    if operator == "eq":
        return value in node.values
    if operator == "countryCode":
        return country_code(value) in node.values
    forms = phone_forms(value)
    match operator:
        case "contains":
            return any(str(v) in form for v in node.values for form in forms)
        case "startsWith":
            return any(form.startswith(str(v)) for v in node.values for form in forms)
        case "endsWith" | "lastDigits":
            return any(form.endswith(str(v)) for v in node.values for form in forms)
        case _:
            raise AssertionError(operator)


def _number(node: Condition, operator: str, value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    number = float(value)
    operands = [float(v) for v in node.values if isinstance(v, int | float)]
    match operator:
        case "eq":
            return number in operands
        case "gt":
            return number > operands[0]
        case "gte":
            return number >= operands[0]
        case "lt":
            return number < operands[0]
        case "lte":
            return number <= operands[0]
        case "between":
            return operands[0] <= number <= operands[1]
        case _:
            raise AssertionError(operator)


def _list(node: Condition, operator: str, value: object, terms: TermValues) -> bool:
    if not isinstance(value, list | tuple):
        return False
    elements = {fold(e) for e in value if isinstance(e, str)} - {""}
    if node.term_set is not None:
        return not elements.isdisjoint(terms.get(node.term_set, ()))
    match operator:
        case "hasAny":
            return not elements.isdisjoint(str(v) for v in node.values)
        case "hasAll":
            return elements.issuperset(str(v) for v in node.values)
        case "isExactly":
            return elements == {str(v) for v in node.values}
        case "hasPrefix":
            return any(e.startswith(str(v)) for v in node.values for e in elements)
        case "size":
            (size,) = node.values
            assert isinstance(size, Size)
            count = len(value)
            return {
                "eq": count == size.n,
                "gt": count > size.n,
                "gte": count >= size.n,
                "lt": count < size.n,
                "lte": count <= size.n,
            }[size.op]
        case _:
            raise AssertionError(operator)


def instant_of(value: object) -> int | None:
    """Milliseconds since 1970 of a date's value; None where it is none."""
    if isinstance(value, datetime):
        return to_millis(value)
    if isinstance(value, str):
        try:
            return to_millis(from_wire(value))
        except ValueError:
            return None
    return None


def _date(node: Condition, operator: str, value: object, now: int) -> tuple[bool, int | None]:
    t = instant_of(value)
    if t is None:
        return False, None
    first = node.values[0]
    match operator:
        case "before":
            return t < int(str(first)), None
        case "after":
            return t > int(str(first)), None
        case "between":
            return int(str(first)) <= t < int(str(node.values[1])), None
        case "on":
            return any(windows.on(t, str(day), node.zone) for day in node.values), None
        case "calendar":
            return windows.at([windows.calendar(t, str(word), node.zone) for word in node.values], now)
        case _:
            assert isinstance(first, Window)
    match operator:
        case "withinLast":
            return windows.at([(t, t + first.millis)], now)
        case "notWithinLast":
            return windows.at([(t + first.millis, None)], now)
        case "withinNext":
            return windows.at([(t - first.millis, t)], now)
        case "anniversary":
            return windows.at(list(windows.anniversaries(t, first.n, node.zone, now)), now)
        case _:
            raise AssertionError(operator)
