"""Reads a condition's values by their kind: typed for the interpreters, who never read them again."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, TypeAlias

from common.clock import from_wire, to_millis
from common.email_address import InvalidEmail, is_email, read_email
from common.filters.text import WHITE_SPACE, fold, is_initials
from common.filters.tree import COMPARISONS, Comparison, FieldType, Operator, Size, Value, Window
from common.ids import parse_id
from common.phone import UnreadablePhone, digits_of, read_phone

Read = list[Value]
_MOST_TEXT, _MOST_UNITS, _MOST_SIZE = 10_000, 100_000, 1_000_000
_UNITS = ("minutes", "hours", "days", "weeks")
_CALENDAR = (
    "today", "yesterday", "tomorrow", "thisWeek", "lastWeek", "nextWeek", "thisMonth", "lastMonth", "nextMonth", "thisYear",
)  # fmt: skip


class Refusal(Exception):
    """A value that does not fit; `index` is its place among the values."""

    def __init__(self, detail: str, index: int | None = None, code: str = "invalidValue") -> None:
        super().__init__(detail)
        self.detail, self.index, self.code = detail, index, code


def _each(read: Callable[[Any, str], Value]) -> Callable[[list[Any], str], Read]:
    def reading(values: list[Any], country: str) -> Read:
        found: Read = []
        for index, value in enumerate(values):
            try:
                found.append(read(value, country))
            except ValueError as error:
                code = "unreadablePhone" if isinstance(error, UnreadablePhone) else "invalidValue"
                raise Refusal(f"This value is not of the right kind: {error}.", index, code) from None
        return found

    return reading


def _exactly(count: int, reading: Callable[[list[Any], str], Read], *, ordered: bool = False) -> Callable[[list[Any], str], Read]:
    def exactly(values: list[Any], country: str) -> Read:
        if len(values) != count:
            raise Refusal("This operator takes exactly one value." if count == 1 else "This operator takes exactly two values.")
        found = reading(values, country)
        if ordered and found[0] > found[1]:  # type: ignore[operator]  # two of one ordered kind
            raise Refusal("The pair is in the wrong order: the lower value comes first.", code="wrongOrder")
        return found

    return exactly


def _text(value: Any, _: str = "") -> Value:
    if not isinstance(value, str):
        raise ValueError("it must be a text")
    if len(value) > _MOST_TEXT:
        raise ValueError(f"a text has {_MOST_TEXT:,} characters at most")
    folded = fold(value)
    if not folded:
        raise ValueError("a text must not be empty or blank")
    return folded


def _initials(value: Any, _: str) -> Value:
    folded = str(_text(value))
    if not is_initials(folded):
        raise ValueError("it must be initial consonants, such as ㅎㄱㄷ")
    return folded


def _email(value: Any, _: str) -> Value:
    """An address as it is kept; any other text as it is, for what is no address can be asked for too."""
    folded = _text(value)
    try:
        return fold(read_email(value))
    except InvalidEmail:
        return folded


def _domain(value: Any, _: str) -> Value:
    """A domain as addresses are kept with it: an international one in its own letters."""
    folded = str(_text(value))
    return fold(read_email(f"x@{folded}")[2:]) if "xn--" in folded and is_email(f"x@{folded}") else folded


def _phone(value: Any, country: str) -> Value:
    _text(value)
    return read_phone(value, country)


def _digits(value: Any, _: str) -> Value:
    _text(value)
    digits = digits_of(value)
    if not digits:
        raise ValueError("it must have digits")
    return digits


def _code(value: Any, _: str) -> Value:
    _text(value)
    match = re.fullmatch(r"\+?([1-9][0-9]{0,2})", value.strip(WHITE_SPACE))
    if match is None:
        raise ValueError('it must be a country code, such as "82"')
    return match[1]


def _number(value: Any, _: str) -> Value:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("it must be a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("it must be a finite number")
    return number + 0.0  # minus zero is zero


def _boolean(value: Any, _: str) -> Value:
    if not isinstance(value, bool):
        raise ValueError("it must be true or false")
    return value


def _instant(value: Any, _: str) -> Value:
    if not isinstance(value, str):
        raise ValueError("it must be an instant, such as 2026-11-24T03:00:00.000Z")
    return to_millis(from_wire(value))


def _day(value: Any, _: str) -> Value:
    if not isinstance(value, str) or re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value) is None:
        raise ValueError("it must be a day, such as 2026-11-24")
    try:
        date.fromisoformat(value)
    except ValueError:
        raise ValueError("it must be a day that exists") from None
    return value


def _whole(value: Any) -> int | None:
    """A whole number, written 7 or 7.0."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _window(value: Any, _: str, *, least: int = 1, units: tuple[str, ...] = _UNITS) -> Value:
    if not isinstance(value, dict) or value.keys() != {"n", "unit"}:
        raise ValueError('it must be a window, such as {"n": 7, "unit": "days"}')
    n, unit = value["n"], value["unit"]
    n = _whole(n)
    if n is None or not least <= n <= _MOST_UNITS:
        raise ValueError(f"n must be a whole number from {least} to {_MOST_UNITS:,}")
    if unit not in units:
        raise ValueError(f"the unit must be one of {', '.join(units)}")
    return Window(n, unit)


