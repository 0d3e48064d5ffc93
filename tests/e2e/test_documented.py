"""What the OpenAPI document says of answers, held against the answers: nothing in them that it does not name, nothing missing."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import jsonschema
import pytest

from localstack.stack import Stack
from tests.support.api import eventually, fresh_channel
from tests.support.documented import document, operation
from tests.support.exporting import request

PROBLEM = "Problem"


def _closed(schema: Any) -> Any:
    """The schema, with no member allowed that it does not name."""
    if isinstance(schema, dict):
        inner = {key: _closed(value) for key, value in schema.items()}
        return inner | ({"additionalProperties": False} if "properties" in schema and "title" in schema else {})
    return [_closed(each) for each in schema] if isinstance(schema, list) else schema


class Documented:
    """Asks through the gateway and holds each good answer against the document."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        schemas: dict[str, Any] = document()["components"]["schemas"]
        self._components = {"schemas": {name: s if name == PROBLEM else _closed(s) for name, s in schemas.items()}}

    async def ask(self, method: str, path: str, body: object = None, **options: Any) -> Any:
        """The answer's JSON, which is as the document says."""
        answer = await self._client.request(method, path, json=body, **options)
        told = operation(method, path)["responses"][str(answer.status_code)]
        schema = told["content"]["application/json"]["schema"]
        jsonschema.Draft202012Validator({**schema, "components": self._components}).validate(answer.json())
        for name in told.get("headers", {}):
            assert name in answer.headers, (method, path, name)
        return answer.json()


@pytest.fixture
async def documented(stack: Stack) -> AsyncIterator[Documented]:
    headers = {"Authorization": f"Bearer {stack.token(channel=fresh_channel(), sub='kim')}"}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=60) as client:
        yield Documented(client)


WRONG = [{"memberId": "b-1", "name": "Kim"}, {"memberId": "b 2"}]
VISITS = [
    {
        "id": "v1",
        "memberId": "a",
        "url": "https://shop.example",
        "device": {"kind": "mobile", "os": "iOS"},
        "properties": {"n": 1},
    },
    {"id": "v2"},
]


async def test_contacts_answer_as_is_documented(documented: Documented) -> None:
    ask = documented.ask
    lead = await ask("POST", "/v1/contacts", {"name": "Lee", "profile": {"grade": "VIP"}})
    made = await ask("PUT", "/v1/contacts/@a", {"name": "Kim", "tags": ["x"], "mobileNumber": "010-1234-5678"})
    await ask("PUT", "/v1/contacts/@a", {"name": "Kim", "leadId": lead["id"]})
    await ask("PATCH", f"/v1/contacts/{made['id']}", {"unsubscribeEmail": True})
    taken = await ask("POST", "/v1/visits", {"visits": VISITS})
    assert (taken["accepted"], len(taken["rejected"])) == (1, 1)
    for path in ("/v1/contacts/@a", "/v1/contacts/@a/history", "/v1/contacts/@a/visits"):
        assert await ask("GET", path)
    results = (await ask("POST", "/v1/contacts/batch", {"contacts": WRONG}))["results"]
    assert [r["status"] for r in results] == [201, 422]
    receipt = (await ask("DELETE", f"/v1/contacts/{results[0]['id']}"))["receiptId"]
    await ask("GET", f"/v1/erasures/{receipt}")


async def test_fields_keys_and_the_channel_answer_as_is_documented(documented: Documented) -> None:
    ask = documented.ask
    await ask("POST", "/v1/fields", {"key": "profile.grade", "type": "String"})
    for path in ("/v1/fields/profile.grade/archive", "/v1/fields/profile.grade/restore"):
        await ask("POST", path)
    await ask("PATCH", "/v1/fields/profile.grade", {"visible": False})
    await ask("PUT", "/v1/fields/order", {"keys": ["profile.grade", "name"]})
    await ask("PATCH", "/v1/channel", {"exportMinutes": 0})
    key = await ask("POST", "/v1/browser-keys", {"name": "shop", "origins": ["https://shop.example"], "verifyMembers": True})
    await ask("PATCH", f"/v1/browser-keys/{key['id']}", {"name": "the shop", "verifyMembers": False})
    await ask("POST", f"/v1/browser-keys/{key['id']}/rotate")
    for path in ("/v1/fields", "/v1/fields/presets", "/v1/channel", "/v1/browser-keys", "/v1/rooms/me/messages"):
        await ask("GET", path)


