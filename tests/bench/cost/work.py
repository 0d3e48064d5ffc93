"""What is sent: the requests of each round, made before it begins, and the search that shows that all of it came through."""

import csv
import io
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import orjson

from common.clock import to_wire
from tests.bench.people import CITIES, GRADES, Person, person, visit

CROWD = 8000
"""Contacts of each channel that all rounds are about, however many others are there: so every round is the same work.

So many that what a round takes is much beside what passes while idle.
"""
SOME = 500
"""Those of the crowd whom the requests of one item each are about."""
LIST = 500
IMPORTED = 2000

KINDS = {
    "visit": f"a visit, {LIST} a request",
    "visit-single": "a visit, one a request",
    "upsert": f"an upsert, {LIST} a request",
    "upsert-single": "an upsert, one a request",
    "event": f"a custom event, {LIST} a request",
    "event-single": "a custom event, one a request",
    "import": f"an imported row, {IMPORTED:,} new members a file",
}

# From a round to the next as visits tell the time: longer than a session, so that each opens one for everybody in it.
_STEP, _LATER, _SECOND = timedelta(minutes=40), timedelta(minutes=5), timedelta(seconds=1)
_LISTS_AT_ONCE, _SINGLE_AT_ONCE = 4, 8
_BOUNDARY = "no-row-is-like-this"
_HEADINGS = (
    "회원번호", "이름", "휴대폰", "이메일", "도시", "태그", "profile.grade", "profile.totalAmount", "profile.lastOrderAt",
    "profile.newsletter",
)  # fmt: skip

Json: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `taken` reads from its answer how many items were taken in, or None where a job goes on."""

    method: str
    path: str
    content: bytes
    taken: Callable[[Any], int | None]
    media: str = "application/json"


@dataclass(frozen=True, slots=True)
class Load:
    """One round, so many requests at a time. Afterwards as many contacts as `shown` match the filter `shows`, if there is one."""

    items: int
    requests: Sequence[Request]
    at_once: int
    shows: Json | None
    shown: int


def load(kind: str, number: int, start: datetime) -> Load:
    """The round of that number in its channel, of a run that began at `start`."""
    what, _, single = kind.partition("-")
    at = start - timedelta(days=5) + number * _STEP
    if what == "import":
        tag = f"import {number}"
        request = Request("POST", "/v1/imports", _form(number, tag), _a_job, f"multipart/form-data; boundary={_BOUNDARY}")
        return Load(IMPORTED, [request], 1, _condition("tags", "hasAny", tag), IMPORTED)
    who = random.Random(number).sample(range(CROWD), SOME if single else CROWD)
    requests = list({"visit": _visits, "event": _events, "upsert": _upserts}[what](number, at, who, bool(single)))
    moved = {"visit": "lastSeenAt", "upsert": "profile.lastOrderAt"}.get(what)  # an event leaves its contact as it was
    shows = _condition(moved, "after", to_wire(at - _SECOND)) if moved else None
    return Load(2 * len(who), requests, _SINGLE_AT_ONCE if single else _LISTS_AT_ONCE, shows, len(who))


def _condition(key: str, operator: str, value: str) -> Json:
    return {"key": key, "operator": operator, "values": [value]}


def _twice(number: int, at: datetime, who: Sequence[int]) -> Iterator[tuple[str, int, datetime]]:
    """Everybody, then everybody again in another order within the session: an id of its own for each time, whose, and when."""
    for turn in range(2):
        for place, each in enumerate(random.Random(2 * number + turn).sample(who, len(who))):
            yield f"{number}-{turn}-{place}", each, at + turn * _LATER + timedelta(milliseconds=place)


def _lists(rows: Iterable[Json], single: bool) -> Iterator[list[Json]]:
    every, size = list(rows), 1 if single else LIST
    return (every[begin : begin + size] for begin in range(0, len(every), size))


def _visits(number: int, at: datetime, who: Sequence[int], single: bool, name: str = "visit") -> Iterator[Request]:
    reports = (visit(name_, f"m-{each}", when) | {"name": name} for name_, each, when in _twice(number, at, who))
    for some in _lists(reports, single):
        yield Request("POST", "/v1/visits", orjson.dumps({"visits": some}), _stored)


def _events(number: int, at: datetime, who: Sequence[int], single: bool) -> Iterator[Request]:
    return _visits(number, at, who, single, "purchase")


def _upserts(number: int, at: datetime, who: Sequence[int], single: bool) -> Iterator[Request]:
    rows = (upsert(person(each), when, number) for _, each, when in _twice(number, at, who))
    for some in _lists(rows, single):
        if single:
            member = some[0].pop("memberId")
            yield Request("PUT", f"/v1/contacts/@{member}", orjson.dumps(some[0]), lambda answer: int(answer["version"] > 1))
        else:
            yield Request("POST", "/v1/contacts/batch", orjson.dumps({"contacts": some}), _without_problem)


def upsert(who: Person, at: datetime, number: int = 0) -> Json:
    """What a shop knows of a customer, sent whole. From round to round an amount and a date are others, and a grade in ten."""
    grade = GRADES[(GRADES.index(who.grade) + (number + who.number) // 10) % len(GRADES)]
    return {
        "memberId": f"m-{who.number}", "name": who.name, "email": who.email, "mobileNumber": who.mobile,
        "city": CITIES[who.number % len(CITIES)], "tags": [who.tag],
        "profile": {
            "grade": grade, "totalAmount": who.amount + number, "lastOrderAt": to_wire(at),
            "newsletter": who.number % 2 == 0, "interests": [f"관심 {who.number % 9}", f"관심 {who.number % 5}"],
        },
    }  # fmt: skip


def crowds(first: int, count: int, at: datetime) -> Iterator[Request]:
    """Contacts that are not there yet, a thousand a request."""
    for begin in range(first, first + count, 1000):
        rows = [upsert(person(n), at) for n in range(begin, min(begin + 1000, first + count))]
        yield Request("POST", "/v1/contacts/batch", orjson.dumps({"contacts": rows}), _without_problem)


def _without_problem(answer: Any) -> int:
    return sum("problem" not in result for result in answer["results"])


def _stored(answer: Any) -> int:
    accepted, sent_before = answer["accepted"], answer["duplicates"]
    return int(accepted + sent_before)


def _a_job(answer: Any) -> None:
    return None


def _form(number: int, tag: str) -> bytes:
    """A file of new members, ten columns, as a form sends it."""
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(_HEADINGS)
    for n, who in enumerate(map(person, range(IMPORTED))):
        phone, city, newsletter = f"010-{who.mobile[5:9]}-{who.mobile[9:]}", CITIES[n % len(CITIES)], str(n % 2 == 0).lower()
        tags = f"{who.tag},{tag}"
        member = f"i-{number}-{n}"
        writer.writerow([member, who.name, phone, who.email, city, tags, who.grade, who.amount, to_wire(who.seen), newsletter])
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="rows.csv"\r\nContent-Type: text/csv\r\n\r\n'
    return head.encode() + table.getvalue().encode() + f"\r\n--{_BOUNDARY}--\r\n".encode()