def _anniversary(value: Any, country: str) -> Value:
    return _window(value, country, least=0, units=("days",))


def _calendar(value: Any, _: str) -> Value:
    if value not in _CALENDAR:
        raise ValueError(f"it must be one of {', '.join(_CALENDAR)}")
    word: str = value
    return word


def _size(value: Any, _: str) -> Value:
    if not isinstance(value, dict) or value.keys() != {"op", "n"}:
        raise ValueError('it must be a comparison, such as {"op": "gte", "n": 2}')
    op, n = value["op"], value["n"]
    comparison: Comparison | None = next((each for each in COMPARISONS if each == op), None)
    if comparison is None:
        raise ValueError(f"op must be one of {', '.join(COMPARISONS)}")
    n = _whole(n)
    if n is None or not 0 <= n <= _MOST_SIZE:
        raise ValueError(f"n must be a whole number from 0 to {_MOST_SIZE:,}")
    return Size(comparison, n)


def _id(value: Any, _: str) -> Value:
    parsed = parse_id(value) if isinstance(value, str) else None
    if parsed is None:
        raise ValueError("it must be an id")
    return str(parsed)


Reader: TypeAlias = Callable[[list[Any], str], Read]
"""Values as they are written and the channel's country to typed ones. Raises Refusal."""

_TEXTS, _DIGITS = _each(_text), _each(_digits)
_NUMBER, _INSTANT, _WINDOW = _exactly(1, _each(_number)), _exactly(1, _each(_instant)), _exactly(1, _each(_window))
_OF_TEXTS: Mapping[Operator, Reader] = {
    Operator.EQ: _TEXTS,
    Operator.NE: _TEXTS,
    Operator.CONTAINS: _TEXTS,
    Operator.NOT_CONTAINS: _TEXTS,
    Operator.STARTS_WITH: _TEXTS,
    Operator.ENDS_WITH: _TEXTS,
    Operator.CHOSUNG: _each(_initials),
}
READERS: Mapping[FieldType, Mapping[Operator, Reader]] = {
    FieldType.STRING: _OF_TEXTS,
    FieldType.EMAIL: {**_OF_TEXTS, Operator.EQ: _each(_email), Operator.NE: _each(_email), Operator.DOMAIN: _each(_domain)},
    FieldType.PHONE: {
        Operator.EQ: _each(_phone),
        Operator.NE: _each(_phone),
        Operator.CONTAINS: _DIGITS,
        Operator.NOT_CONTAINS: _DIGITS,
        Operator.STARTS_WITH: _DIGITS,
        Operator.ENDS_WITH: _DIGITS,
        Operator.LAST_DIGITS: _DIGITS,
        Operator.COUNTRY_CODE: _each(_code),
    },
    FieldType.NUMBER: {
        Operator.EQ: _each(_number),
        Operator.NE: _each(_number),
        Operator.GT: _NUMBER,
        Operator.GTE: _NUMBER,
        Operator.LT: _NUMBER,
        Operator.LTE: _NUMBER,
        Operator.BETWEEN: _exactly(2, _each(_number), ordered=True),
        Operator.NOT_BETWEEN: _exactly(2, _each(_number), ordered=True),
    },
    FieldType.BOOLEAN: {Operator.EQ: _each(_boolean), Operator.NE: _each(_boolean)},
    FieldType.DATE: {
        Operator.BEFORE: _INSTANT,
        Operator.AFTER: _INSTANT,
        Operator.BETWEEN: _exactly(2, _each(_instant), ordered=True),
        Operator.ON: _each(_day),
        Operator.WITHIN_LAST: _WINDOW,
        Operator.NOT_WITHIN_LAST: _WINDOW,
        Operator.WITHIN_NEXT: _WINDOW,
        Operator.CALENDAR: _each(_calendar),
        Operator.ANNIVERSARY: _exactly(1, _each(_anniversary)),
    },
    FieldType.LIST: {
        Operator.HAS_ANY: _TEXTS,
        Operator.HAS_ALL: _TEXTS,
        Operator.HAS_NONE: _TEXTS,
        Operator.IS_EXACTLY: _TEXTS,
        Operator.HAS_PREFIX: _TEXTS,
        Operator.SIZE: _exactly(1, _each(_size)),
    },
    FieldType.SEGMENT: {Operator.IN: _each(_id), Operator.NOT_IN: _each(_id)},
}
"""By type: the operators that it has, but `exists` and `notExists`, and how the values of each are read."""
