"""The referee: what a filter means, read naively from the written rules, sharing nothing with the interpreters it judges.

It works on the filter as written and the contact as the API shows it, tries things out rather than computing them, and is slow.
It takes filters that are known to be good. Phone numbers: it knows Korea, the United States, Japan and the United Kingdom.
Days before the year 1 and after 9999 are looked up 400 years away, where the calendar is the same.
"""

import calendar
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNITS = {"minutes": 60_000, "hours": 3_600_000, "days": 86_400_000, "weeks": 604_800_000}
CYCLE = 146_097 * UNITS["days"]
EARLY = -(719_162 - 3 * 365) * UNITS["days"]
LATE = (2_932_897 - 3 * 366) * UNITS["days"]
BUILT_INS = {
    "member": "boolean", "blocked": "boolean", "unsubscribeEmail": "boolean", "unsubscribeTexting": "boolean",
    "unsubscribeAppPush": "boolean", "sessionsCount": "number", "web.sessionsCount": "number", "mobile.sessionsCount": "number",
    "createdAt": "date", "updatedAt": "date", "firstSeenAt": "date", "lastSeenAt": "date", "web.lastSeenAt": "date",
    "mobile.lastSeenAt": "date", "unsubscribeEmailUpdatedAt": "date", "unsubscribeTextingUpdatedAt": "date",
    "unsubscribeAppPushUpdatedAt": "date", "mobileNumber": "phone", "landlineNumber": "phone", "email": "email", "tags": "list",
}  # fmt: skip
NEGATIVE = {
    "notExists": "exists", "ne": "eq", "notIn": "in", "notContains": "contains", "notBetween": "between", "hasNone": "hasAny",
}  # fmt: skip
COMPARE = {
    "eq": lambda a, b: a == b,
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}
UNSEEN = "\u00ad\u200b\ufeff"
BLANKS = re.compile("[\\u0009-\\u000d\\u0020\\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]*")


@dataclass(frozen=True)
class World:
    """What a filter's words refer to: profile fields' type words by bare key, segments' filters, term sets' plain terms."""

    country: str = "KR"
    zone: str = "Asia/Seoul"
    fields: Mapping[str, str] = field(default_factory=dict)
    segments: Mapping[str, Any] = field(default_factory=dict)
    term_sets: Mapping[str, list[str]] = field(default_factory=dict)


def holds(raw: Any, contact: Mapping[str, Any], now: int, world: World) -> bool:
    """Whether the filter, as written, is true of the contact at an instant (milliseconds since 1970)."""
    if "and" in raw:
        return sum(holds(child, contact, now, world) for child in raw["and"]) == len(raw["and"])
    if "or" in raw:
        return sum(holds(child, contact, now, world) for child in raw["or"]) > 0
    if "not" in raw:
        return not holds(raw["not"], contact, now, world)
    return condition_holds(raw, contact, now, world)


def condition_holds(raw: Any, contact: Mapping[str, Any], now: int, world: World) -> bool:
    key, operator = plain_key(raw["key"]), raw["operator"].lstrip("$")
    if key == "segment":
        inside = any(holds(world.segments[name], contact, now, world) for name in raw["values"])
        return inside if operator == "in" else not inside
    value = stored(contact, key)
    if operator in NEGATIVE:
        if value is None and operator != "notExists" and "missing" in raw:
            return bool(raw["missing"] == "include")
        return not condition_holds({**raw, "operator": NEGATIVE[operator]} | {"missing": "exclude"}, contact, now, world)
    if operator == "exists":
        return value is not None
    if value is None:
        return bool(raw.get("missing") == "include")
    values = world.term_sets[raw["termSet"]] if "termSet" in raw else raw["values"]
    kind = BUILT_INS.get(key) or (world.fields[key[8:]] if key.startswith("profile.") else "string")
    match kind:
        case "number":
            return number(operator, float(value), [float(v) for v in values])
        case "boolean":
            return value in [v for v in values if isinstance(v, bool)]
        case "date":
            return moment(operator, instant(value), values, now, world.zone)
        case "list":
            tags = key == "tags" and operator != "size"
            return listing(operator, value, [" ".join(seen(v).split()) for v in values] if tags else values)
        case "phone":
            return phone(operator, value, values, world.country)
        case "string" if key == "memberId":
            return text(operator, value, [seen(v) for v in values])
        case "email" if operator in {"eq", "in"}:  # as a mail program writes it, with a name before
            return text(operator, value, [seen(v).rpartition("<")[2].strip(" ,;>") if "@" in v else v for v in values])
        case _:
            return text(operator, value, values)


def plain_key(written: str) -> str:
    key = written[5:] if written.startswith("user.") else written
    return "sessionsCount" if key == "sessionCount" else key


