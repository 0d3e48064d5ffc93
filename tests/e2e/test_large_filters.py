"""Filters within every limit of their own that are too large once term sets and segments stand in them: refused alike."""

from typing import Any

import pytest

from tests.support.team import Team

READS = ("/v1/search", "/v1/search/count", "/v1/search/ids", "/v1/filters/check")


async def refusals(team: Team, filter_: dict[str, Any]) -> set[tuple[int, str, str]]:
    """What every way of using the filter is answered with."""
    asked = [(path, {"filter": filter_}) for path in READS] + [("/v1/segments", {"name": "large", "filter": filter_})]
    answers = [await team.ask("POST", path, body) for path, body in asked]
    return {(answer.status_code, answer.json().get("code"), answer.json().get("pointer")) for answer in answers}


async def test_a_term_set_named_again_and_again_is_refused_everywhere(team: Team) -> None:
    made = await team.ask("POST", "/v1/term-sets", {"key": "name", "values": ["kim", "lee"]})
    among = {"key": "name", "operator": "in", "termSet": made.json()["id"]}
    assert (await team.ask("POST", "/v1/search/count", {"filter": {"and": [among] * 4}})).status_code == 200
    assert await refusals(team, {"and": [among] * 10}) == {(422, "tooManyTermSets", "/filter")}
    assert (await team.get("/v1/segments"))["items"] == []


async def test_segments_of_many_values_are_refused_together_everywhere(team: Team) -> None:
    many = {"key": "name", "operator": "eq", "values": [f"v{n}" for n in range(10_000)]}
    segment = await team.make(many)
    within = {"key": "segment", "operator": "in", "values": [segment] * 3}
    outer = await team.make(within)
    assert await refusals(team, {**within, "values": [segment] * 11}) == {(422, "inlinedTooManyValues", "/filter")}
    beside = await team.ask("POST", "/v1/search", {"segment": outer, "filter": {"not": {**within, "values": [segment] * 2}}})
    assert (beside.status_code, beside.json()["code"]) == (422, "inlinedTooManyValues")
    assert len((await team.get("/v1/segments"))["items"]) == 2


@pytest.mark.parametrize("path", ["/v1/search", "/v1/search/count"])
async def test_a_segment_alone_may_be_as_large_as_a_filter(team: Team, path: str) -> None:
    segment = await team.make({"key": "name", "operator": "eq", "values": [f"v{n}" for n in range(10_000)]})
    assert (await team.ask("POST", path, {"segment": segment})).status_code == 200
