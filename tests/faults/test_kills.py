"""Processes killed with -9 in the middle of work: they come back, and nothing is lost, doubled or cut short."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from localstack.demo import Api
from localstack.stack import Stack
from tests.support.api import caller, eventually, fresh_channel, kill, replaced

CONTACTS = 400
VERSIONS = 5
FILTER = {"key": "profile.purchaseCount", "operator": "gte", "values": [3]}


async def load(api: Api, versions: range, on_batch: asyncio.Event) -> None:
    for version in versions:
        for begin in range(0, CONTACTS, 100):
            rows = [{"memberId": f"m-{n}", "profile": {"purchaseCount": version}} for n in range(begin, begin + 100)]
            answer = await api.json("POST", "/v1/contacts/batch", body={"contacts": rows})
            assert [r.get("problem") for r in answer["results"]] == [None] * 100
            on_batch.set()


async def make_segment(api: Api, seen: dict[str, str]) -> str:
    answer = await api.ask("POST", "/v1/segments", body={"name": "three times", "filter": FILTER}, headers=seen)
    assert answer.status_code == 201, answer.text
    made: str = answer.json()["id"]
    return made


async def everyone(api: Api) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        body = {"limit": 100} if cursor is None else {"limit": 100, "cursor": cursor}
        page = await api.json("POST", "/v1/search", body=body)
        items += page["items"]
        cursor = page["next"]
        if cursor is None:
            return items


async def changes(api: Api, segment: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        page = await api.json("GET", f"/v1/segments/{segment}/changes", params={"after": after} if after else None)
        if not page["items"]:
            return items
        items += page["items"]
        after = str(page["next"])


@pytest.mark.parametrize("victim", ["contacts-relay", "search-consumer", "segments-consumer", "segments-relay", "contacts-api"])
async def test_a_process_killed_during_a_load_comes_back_and_the_counts_are_right(stack: Stack, victim: str) -> None:
    async with caller(stack, fresh_channel()) as api:
        first = await api.ask("PUT", "/v1/contacts/@m-0", body={"profile": {"purchaseCount": 1}})
        segment = await make_segment(api, {"Dangol-Position": first.headers["Dangol-Position"]})
        moved = asyncio.Event()
        loading = asyncio.create_task(load(api, range(1, VERSIONS + 1), moved))
        for _ in range(2):
            moved.clear()
            await asyncio.wait([asyncio.create_task(moved.wait()), loading], return_when=asyncio.FIRST_COMPLETED)
            await replaced(stack, victim, kill(stack, victim))
        await loading

        async def found() -> Counter[object]:
            answer = await api.json("POST", "/v1/search", body={"limit": 1})
            last = await api.json(
                "POST",
                "/v1/search",
                body={"filter": {"key": "profile.purchaseCount", "operator": "eq", "values": [VERSIONS]}, "limit": 1},
            )
            return Counter({"all": answer["total"], "last": last["total"]})

        await eventually(found, lambda counts: counts == {"all": CONTACTS, "last": CONTACTS}, 60)
        items = await everyone(api)
        assert {(c["memberId"], c["version"]) for c in items} == {(f"m-{n}", VERSIONS) for n in range(CONTACTS)}

        async def size() -> int:
            count: int = (await api.json("GET", f"/v1/segments/{segment}"))["count"]
            return count

        await eventually(size, lambda count: count == CONTACTS, 60)
        told = await changes(api, segment)
        assert Counter((c["contactId"], c["change"]) for c in told) == Counter((c["id"], "entered") for c in items)


async def test_a_bulk_action_goes_on_when_its_worker_is_killed_and_changes_nobody_twice(stack: Stack) -> None:
    async with caller(stack, fresh_channel()) as api:
        ids: list[str] = []
        for begin in range(0, 5000, 1000):
            batch = [{"memberId": f"m-{n}"} for n in range(begin, begin + 1000)]
            ids += [r["id"] for r in (await api.json("POST", "/v1/contacts/batch", body={"contacts": batch}))["results"]]

        async def counted() -> dict[str, Any]:
            answer: dict[str, Any] = await api.json("POST", "/v1/search/count", body={})
            return answer

        async def kill_midway() -> dict[str, Any] | None:
            fingerprint = (await eventually(counted, lambda answer: answer["total"] == len(ids), 60))["fingerprint"]
            body = {"action": {"addTags": [f"t-{len(asked)}"]}, "target": {"fingerprint": fingerprint}}
            job: dict[str, Any] = await api.json("POST", "/v1/bulk-actions", body=body)
            asked.append(job["id"])
            while (await api.json("GET", f"/v1/bulk-actions/{job['id']}"))["done"] == 0:
                await asyncio.sleep(0)
            pid = kill(stack, "contacts-worker")
            after = await api.json("GET", f"/v1/bulk-actions/{job['id']}")
            await replaced(stack, "contacts-worker", pid)
            return job if after["status"] == "running" else None

        # A worker faster than the test's look may be done by then: ask again until one was killed with the work in its hands.
        asked: list[str] = []
        job = await eventually(kill_midway, lambda found: found is not None, 120)
        assert job is not None

        async def state() -> dict[str, Any]:
            answer: dict[str, Any] = await api.json("GET", f"/v1/bulk-actions/{job['id']}")
            return answer

        done = await eventually(state, lambda now: now["status"] not in {"waiting", "running"}, 120)
        assert (done["status"], done["total"], done["changed"]) == ("done", len(ids), len(ids))
        for contact_id in ids[::50]:
            history = await api.json("GET", f"/v1/contacts/{contact_id}/history")
            causes = Counter(item["cause"] for item in history["items"])
            assert causes[f"bulkAction:{job['id']}"] == 1
