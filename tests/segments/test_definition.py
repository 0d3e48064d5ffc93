"""What a channel's segments mean: references, circles, broken ones, limits, and what a change makes of the others."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from common.filters import FieldDefinition, FieldType, FilterRefused
from common.filters.segments import MAX_INLINED_CONDITIONS, MAX_INLINED_DEPTH
from segments.definition import Channel, Segment, meaning, readable, rebuilt, reconsidered
from segments.ruling import NOTHING, ruled

KIM = {"key": "name", "operator": "eq", "values": ["Kim"]}
VIP = {"key": "profile.grade", "operator": "eq", "values": ["VIP"]}
NOW = 1_795_521_600_000


def id_of(number: int) -> UUID:
    return UUID(int=number)


def of(*numbers: int, operator: str = "in") -> dict[str, Any]:
    return {"key": "segment", "operator": operator, "values": [str(id_of(n)) for n in numbers]}


def channel(filters: Mapping[int, object], *, archived: bool = False, **settings: str) -> Channel:
    """A channel whose segments are all live, whatever their filters are worth now."""
    fields = {"grade": FieldDefinition(FieldType.STRING, archived)}
    segments = {id_of(n): Segment(id_of(n), f"s{n}", raw, 1, "live", None, 1, 0) for n, raw in filters.items()}
    return Channel(fields=fields, segments=segments, **settings)  # type: ignore[arg-type]


def archive(before: Channel) -> Channel:
    return replace(before, fields={"grade": FieldDefinition(FieldType.STRING, archived=True)})


def apply(after: Channel, changed: list[Segment]) -> Channel:
    for segment in changed:
        after = after.with_segment(segment)
    return after


def refused(raw: object, within: Channel, own: int = 9) -> tuple[str, str | None]:
    with pytest.raises(FilterRefused) as refusal:
        readable(raw, within, id_of(own))
    return refusal.value.code, refusal.value.pointer


@pytest.mark.parametrize(
    ("filters", "raw", "own", "expected"),
    [
        ({}, of(9), 9, ("unknownSegment", "/filter/values/0")),
        ({9: KIM}, of(9), 9, ("segmentCircle", "/filter/values/0")),
        ({1: of(9), 9: KIM}, of(1), 9, ("segmentCircle", "/filter/values/0")),
        ({1: of(2), 2: of(9), 9: KIM}, {"and": [KIM, {"not": of(1)}]}, 9, ("segmentCircle", "/filter/and/1/not/values/0")),
        ({1: KIM, 2: of(9), 9: KIM}, of(1, 2, operator="notIn"), 9, ("segmentCircle", "/filter/values/1")),
        ({}, of(7), 9, ("unknownSegment", "/filter/values/0")),
        ({}, None, 9, ("invalidFilter", "/filter")),
        ({}, {"key": "name", "operator": "eq", "termSet": "x"}, 9, ("unknownTermSet", "/filter/termSet")),
        ({}, {"or": [KIM, {"key": "tags", "operator": "hasAny", "termSet": "x"}]}, 9, ("unknownTermSet", "/filter/or/1/termSet")),
    ],
    ids=["itself new", "itself", "by one", "by two", "second value", "unknown", "null", "term set", "term set within"],
)
def test_a_filter_without_meaning_is_refused_with_its_place(
    filters: Mapping[int, object], raw: object, own: int, expected: tuple[str, str]
) -> None:
    assert refused(raw, channel(filters), own) == expected


def test_a_broken_segment_breaks_only_those_that_name_it() -> None:
    within = channel({1: VIP, 2: of(1), 3: of(2), 4: KIM}, archived=True)
    read = meaning(within)
    assert set(read.nodes) == {id_of(4)}
    assert {n.int: refusal.code for n, refusal in read.refusals.items()} == {
        1: "archivedField", 2: "brokenSegment", 3: "brokenSegment",
    }  # fmt: skip
    assert [refusal.extra["segment"] for n, refusal in read.refusals.items() if n.int > 1] == [str(id_of(1))] * 2
    assert len({refusal.detail for n, refusal in read.refusals.items() if n.int > 1}) == 1
    assert refused(of(2), within) == ("brokenSegment", "/filter/values/0")
    readable(of(4), within, id_of(9))


def chain(depth: int) -> dict[int, object]:
    """Segments that each negate the one before: the last is `depth` deep with them inlined."""
    return {1: KIM, **{n: {"not": of(n - 1)} for n in range(2, depth + 1)}}


def test_segments_may_be_nested_up_to_the_depth_limit_once_inlined() -> None:
    readable({"not": of(MAX_INLINED_DEPTH - 1)}, channel(chain(MAX_INLINED_DEPTH - 1)), id_of(99))
    assert refused({"not": of(MAX_INLINED_DEPTH)}, channel(chain(MAX_INLINED_DEPTH)), 99) == (
        "inlinedTooDeep", "/filter/not",
    )  # fmt: skip


def test_segments_may_have_so_many_conditions_once_inlined() -> None:
    wide = {"or": [KIM] * 500}
    most = MAX_INLINED_CONDITIONS // 500
    filters: dict[int, object] = dict.fromkeys(range(1, most + 1), wide)
    readable(of(*filters), channel(filters), id_of(99))
    code, _ = refused({"or": [of(*filters), KIM]}, channel(filters), 99)
    assert code == "inlinedTooManyConditions"


def test_archiving_a_field_breaks_its_segments_and_freezes_them_and_restoring_builds_them_anew() -> None:
    before = channel({1: VIP, 2: of(1), 3: KIM})
    archived = archive(before)
    broken = reconsidered(before, archived, NOW)
    assert [(s.id.int, s.status, s.build, s.since) for s in broken] == [(1, "broken", 1, 0), (2, "broken", 1, 0)]
    assert all(s.problem for s in broken)
    archived = apply(archived, broken)
    assert [rule.judge is None for rule in ruled(archived, {}, None, NOTHING).rules.values()] == [True, True, False]
    restored = replace(archived, fields=before.fields)
    mended = reconsidered(archived, restored, NOW)
    assert [(s.id.int, s.status, s.problem, s.build, s.since) for s in mended] == [
        (1, "building", None, 2, NOW), (2, "building", None, 2, NOW),
    ]  # fmt: skip


def test_a_segment_that_is_marked_broken_stays_frozen_until_it_is_reconsidered() -> None:
    within = channel({1: KIM})
    within = within.with_segment(replace(within.segments[id_of(1)], status="broken"))
    assert ruled(within, {}, None, NOTHING).rules[id_of(1)].judge is None


def test_a_change_of_meaning_builds_all_that_stand_on_it_and_nothing_else() -> None:
    before = channel({1: KIM, 2: of(1), 3: {"not": of(2)}, 4: VIP})
    after = before.with_segment(replace(before.segments[id_of(1)], filter=VIP))
    assert [s.id.int for s in reconsidered(before, after, NOW)] == [1, 2, 3]


def test_another_writing_of_the_same_filter_leaves_the_others_alone() -> None:
    before = channel({1: KIM, 2: of(1)})
    written_otherwise = {"operator": "$in", "key": "user.name", "values": ["KIM"]}
    after = before.with_segment(replace(before.segments[id_of(1)], filter=written_otherwise))
    assert reconsidered(before, after, NOW) == []


def test_the_channels_zone_and_country_are_part_of_the_meaning() -> None:
    today = {"key": "lastSeenAt", "operator": "calendar", "values": ["today"]}
    phone = {"key": "mobileNumber", "operator": "eq", "values": ["010-1234-5678"]}
    before = channel({1: today, 2: phone, 3: KIM})
    moved = reconsidered(before, replace(before, zone="America/New_York"), NOW)
    assert {s.id.int: s.status for s in moved if before.segments[s.id] != s}.get(1) == "building"
    assert id_of(2) in {s.id for s in reconsidered(before, replace(before, country="US"), NOW)}


def test_a_build_counts_on_and_begins_now() -> None:
    segment = Segment(id_of(1), "s", KIM, 3, "broken", "because", 4, 0)
    assert rebuilt(segment, NOW) == Segment(id_of(1), "s", KIM, 3, "building", None, 5, NOW)


def test_what_is_not_built_yet_is_judged_as_building() -> None:
    within = channel({1: KIM})
    within = within.with_segment(rebuilt(within.segments[id_of(1)], NOW))
    rule = ruled(within, {}, None, NOTHING).rules[id_of(1)]
    assert (rule.building, rule.build, rule.since) == (True, 2, NOW)