async def test_jobs_answer_as_is_documented(documented: Documented) -> None:
    ask = documented.ask
    ids = [(await ask("PUT", f"/v1/contacts/@{n}", {"name": "Kim"}))["id"] for n in range(2)]
    bulk = {"action": {"addTags": ["x"]}, "target": {"contactIds": ids}}
    assert await ask("POST", "/v1/bulk-actions", bulk | {"dryRun": True}) == {"total": 2}
    job = await ask("POST", "/v1/bulk-actions", bulk)
    place = f"/v1/bulk-actions/{job['id']}"
    await eventually(lambda: ask("GET", place), lambda found: found["status"] == "done")
    await ask("POST", f"{place}/undo")
    await eventually(lambda: ask("GET", place), lambda found: found["status"] == "undone")
    assert (await ask("GET", f"{place}/results"))["items"][0]["undo"]

    files = {"file": ("a.csv", "memberId,name,email\nm-1,Kim,\nm-2,Lee,no address\n", "text/csv")}
    preview = await ask("POST", "/v1/imports", files=files, data={"dryRun": "true"})
    assert any("problem" in row for row in preview["rows"])
    place = f"/v1/imports/{(await ask('POST', '/v1/imports', files=files))['id']}"
    await eventually(lambda: ask("GET", place), lambda found: found["status"] == "done")
    assert [r["status"] for r in (await ask("GET", f"{place}/rows"))["items"]] == ["made", "refused"]
    await ask("GET", "/v1/imports")


async def test_finding_answers_as_is_documented(documented: Documented) -> None:
    ask = documented.ask
    await ask("PUT", "/v1/contacts/@a", {"name": "Kim", "mobileNumber": "010-1234-5678", "profile": {"grade": "VIP"}})
    page = await eventually(lambda: ask("POST", "/v1/search", {}), lambda found: found["total"] == 1)
    assert page["items"][0]["memberId"] == "a"
    await ask("POST", "/v1/search/count", {})
    vip = {"key": "name", "operator": "eq", "values": ["Kim"]}
    await ask("POST", "/v1/filters/check", {"filter": vip})
    made = await ask("POST", "/v1/term-sets", {"key": "mobileNumber", "text": "01012345678, x, 01099999999"})
    await ask("GET", f"/v1/term-sets/{made['id']}")
    assert len((await ask("GET", f"/v1/term-sets/{made['id']}/terms"))["items"]) == 3
    segment = (await ask("POST", "/v1/segments", {"name": "s", "filter": vip}))["id"]
    place = f"/v1/segments/{segment}"
    await eventually(lambda: ask("GET", place), lambda found: found["status"] == "live")
    await ask("PATCH", place, {"name": "t"})
    contact = page["items"][0]["id"]
    for path in ("/members", f"/members/{contact}", "/changes", "/counts"):
        await ask("GET", place + path)
    await ask("POST", f"{place}/explain", {"contactId": contact})


async def test_exports_answer_as_is_documented(documented: Documented) -> None:
    ask = documented.ask
    await ask("PATCH", "/v1/channel", {"exportMinutes": 0})
    await ask("PUT", "/v1/contacts/@a", {"name": "Kim"})
    made = await ask("POST", "/v1/exports", request({"all": True}))
    place = f"/v1/exports/{made['id']}"
    found = await eventually(lambda: ask("GET", place), lambda export: export["status"] == "ready", 60)
    assert found["manifest"]["rows"] == 1
    await ask("POST", f"{place}/revoke")
    for path in ("/v1/exports", "/v1/audit"):
        assert (await ask("GET", path))["items"]
    messages = await eventually(lambda: ask("GET", "/v1/rooms/me/messages"), lambda found: found["items"])
    assert messages["items"][0]["from"] == "notice-bot"