def stored(contact: Mapping[str, Any], key: str) -> Any:
    value: Any = contact
    within: Any = None
    for name in ("profile", key[len("profile.") :]) if key.startswith("profile.") else key.split("."):
        within, value = value, (value or {}).get(name)
    if key in {"web.lastSeenAt", "mobile.lastSeenAt"} and value is None:
        value = (within or {}).get("seenAt")  # an older event says no more
    value = kept_today(key, value) if value else value
    return None if value is None or value == [] or (isinstance(value, str) and same(value) == "") else value


def kept_today(key: str, value: Any) -> Any:
    """A value in the form in which it would be written today, whatever an earlier version let in."""
    match key:
        case "memberId":
            return seen(value)
        case "email":
            return seen(value).strip(" ,;")
        case "tags":
            once = {same(tag): tag for tag in (" ".join(seen(tag).split()) for tag in reversed(value))}
            return [tag for form, tag in reversed(once.items()) if form]
    return value


def seen(written: str) -> str:
    return "".join(character for character in written if character not in UNSEEN)


@lru_cache(maxsize=4096)
def same(written: str) -> str:
    """A text in the form in which texts are compared."""
    composed = unicodedata.normalize("NFC", written)
    folded = unicodedata.normalize("NFC", "".join(character.casefold() for character in composed))
    start = BLANKS.match(folded)
    assert start is not None
    inner = folded[start.end() :]
    while inner and BLANKS.fullmatch(inner[-1]):
        inner = inner[:-1]
    return inner


def occurs(part: str, whole: str) -> bool:
    return any(whole[start : start + len(part)] == part for start in range(len(whole) + 1))


def text(operator: str, value: str, values: list[str]) -> bool:
    whole = same(value)
    parts = [same(v) for v in values]
    match operator:
        case "eq" | "in":
            return any(whole == part for part in parts)
        case "contains":
            return any(occurs(part, whole) for part in parts)
        case "startsWith":
            return any(whole[: len(part)] == part for part in parts)
        case "endsWith":
            return any(len(part) <= len(whole) and whole[len(whole) - len(part) :] == part for part in parts)
        case "chosung":
            return any(occurs(part, leading_consonants(value)) for part in parts)
        case "domain":
            return "@" in whole and any(whole.split("@")[-1] == part for part in parts)
    raise AssertionError(operator)


@lru_cache(maxsize=4096)
def leading_consonants(value: str) -> str:
    """By the names of the characters: HANGUL SYLLABLE HONG decomposes into HANGUL CHOSEONG HIEUH and more."""
    found = []
    for character in unicodedata.normalize("NFC", value):
        if unicodedata.name(character, "").startswith("HANGUL SYLLABLE "):
            name = unicodedata.name(unicodedata.normalize("NFD", character)[0])
            found.append(unicodedata.lookup(name.replace("CHOSEONG", "LETTER")))
    return "".join(found)


def digits(value: str) -> str:
    return "".join(c for c in value if c in "0123456789")


def calling_code(e164: str) -> str:
    return next(code for code in ("1", "82", "81", "44") if e164.startswith("+" + code))


def national(e164: str) -> str:
    code = calling_code(e164)
    rest = e164[1 + len(code) :]
    service_number = code == "82" and len(rest) == 8 and rest[:2] in {"15", "16", "18"}
    return rest if code == "1" or service_number else "0" + rest


def international(written: str, country: str) -> str:
    """A number in one of the usual writings as E.164."""
    if "+" in written:
        code = calling_code("+" + digits(written))
        return "+" + code + digits(written)[len(code) :].lstrip("0")
    return "+" + {"KR": "82", "US": "1", "JP": "81", "GB": "44"}[country] + digits(written).lstrip("0")


def phone(operator: str, value: str, values: list[str], country: str) -> bool:
    match operator:
        case "eq" | "in":
            return any(value == international(v, country) for v in values)
        case "countryCode":
            return any(calling_code(value) == digits(v) for v in values)
    forms = [digits(value), national(value)]
    parts = [digits(v) for v in values]
    match operator:
        case "contains":
            return any(occurs(part, form) for part in parts for form in forms)
        case "startsWith":
            return any(form[: len(part)] == part for part in parts for form in forms)
        case "endsWith" | "lastDigits":
            return any(form[::-1][: len(part)] == part[::-1] for part in parts for form in forms)
    raise AssertionError(operator)


def number(operator: str, value: float, values: list[float]) -> bool:
    if operator == "between":
        return values[0] <= value <= values[1]
    return any(COMPARE["eq" if operator == "in" else operator](value, v) for v in values)


def listing(operator: str, value: list[str], values: list[Any]) -> bool:
    if operator == "size":
        return bool(COMPARE[values[0]["op"]](len(value), values[0]["n"]))
    elements = {same(element) for element in value}
    wanted = {same(v) for v in values}
    match operator:
        case "hasAny" | "in":
            return any(element in wanted for element in elements)
        case "hasAll":
            return all(w in elements for w in wanted)
        case "isExactly":
            return elements == wanted
        case "hasPrefix":
            return any(element[: len(w)] == w for element in elements for w in wanted)
    raise AssertionError(operator)


