"""Exports as their asker sees them through the gateway: asked for, waited for, downloaded, read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import stamina

from localstack.demo import Api, decrypt
from localstack.stack import Stack
from tests.support.api import eventually, fresh_channel

PASSWORD = "abc-123!"
UNKNOWN = "019a1f0e-7c2e-7d44-9a51-0f6f0e2b7c11"
"""An id that nothing has."""
ENDED = {"ready", "failed", "cancelled", "declined", "expired", "revoked", "withdrawn"}


CONTACTS: list[dict[str, Any]] = [
    {
        "memberId": "m-0", "name": "=1+1", "mobileNumber": "+821012345678", "city": "@SUM(A1)", "tags": ["VIP/gold", "a, b"],
        "profile": {"memo": "-2+3|cmd", "score": 0, "paid": False, "born": "1990-05-05T15:30:00.000Z", "likes": ["x", "y"]},
    },
    {"memberId": "m-1", "name": "<&> 'x'", "profile": {"score": -1.5, "paid": True, "born": "1890-01-01T00:00:00.000Z"}},
    *({"memberId": f"m-{n}", "name": f"손님 {n}", "profile": {"score": n}} for n in range(2, 30)),
]  # fmt: skip
MEMBERS = {contact["memberId"] for contact in CONTACTS}
SCORED = {"key": "profile.score", "operator": "gte", "values": [20]}


def channel_with_contacts(stack: Stack) -> str:
    """A new channel that holds CONTACTS, and where managers may ask for exports as often as they like."""
    name = fresh_channel()
    token = stack.token(channel=name, sub="maker")
    with httpx.Client(base_url=stack.url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        client.patch("/v1/channel", json={"exportMinutes": 0}).raise_for_status()
        score = {"key": "profile.score", "type": "Number", "displayName": {"ko": "점수", "en": "Score"}}
        client.post("/v1/fields", json=score).raise_for_status()
        client.post("/v1/fields", json={"key": "profile.born", "type": "Date"}).raise_for_status()
        answer = client.post("/v1/contacts/batch", json={"contacts": CONTACTS}).raise_for_status()
        assert [r.get("problem") for r in answer.json()["results"]] == [None] * len(CONTACTS)
        # Whoever counts with a write's position sees that write.
        seen = {"Dangol-Position": answer.headers["Dangol-Position"]}
        assert _counted(client, seen) == len(CONTACTS)
    return name


@stamina.retry(on=httpx.HTTPStatusError, timeout=60, attempts=None, wait_max=2)
def _counted(client: httpx.Client, seen: dict[str, str]) -> int:
    """Those found once this was seen: a position that has not arrived in five seconds is a 503."""
    total: int = client.post("/v1/search/count", json={}, headers=seen).raise_for_status().json()["total"]
    return total


def request(scope: object, **more: Any) -> dict[str, Any]:
    """The body of a request for an export."""
    return {"reason": "a greeting", "password": PASSWORD, "scope": scope, **more}


async def asked(api: Api, scope: object, *, language: str = "ko", **more: Any) -> str:
    """The id of an accepted export."""
    answer = await api.ask("POST", "/v1/exports", body=request(scope, **more), headers={"Accept-Language": language})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def ended(api: Api, export_id: str) -> dict[str, Any]:
    """The export, once its work is over."""

    async def state() -> dict[str, Any]:
        found: dict[str, Any] = await api.json("GET", f"/v1/exports/{export_id}")
        return found

    return await eventually(state, lambda export: export["status"] in ENDED, 120)


async def rows_of(api: Api, export_id: str) -> list[tuple[Any, ...]]:
    """The rows of a finished export's file, the headings first."""
    export = await ended(api, export_id)
    assert export["status"] == "ready", export
    file = await api.ask("POST", f"/v1/exports/{export_id}/download")
    assert file.status_code == 200, file.text
    return decrypt(file.content, PASSWORD)


async def exported(api: Api, scope: object, **more: Any) -> list[tuple[Any, ...]]:
    """The rows of a new export, the headings first."""
    return await rows_of(api, await asked(api, scope, **more))


@asynccontextmanager
async def plain(stack: Stack, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    """The gateway without any token but what is given."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=60, headers=headers) as client:
        yield client


async def followed(stack: Stack, token: str, export_id: str) -> list[dict[str, Any]]:
    """All that an export's progress tells, from the server-sent events, until the server ends them."""
    told: list[dict[str, Any]] = []
    path = f"/v1/exports/{export_id}/progress"
    async with plain(stack, Authorization=f"Bearer {token}") as client, client.stream("GET", path) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                told.append(orjson.loads(line[6:]))
    return told


async def fingerprint(api: Api, **wanted: Any) -> str:
    """The word for what a search would find now."""
    found: str = (await api.json("POST", "/v1/search/count", body=wanted))["fingerprint"]
    return found


def files_of(stack: Stack, export_id: str) -> list[Path]:
    """What lies on the disk of an export."""
    return list(Path(stack.service_env("exports-api")["EXPORTS_FILES"]).glob(f"{export_id}*"))
