"""Every filter that must be refused, on each of the paths that take one: with its code and place, and nothing made or changed."""

import json
from typing import Any

from localstack.demo import PASSWORD
from tests.support.refused_filters import ARCHIVED, FIELDS, REFUSED, SEGMENT, TERM_SET
from tests.support.team import POSITION, Team

_KEPT = {"key": "name", "operator": "exists"}
_ACTION = {"addTags": ["x"]}
PATHS: dict[str, tuple[str, str, Any]] = {
    "search": ("POST /v1/search", "/filter", lambda f: {"filter": f}),
    "count": ("POST /v1/search/count", "/filter", lambda f: {"filter": f}),
    "ids": ("POST /v1/search/ids", "/filter", lambda f: {"filter": f}),
    "check": ("POST /v1/filters/check", "/filter", lambda f: {"filter": f}),
    "making a segment": ("POST /v1/segments", "/filter", lambda f: {"name": "s", "filter": f}),
    "changing a segment": ("PATCH /v1/segments/{kept}", "/filter", lambda f: {"filter": f}),
    "bulk action": (
        "POST /v1/bulk-actions", "/target/filter", lambda f: {"action": _ACTION, "target": {"filter": f, "fingerprint": "x"}},
    ),
    "bulk action tried": (
        "POST /v1/bulk-actions", "/target/filter", lambda f: {"action": _ACTION, "target": {"filter": f}, "dryRun": True},
    ),
    "export": (
        "POST /v1/exports", "/scope/filter",
        lambda f: {"reason": "test", "password": PASSWORD, "scope": {"filter": f, "fingerprint": "x"}},
    ),
}  # fmt: skip
"""What is asked, where the filter stands in the body, and the body."""


async def test_what_cannot_be_understood_is_refused_on_every_path_and_nothing_is_made(team: Team) -> None:
    assert len(REFUSED) >= 80
    made = [await team.ask("POST", "/v1/fields", {"key": f"profile.{key}", "type": kind}) for key, kind in FIELDS.items()]
    contact, written = await team.put("m-1", name="a", mobileNumber="010-1234-5678")
    archived = await team.ask("POST", f"/v1/fields/profile.{ARCHIVED}/archive")
    # Each may stand in a partition of its own: search and segments have seen all of them.
    for position in (*(answer.headers[POSITION] for answer in (*made, archived)), written):
        assert (await team.ask("POST", "/v1/search/count", {}, **{POSITION: position})).json()["total"] <= 1
        await team.get("/v1/segments", position)
    assert (await team.ask("POST", "/v1/search/count", {})).json()["total"] == 1
    segment = await team.make({"and": []})
    kept = await team.make(_KEPT)
    terms = (await team.ask("POST", "/v1/term-sets", {"key": "mobileNumber", "values": ["010-1234-5678"]})).json()["id"]
    segments = (await team.get("/v1/segments"))["items"]

    wrong: list[object] = []
    for raw, code, place in REFUSED:
        filter_ = json.loads(json.dumps(raw).replace(SEGMENT, segment).replace(TERM_SET, terms))
        for name, (asked, prefix, body) in PATHS.items():
            method, path = asked.format(kept=kept).split()
            answer = await team.ask(method, path, body(filter_))
            told = answer.json() if answer.status_code == 422 else {}
            if (answer.status_code, told.get("code"), told.get("pointer")) != (422, code, prefix + place):
                wrong.append((name, raw, answer.status_code, told.get("code"), told.get("pointer")))
    assert wrong == []

    assert (await team.get("/v1/segments"))["items"] == segments
    assert (await team.get("/v1/exports"))["items"] == []
    assert (await team.get(f"/v1/contacts/{contact}"))["version"] == 1
