"""What contacts holds beside what every read model shows of it."""

from collections import defaultdict
from typing import Any

import asyncpg
import orjson

from common.epoch import lifted
from localstack.demo import Api
from localstack.stack import Stack
from tests.support.api import eventually

_LIVING = """
select id, version, epoch, (select number from contacts.epoch) as now from contacts.contact
where channel = $1 and version > 0 and erased_at is null and merged_into is null and not hidden
"""
_PATIENCE = 120.0


async def truth(stack: Stack, channel: str) -> dict[str, int]:
    """Everyone that contacts shows, at their versions."""
    connection = await asyncpg.connect(stack.postgres_dsn())
    try:
        rows = await connection.fetch(_LIVING, channel)
    finally:
        await connection.close()
    return {str(r["id"]): lifted(r["version"], r["now"]) if r["epoch"] < r["now"] else r["version"] for r in rows}


async def found(api: Api, body: dict[str, Any] | None = None) -> dict[str, int]:
    """Everyone that search finds, at their versions."""
    answer = await api.ask("POST", "/v1/search/ids", body=body or {})
    assert answer.status_code == 200, answer.text
    lines = [orjson.loads(line) for line in answer.text.splitlines() if line]
    return {line["id"]: line["version"] for line in lines if "id" in line}


async def all_items(api: Api, path: str, **params: str) -> list[dict[str, Any]]:
    """All pages of a list."""
    items: list[dict[str, Any]] = []
    more = dict(params)
    while True:
        page = await api.json("GET", path, params=more)
        items += page["items"]
        if page["next"] is None:
            return items
        more = {**params, "cursor": page["next"]}


async def changes(api: Api, segment: str) -> list[dict[str, Any]]:
    """A segment's whole feed."""
    items: list[dict[str, Any]] = []
    params: dict[str, str] = {}
    while True:
        page = await api.json("GET", f"/v1/segments/{segment}/changes", params=params)
        if not page["items"]:
            return items
        items += page["items"]
        params = {"after": str(page["next"])}


async def search_is_equal(stack: Stack, api: Api, channel: str) -> int:
    """Search finds those that contacts holds, at their versions and with their values; how many."""
    there = await truth(stack, channel)
    await eventually(lambda: found(api), lambda now: now == there, _PATIENCE)
    ids = sorted(there)
    for begin in range(0, len(ids), 100):
        some = ids[begin : begin + 100]
        held = {c["id"]: c for c in (await api.json("POST", "/v1/contacts/read", body={"ids": some}))["items"]}
        shown = await api.json(
            "POST", "/v1/search", body={"filter": {"key": "id", "operator": "in", "values": some}, "limit": 100}
        )
        assert {c["id"]: c for c in shown["items"]} == held
    return len(there)


async def segments_are_equal(api: Api, segments: list[str]) -> int:
    """Each segment holds those whom search finds by its filter, its count says so, and its feed alternates and ends there."""
    members = 0
    for segment in segments:

        async def differences(segment: str = segment) -> set[str]:
            there = {m["contactId"] for m in await all_items(api, f"/v1/segments/{segment}/members", limit="100")}
            count = (await api.json("GET", f"/v1/segments/{segment}"))["count"]
            return (there ^ set(await found(api, {"segment": segment}))) | ({"count"} if count != len(there) else set())

        await eventually(differences, lambda now: not now, _PATIENCE)
        inside: defaultdict[str, bool] = defaultdict(bool)
        for change in await changes(api, segment):
            entered = change["change"] == "entered"
            assert inside[change["contactId"]] is not entered, f"{change} comes twice"
            inside[change["contactId"]] = entered
        there = {m["contactId"] for m in await all_items(api, f"/v1/segments/{segment}/members", limit="100")}
        assert {contact for contact, is_in in inside.items() if is_in} == there
        members += len(there)
    return members