@lru_cache(maxsize=65_536)
def instant(written: str) -> int:
    read = datetime.fromisoformat(written)
    whole = read.replace(microsecond=0) - EPOCH
    return (whole.days * 86_400 + whole.seconds) * 1000 + read.microsecond // 1000


def local_day(millis: int, zone: str) -> date:
    return (EPOCH + timedelta(milliseconds=millis)).astimezone(ZoneInfo(zone)).date()


def away(millis: int) -> int:
    """How far from here the calendar has to be looked up: nothing but for the first and last years that there are."""
    if EARLY < millis < LATE:
        return 0
    return CYCLE if millis <= EARLY else -CYCLE


def written_day(millis: int, zone: str) -> str:
    shift = away(millis)
    day = local_day(millis + shift, zone)
    return f"{day.year - shift // CYCLE * 400:04}-{day.month:02}-{day.day:02}"


def moment(operator: str, t: int, values: list[Any], now: int, zone: str) -> bool:
    match operator:
        case "before":
            return t < instant(values[0])
        case "after":
            return t > instant(values[0])
        case "between":
            return instant(values[0]) <= t < instant(values[1])
        case "on":
            return written_day(t, zone) in values
        case "calendar" if abs(t - now) > 800 * UNITS["days"]:
            return False
        case "calendar":
            shift = away(now)
            return any(means(word, local_day(t + shift, zone), local_day(now + shift, zone)) for word in values)
        case "anniversary":
            today = local_day(now + away(now), zone)
            born = local_day(t + away(t), zone)
            return any(comes_round(born, today + timedelta(days=n)) for n in range(min(values[0]["n"], 400) + 1))
    length: int = values[0]["n"] * UNITS[values[0]["unit"]]
    match operator:
        case "withinLast":
            return now - length < t <= now
        case "notWithinLast":
            return t <= now - length
        case "withinNext":
            return now < t <= now + length
    raise AssertionError(operator)


def comes_round(born: date, day: date) -> bool:
    if (born.month, born.day) == (2, 29) and not calendar.isleap(day.year):
        return (day.month, day.day) == (2, 28)
    return (born.month, born.day) == (day.month, day.day)


def means(word: str, day: date, today: date) -> bool:
    """Whether, seen from today, a day is what the word says."""
    which, of = re.fullmatch(r"(to|yester|tomor|this|last|next)(day|row|Week|Month|Year)", word).groups()  # type: ignore[union-attr]
    step = {"to": 0, "this": 0, "yester": -1, "last": -1, "tomor": 1, "next": 1}[which]
    match of:
        case "day" | "row":
            return (day - today).days == step
        case "Week":
            return day.isocalendar()[:2] == (today + timedelta(weeks=step)).isocalendar()[:2]
        case "Month":
            return (day.year * 12 + day.month) - (today.year * 12 + today.month) == step
        case _:
            return day.year == today.year


def turning_points(raw: Any, contact: Mapping[str, Any], now: int, until: int, world: World) -> list[int]:
    """Every instant after now, and up to `until`, at which the truth may change by the clock alone; and many more."""
    found = set()
    for condition in conditions(raw, world):
        value = stored(contact, plain_key(condition["key"])) if plain_key(condition["key"]) != "segment" else None
        if not isinstance(value, str) or "values" not in condition:
            continue
        operator = condition["operator"].lstrip("$")
        if operator in {"calendar", "anniversary"}:
            day = local_day(now, world.zone)
            while local_day(until, world.zone) >= day:
                day += timedelta(days=1)
                found.add(midnight(day, world.zone))
        elif operator in {"withinLast", "notWithinLast", "withinNext"}:
            length = condition["values"][0]["n"] * UNITS[condition["values"][0]["unit"]]
            found |= {instant(value) + shift for shift in (-length, 0, length)}
    return sorted(point for point in found if now < point <= until)


def conditions(raw: Any, world: World) -> Iterator[Any]:
    for child in [*raw.get("and", []), *raw.get("or", []), *([raw["not"]] if "not" in raw else [])]:
        yield from conditions(child, world)
    if "key" in raw:
        yield raw
        if plain_key(raw["key"]) == "segment":
            for name in raw["values"]:
                yield from conditions(world.segments[name], world)


@lru_cache(maxsize=65_536)
def midnight(day: date, zone: str) -> int:
    """The first millisecond of a day, found by halving; not for zones that once went back over midnight."""
    low = ((day - date(1970, 1, 1)).days - 1) * UNITS["days"]
    high = low + 2 * UNITS["days"]
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if local_day(middle, zone) >= day else (middle, high)
    return high
