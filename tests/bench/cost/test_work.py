"""What `make bench-cost` sends: the same work in every round, whatever its number."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from common.clock import from_wire
from common.filters import Context, FieldDefinition, FieldType, parse
from tests.bench.cost.definitions import FIELDS, segments
from tests.bench.cost.work import CROWD, KINDS, LIST, SOME, load

START = datetime(2026, 11, 30, tzinfo=UTC)
SESSION = timedelta(minutes=30)


def rows(kind: str, number: int, member: str) -> list[dict[str, Any]]:
    return [row for request in load(kind, number, START).requests for row in orjson.loads(request.content)[member]]


@pytest.mark.parametrize(("kind", "crowd"), [("visit", CROWD), ("visit-single", SOME), ("event", CROWD), ("event-single", SOME)])
def test_everybody_comes_twice_in_one_session_of_the_round(kind: str, crowd: int) -> None:
    first, second = rows(kind, 0, "visits"), rows(kind, 1, "visits")
    assert len(first) == len(second) == load(kind, 0, START).items == 2 * crowd
    assert len({row["id"] for row in first + second}) == 4 * crowd
    times: dict[str, list[datetime]] = {}
    for row in first:
        times.setdefault(row["memberId"], []).append(from_wire(row["at"]))
    assert len(times) == crowd
    assert all(abs(one - other) < SESSION for one, other in times.values())
    latest, earliest = max(at for both in times.values() for at in both), min(from_wire(row["at"]) for row in second)
    assert earliest - latest > SESSION
    assert {row["name"] for row in first} == {"visit" if kind.startswith("visit") else "purchase"}


def test_the_last_round_of_the_longest_run_is_not_in_the_future() -> None:
    assert max(from_wire(row["at"]) for row in rows("visit", 21 * len(KINDS), "visits")) < START


def test_an_upsert_changes_an_amount_and_a_date_for_all_and_a_grade_for_some() -> None:
    before, after = ({row["memberId"]: row for row in rows("upsert", number, "contacts")} for number in (0, 1))
    assert len(before) == CROWD
    changed = [
        [key for key in old["profile"] if old["profile"][key] != after[member]["profile"][key]] for member, old in before.items()
    ]
    assert all({"totalAmount", "lastOrderAt"} <= {*keys} <= {"totalAmount", "lastOrderAt", "grade"} for keys in changed)
    assert sum("grade" in keys for keys in changed) == CROWD // 10
    assert all({**old, "profile": 0} == {**after[member], "profile": 0} for member, old in before.items())


def test_lists_are_full_and_single_posts_are_single() -> None:
    assert {len(orjson.loads(r.content)["visits"]) for r in load("visit", 3, START).requests} == {LIST}
    assert {len(orjson.loads(r.content)["visits"]) for r in load("event-single", 3, START).requests} == {1}
    assert {r.path.partition("@")[0] for r in load("upsert-single", 3, START).requests} == {"/v1/contacts/"}


def test_segments_are_read_as_filters_of_one_to_four_conditions_and_few_are_the_first_of_many() -> None:
    fields = {key.removeprefix("profile."): FieldDefinition(FieldType(kind.lower())) for key, kind in FIELDS.items()}
    made = list(segments(1000))
    nodes = [parse(each["filter"], Context("KR", "Asia/Seoul", fields, set(), {})) for each in made]
    assert len(nodes) == 1000
    assert {len(each["filter"]["and"]) for each in made} == {1, 2, 3, 4}
    assert list(segments(100)) == made[:100]
