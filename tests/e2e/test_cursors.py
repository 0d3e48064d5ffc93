"""Cursors that were made up, at every list of every service: each is refused in one way, and none breaks anything."""

import asyncio

import httpx
import pytest

from localstack.demo import Api
from localstack.stack import Stack
from tests.support.cursors import MADE_UP

EVERYONE = {"and": list[object]()}


async def made(stack: Stack, channel: str, api: Api) -> dict[str, str]:
    """Something of each kind that has a list, by the name it has in the addresses."""
    contact = await api.json("PUT", "/v1/contacts/@u1", body={"email": "a@example.com"})
    action = {"action": {"blocked": True}, "target": {"contactIds": [contact["id"]]}}
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as client:
        token = stack.token(channel=channel, sub="kim")
        table = {"file": ("table.csv", b"memberId,name\nu2,a\n")}
        imported = await client.post("/v1/imports", files=table, headers={"Authorization": f"Bearer {token}"})
    return {
        "contact_id": contact["id"],
        "job_id": (await api.json("POST", "/v1/bulk-actions", body=action))["id"],
        "import_id": imported.json()["id"],
        "segment_id": (await api.json("POST", "/v1/segments", body={"name": "all", "filter": EVERYONE}))["id"],
        "term_set": (await api.json("POST", "/v1/term-sets", body={"key": "email", "text": "a@example.com"}))["id"],
    }


def required(path: str, there: dict[str, str]) -> dict[str, str]:
    """The query without which a list does not answer."""
    if path.endswith("/compare"):
        return {"from": "2026-01-01T00:00:00Z", "which": "onlyNow"}
    return {"contact": there["contact_id"]} if path.endswith("/memberships") else {}


async def lists(api: Api) -> list[str]:
    """The address of every list that takes a cursor."""
    documented = (await api.json("GET", "/openapi.json"))["paths"]
    takes = {path: [p["name"] for p in methods.get("get", {}).get("parameters", [])] for path, methods in documented.items()}
    return [path for path, names in takes.items() if "cursor" in names]


async def test_a_cursor_that_was_made_up_is_refused_by_every_list(stack: Stack, channel: str, api: Api) -> None:
    there = await made(stack, channel, api)
    found = await lists(api)
    assert len(found) >= 13
    for path in found:
        known, address = required(path, there), path.format(**there)
        assert (await api.ask("GET", address, params=known)).status_code == 200, path
        answers = await asyncio.gather(*(api.ask("GET", address, params={**known, "cursor": word}) for word in MADE_UP))
        told = [(word, a.status_code, a.json().get("code")) for word, a in zip(MADE_UP, answers, strict=True)]
        # No parameter holds a NUL; that is refused before anything is read.
        assert told == [(word, 422, "badCharacter" if "\0" in word else "badCursor") for word in MADE_UP], path


async def test_a_cursor_that_was_made_up_is_refused_by_a_search(api: Api) -> None:
    for word in MADE_UP:
        answer = await api.ask("POST", "/v1/search", body={"cursor": word})
        # No text of a body holds a NUL; that is refused before anything is read.
        expected = "badCharacter" if "\0" in word else "badCursor"
        assert (answer.status_code, answer.json()["code"], answer.json()["pointer"]) == (422, expected, "/cursor"), word


@pytest.mark.parametrize("after", ["-1", "9223372036854775808", "1e3", "x", "a\0b", "9" * 4000])
async def test_a_place_in_a_segments_log_that_is_none_is_refused(stack: Stack, channel: str, api: Api, after: str) -> None:
    there = await made(stack, channel, api)
    answer = await api.ask("GET", f"/v1/segments/{there['segment_id']}/changes", params={"after": after})
    assert answer.status_code == 422


async def test_a_cursor_goes_on_after_visits_whose_ids_are_as_long_as_can_be(api: Api) -> None:
    ids = [f"{n}" + "😀" * 127 for n in range(3)]
    visits = [{"id": i, "memberId": "u1", "at": "2026-01-01T00:00:00Z"} for i in ids]
    assert (await api.json("POST", "/v1/visits", body={"visits": visits}))["accepted"] == 3
    seen: list[str] = []
    following: dict[str, str] = {}
    while len(seen) < 3:
        page = await api.json("GET", "/v1/contacts/@u1/visits", params={"limit": "1", **following})
        seen += [visit["id"] for visit in page["items"]]
        following = {"cursor": page["next"]}
    assert seen == ids[::-1]
