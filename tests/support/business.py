"""A business with members, and how its bulk actions are asked for and waited out, through the gateway."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from localstack.demo import Api
from localstack.stack import Stack
from tests.support.api import caller, eventually, fresh_channel

EMAIL, EMAIL_AT = "unsubscribeEmail", "unsubscribeEmailUpdatedAt"
SEOUL: dict[str, Any] = {"key": "city", "operator": "eq", "values": ["Seoul"]}
VIP: dict[str, Any] = {"addTags": ["VIP"]}


class Business:
    """A channel of its own with members `m-0`, `m-1` …, the even ones in Seoul, the odd ones in Busan."""

    def __init__(self, api: Api, channel: str = "") -> None:
        self.api = api
        self.channel = channel
        self.ids: list[str] = []

    async def fill(self, count: int) -> None:
        rows = [{"memberId": f"m-{n}", "city": "Busan" if n % 2 else "Seoul", "tags": ["old"]} for n in range(count)]
        answer = await self.api.json("POST", "/v1/contacts/batch", body={"contacts": rows})
        self.ids = [r["id"] for r in answer["results"]]
        await self.matches({}, count)

    async def matches(self, asked: dict[str, Any], count: int) -> str:
        """Wait until so many match; the fingerprint of that."""

        async def counted() -> dict[str, Any]:
            found: dict[str, Any] = await self.api.json("POST", "/v1/search/count", body=asked)
            return found

        fingerprint: str = (await eventually(counted, lambda answer: answer["total"] == count))["fingerprint"]
        return fingerprint

    async def ask(self, action: dict[str, Any], target: dict[str, Any], **more: Any) -> httpx.Response:
        return await self.api.ask("POST", "/v1/bulk-actions", body={"action": action, "target": target, **more})

    async def ended(self, job_id: str) -> dict[str, Any]:
        async def job() -> dict[str, Any]:
            found: dict[str, Any] = await self.api.json("GET", f"/v1/bulk-actions/{job_id}")
            return found

        return await eventually(job, lambda now: now["status"] not in {"waiting", "running"}, 60)

    async def act(self, action: dict[str, Any], target: dict[str, Any]) -> dict[str, Any]:
        answer = await self.ask(action, target)
        assert answer.status_code == 202, answer.text
        return await self.ended(answer.json()["id"])

    async def undo(self, job_id: str) -> dict[str, Any]:
        answer = await self.api.ask("POST", f"/v1/bulk-actions/{job_id}/undo")
        assert answer.status_code == 202, answer.text
        assert answer.json()["status"] in {"waiting", "running", "undone"}
        return await self.ended(job_id)

    async def results(self, job_id: str, status: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        params = {"limit": str(limit)} | ({"status": status} if status else {})
        while True:
            page = await self.api.json("GET", f"/v1/bulk-actions/{job_id}/results", params=params)
            items += page["items"]
            if page["next"] is None:
                return items
            params["cursor"] = page["next"]

    async def contact(self, contact_id: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.api.json("GET", f"/v1/contacts/{contact_id}")
        return found

    async def contacts(self) -> list[dict[str, Any]]:
        return [await self.contact(i) for i in self.ids]


@asynccontextmanager
async def a_business(stack: Stack, count: int) -> AsyncIterator[Business]:
    channel = fresh_channel()
    async with caller(stack, channel) as api:
        business = Business(api, channel)
        await business.fill(count)
        yield business
