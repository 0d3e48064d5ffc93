"""Browser keys through the gateway: a page of a known origin sends visits and identifies, and nothing comes back to it."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from localstack.demo import Api
from localstack.stack import Stack
from tests.support.api import caller, fresh_channel


@pytest.fixture
def origin() -> str:
    return f"https://{uuid4().hex}.example"


@pytest.fixture
async def page(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as made:
        yield made


async def make(api: Api, origin: str) -> Any:
    return await api.json("POST", "/v1/browser-keys", body={"name": "site", "origins": [origin]})


def carrying(key: Any, origin: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {key['key']}"} | ({"Origin": origin} if origin else {})


def preflight(origin: str, method: str) -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type",
    }


def of_cors(answer: httpx.Response) -> set[str]:
    return {name for name in answer.headers if name.startswith("access-control-")}


async def test_a_page_asks_first_then_sends_visits_and_says_who_it_is(api: Api, page: httpx.AsyncClient, origin: str) -> None:
    key = await make(api, origin)
    for method, path in (("POST", "/v1/visits"), ("PUT", "/v1/contacts/@u1")):
        asked = await page.options(path, headers=preflight(origin, method))
        assert (asked.status_code, asked.headers["Access-Control-Allow-Origin"]) == (204, origin)
        assert (asked.headers["Access-Control-Allow-Methods"], "Access-Control-Allow-Credentials" in asked.headers) == (
            method,
            False,
        )
    lead = await api.json("POST", "/v1/contacts", body={"city": "서울"})
    visits = {"visits": [{"id": "v1", "contactId": lead["id"], "url": origin}, {"id": "v2", "memberId": "u2", "name": "click"}]}
    sent = await page.post("/v1/visits", json=visits, headers=carrying(key, origin))
    assert (sent.status_code, sent.json()) == (202, {"accepted": 2, "duplicates": 0, "rejected": []})
    body = {"name": "홍길동", "mobileNumber": "010-1234-5678", "profile": {"grade": "VIP"}, "leadId": lead["id"]}
    identified = await page.put("/v1/contacts/@u1", json=body, headers=carrying(key, origin))
    assert (identified.status_code, identified.json()) == (200, {"memberId": "u1"})
    for answer in (sent, identified):
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert "Dangol-Position" not in answer.headers
        assert "ETag" not in answer.headers
    contact = await api.json("GET", "/v1/contacts/@u1")
    assert (contact["id"], contact["name"], contact["mobileNumber"], contact["sessionsCount"]) == (
        lead["id"], "홍길동", "+821012345678", 1,
    )  # fmt: skip
    history = (await api.json("GET", "/v1/contacts/@u1/history"))["items"]
    assert {item["by"] for item in history} == {"kim", f"browser:{key['id']}"}


async def test_nothing_that_is_there_comes_back_to_a_page(api: Api, page: httpx.AsyncClient, origin: str) -> None:
    key = await make(api, origin)
    there = await api.json("PUT", "/v1/contacts/@u1", body={"name": "SECRET", "email": "secret@example.com", "tags": ["vip"]})
    for member in ("u1", "never-seen"):
        answer = await page.put(f"/v1/contacts/@{member}", json={}, headers=carrying(key, origin))
        assert (answer.status_code, answer.json()) == (200, {"memberId": member})
    stale = await page.put("/v1/contacts/@u1", json={}, headers=carrying(key, origin) | {"If-Match": '"9"'})
    assert (stale.status_code, "changedBy" in stale.json(), "ETag" in stale.headers) == (403, False, False)
    refused: tuple[dict[str, Any], ...] = ({"blocked": True}, {"addTags": ["x"]})
    for body in refused:
        assert (await page.put("/v1/contacts/@u1", json=body, headers=carrying(key, origin))).status_code == 403
    wrong = await page.put("/v1/contacts/@u1", json={"email": "none"}, headers=carrying(key, origin))
    assert (wrong.status_code, wrong.json()["pointer"]) == (422, "/email")
    assert wrong.headers["Access-Control-Allow-Origin"] == origin
    assert await api.json("GET", "/v1/contacts/@u1") == there


async def test_a_lead_that_a_page_names_brings_a_member_no_block_no_tag_and_no_consent(
    api: Api, page: httpx.AsyncClient, origin: str
) -> None:
    key = await make(api, origin)
    await api.json("PUT", "/v1/contacts/@victim", body={"tags": ["mine"], "unsubscribeEmail": True})
    lead = await api.json("POST", "/v1/contacts", body={"city": "서울", "unsubscribeEmail": True})
    of_the_team = {"blocked": True, "addTags": ["troll"], "unsubscribeEmail": False, "unsubscribeTexting": True}
    await api.json("PATCH", f"/v1/contacts/{lead['id']}", body=of_the_team)
    for _ in range(2):
        named = await page.put("/v1/contacts/@victim", json={"leadId": lead["id"]}, headers=carrying(key, origin))
        assert (named.status_code, named.json()) == (200, {"memberId": "victim"})
        now = await api.json("GET", "/v1/contacts/@victim")
        assert (now["blocked"], now["tags"], now["city"]) == (False, ["mine"], "서울")
        assert (now["unsubscribeEmail"], now["unsubscribeTexting"]) == (True, True)
    assert (await api.json("GET", f"/v1/contacts/{lead['id']}"))["memberId"] == "victim"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/contacts/@u1"), ("PATCH", "/v1/contacts/@u1"), ("DELETE", "/v1/contacts/@u1"), ("POST", "/v1/contacts"),
        ("GET", "/v1/contacts/@u1/history"), ("GET", "/v1/contacts/@u1/visits"), ("POST", "/v1/contacts/batch"),
        ("GET", "/v1/fields"), ("GET", "/v1/channel"), ("GET", "/v1/browser-keys"), ("POST", "/v1/browser-keys"),
        ("POST", "/v1/bulk-actions"), ("POST", "/v1/search"), ("GET", "/v1/segments"), ("POST", "/v1/exports"),
        ("GET", "/v1/rooms/me/messages"), ("GET", "/v1/me/preferences"), ("PATCH", "/v1/me/preferences"),
    ],
)  # fmt: skip
async def test_a_key_opens_no_other_address(api: Api, page: httpx.AsyncClient, origin: str, method: str, path: str) -> None:
    key = await make(api, origin)
    await api.json("PUT", "/v1/contacts/@u1", body={})
    body: dict[str, Any] | None = {} if method in ("POST", "PATCH") else None
    answer = await page.request(method, path, json=body, headers=carrying(key, origin))
    assert (answer.status_code, answer.json()["code"], of_cors(answer)) == (403, "forbidden", set())


async def test_pages_of_other_origins_are_turned_away(stack: Stack, api: Api, page: httpx.AsyncClient, origin: str) -> None:
    key = await make(api, origin)
    other = f"https://{uuid4().hex}.example"
    visits = {"visits": [{"id": "v1", "memberId": "u1"}]}
    asked = await page.options("/v1/visits", headers=preflight(other, "POST"))
    assert (asked.status_code, of_cors(asked)) == (403, set())
    for strange in (other, None):
        answer = await page.post("/v1/visits", json=visits, headers=carrying(key, strange))
        assert (answer.status_code, of_cors(answer)) == (403, set())
    async with caller(stack, fresh_channel()) as neighbour:
        await make(neighbour, other)
    answer = await page.post("/v1/visits", json=visits, headers=carrying(key, other))
    assert answer.status_code == 403
    assert (await api.ask("GET", "/v1/contacts/@u1")).status_code == 404


async def test_keys_are_made_changed_rotated_and_revoked_by_whoever_manages_the_channel(
    stack: Stack, channel: str, api: Api, page: httpx.AsyncClient, origin: str
) -> None:
    async def visit(key: Any, at: str = origin) -> int:
        answer = await page.post("/v1/visits", json={"visits": []}, headers=carrying(key, at))
        return answer.status_code

    old = await make(api, origin)
    new = await api.json("POST", f"/v1/browser-keys/{old['id']}/rotate", body={"keepMinutes": 60})
    assert (await visit(old), await visit(new)) == (202, 202)
    listed = (await api.json("GET", "/v1/browser-keys"))["items"]
    assert [(k["id"], k["status"], k["key"]) for k in listed] == [
        (new["id"], "live", new["key"]), (old["id"], "ending", old["key"]),
    ]  # fmt: skip
    revoked = await api.ask("DELETE", f"/v1/browser-keys/{old['id']}")
    assert (revoked.status_code, await visit(old), await visit(new)) == (204, 401, 202)
    assert [k["status"] for k in (await api.json("GET", "/v1/browser-keys"))["items"]] == ["live", "revoked"]
    elsewhere = f"https://{uuid4().hex}.example"
    await api.json("PATCH", f"/v1/browser-keys/{new['id']}", body={"origins": [elsewhere], "name": "new site"})
    assert (await visit(new), await visit(new, elsewhere)) == (403, 202)
    refused = await api.ask("POST", "/v1/browser-keys", body={"name": "x", "origins": ["https://*.example"]})
    assert (refused.status_code, refused.json()["pointer"]) == (422, "/origins/0")
    assert (await api.ask("DELETE", f"/v1/browser-keys/{uuid4()}")).status_code == 404
    async with caller(stack, channel, "lee", "contacts.edit", "contacts.read") as editor:
        assert (await editor.ask("GET", "/v1/browser-keys")).status_code == 403
        assert (await editor.ask("DELETE", f"/v1/browser-keys/{new['id']}")).status_code == 403
    async with caller(stack, fresh_channel()) as neighbour:
        assert (await neighbour.ask("DELETE", f"/v1/browser-keys/{new['id']}")).status_code == 404


async def test_a_key_that_verifies_members_takes_none_without_the_hash_that_its_secret_makes(
    api: Api, page: httpx.AsyncClient, origin: str
) -> None:
    def signed(secret: str, member: str) -> str:
        return hmac.new(secret.encode(), member.encode(), hashlib.sha256).hexdigest()

    key = await api.json("POST", "/v1/browser-keys", body={"name": "site", "origins": [origin], "verifyMembers": True})
    assert "secret" not in (await api.json("GET", "/v1/browser-keys"))["items"][0]
    for body in ({}, {"memberHash": signed(key["secret"], "u2")}, {"memberHash": 1}):
        refused = await page.put("/v1/contacts/@u1", json=body, headers=carrying(key, origin))
        assert (refused.status_code, refused.json()["code"], refused.json()["pointer"]) == (
            403,
            "memberNotVerified",
            "/memberHash",
        )
    assert (await api.ask("GET", "/v1/contacts/@u1")).status_code == 404
    good = {"name": "Kim", "memberHash": signed(key["secret"], "u1").upper()}
    assert (await page.put("/v1/contacts/@u1", json=good, headers=carrying(key, origin))).status_code == 200
    lead = await api.json("POST", "/v1/contacts", body={})
    visits: list[dict[str, Any]] = [
        {"id": "v1", "memberId": "u1", "memberHash": signed(key["secret"], "u1")}, {"id": "v2", "memberId": "u1"},
        {"id": "v3", "memberId": "u3", "memberHash": "0"}, {"id": "v4", "contactId": lead["id"]},
    ]  # fmt: skip
    sent = (await page.post("/v1/visits", json={"visits": visits}, headers=carrying(key, origin))).json()
    assert (sent["accepted"], [(r["index"], r["problem"]["code"], r["problem"]["pointer"]) for r in sent["rejected"]]) == (
        2, [(1, "memberNotVerified", "/visits/1/memberHash"), (2, "memberNotVerified", "/visits/2/memberHash")],
    )  # fmt: skip
    new = await api.json("POST", f"/v1/browser-keys/{key['id']}/rotate")
    for carried, secret, status in ((new, new["secret"], 200), (new, key["secret"], 403), (key, key["secret"], 200)):
        body = {"memberHash": signed(secret, "u1")}
        assert (await page.put("/v1/contacts/@u1", json=body, headers=carrying(carried, origin))).status_code == status
    off = await api.json("PATCH", f"/v1/browser-keys/{new['id']}", body={"verifyMembers": False})
    assert (off["verifyMembers"], "secret" in off) == (False, False)
    assert (await page.put("/v1/contacts/@u1", json={}, headers=carrying(new, origin))).status_code == 200
