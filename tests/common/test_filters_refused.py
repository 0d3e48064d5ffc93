"""Filters that must be refused: each with its code and the place that is to blame, and none that means everyone instead."""

import json
import math

import pytest

from common.filters import Context, FieldDefinition, FieldType, FilterRefused, parse
from tests.support.refused_filters import ARCHIVED, FIELDS, REFUSED, SEGMENT, TERM_SET, condition, nested

CONTEXT = Context(
    country="KR",
    zone="Asia/Seoul",
    fields={key: FieldDefinition(FieldType(word.lower()), archived=key == ARCHIVED) for key, word in FIELDS.items()},
    segments=frozenset({SEGMENT}),
    term_sets={TERM_SET: "mobileNumber"},
)


NO_JSON: list[tuple[object, str, str]] = [
    (nested(900), "tooDeep", "/not" * 10),
    (condition("profile.count", "eq", math.nan), "invalidValue", "/values/0"),
    (condition("profile.count", "gt", math.inf), "invalidValue", "/values/0"),
    (condition("profile.count", "eq", 10**400), "invalidValue", "/values/0"),
]
ALL = [*REFUSED, *NO_JSON]


@pytest.mark.parametrize(("raw", "code", "place"), ALL, ids=range(len(ALL)))
def test_a_filter_that_cannot_be_understood_is_refused_with_its_place(raw: object, code: str, place: str) -> None:
    with pytest.raises(FilterRefused) as refusal:
        parse(raw, CONTEXT)
    assert (refusal.value.code, refusal.value.pointer) == (code, "/filter" + place)
    assert refusal.value.status == 422


def test_a_refusal_never_repeats_a_submitted_value() -> None:
    for raw, _, _ in ALL:
        text = json.dumps(raw, default=str)
        marked = json.loads(text.replace("no number", "홍길동-비밀"))
        with pytest.raises(FilterRefused) as refusal:
            parse(marked, CONTEXT)
        assert "비밀" not in refusal.value.detail
