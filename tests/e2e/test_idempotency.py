"""Every service's POSTs with an `Idempotency-Key`, through the gateway."""

import asyncio
from collections import Counter
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from localstack.demo import Api
from localstack.stack import Stack
from tests.support.api import caller, eventually, fresh_channel, kill, replaced

PASSWORD = "pass-word-1234!"


async def lead(api: Api) -> dict[str, Any]:
    return {"name": "홍길동", "mobileNumber": "010-1234-5678"}


async def visits(api: Api) -> dict[str, Any]:
    return {"visits": [{"id": "v1", "memberId": "m1"}, {"id": "v2"}]}


async def batch(api: Api) -> dict[str, Any]:
    return {"contacts": [{"memberId": "m1", "name": "a"}, {"memberId": "no good"}]}


async def field(api: Api) -> dict[str, Any]:
    return {"key": "profile.grade", "type": "String"}


async def segment(api: Api) -> dict[str, Any]:
    return {"name": "all", "filter": {"key": "member", "operator": "eq", "values": [True]}}


async def export(api: Api) -> dict[str, Any]:
    await api.json("PUT", "/v1/contacts/@m1", body={"name": "a"})
    return {"reason": "to try it", "password": PASSWORD, "scope": {"all": True}}


@pytest.mark.parametrize(
    ("path", "body_of"),
    [
        ("/v1/contacts", lead),
        ("/v1/contacts/batch", batch),
        ("/v1/visits", visits),
        ("/v1/fields", field),
        ("/v1/segments", segment),
        ("/v1/exports", export),
    ],
)
async def test_a_repeated_post_is_answered_alike_and_with_another_body_refused(stack: Stack, path: str, body_of: Any) -> None:
    async with caller(stack, fresh_channel()) as api:
        body, key = await body_of(api), {"Idempotency-Key": str(uuid4())}
        answers = [await api.ask("POST", path, body=body, headers=key) for _ in range(3)]
        assert answers[0].status_code < 300, answers[0].text
        assert {(a.status_code, a.content, a.headers.get("etag")) for a in answers} == {
            (answers[0].status_code, answers[0].content, answers[0].headers.get("etag"))
        }
        assert [a.headers.get("idempotency-replayed") for a in answers] == [None, "true", "true"]
        first = next(iter(body))
        changed = {**body, first: [*body[first], body[first][0]] if isinstance(body[first], list) else body[first] + "x"}
        other = await api.ask("POST", path, body=changed, headers=key)
        assert (other.status_code, other.json()["code"]) == (409, "idempotencyConflict")


async def acted(api: Api) -> str:
    """A bulk action that is done, on the one contact there is."""
    contact = await api.json("PUT", "/v1/contacts/@m1", body={"name": "a", "profile": {"n": 1}})
    body = {"action": {"blocked": True}, "target": {"contactIds": [contact["id"]]}}
    job_id: str = (await api.json("POST", "/v1/bulk-actions", body=body))["id"]

    async def job() -> str:
        found: str = (await api.json("GET", f"/v1/bulk-actions/{job_id}"))["status"]
        return found

    await eventually(job, lambda status: status == "done")
    return job_id


async def bulk(api: Api) -> tuple[str, Any, Any]:
    contact = await api.json("PUT", "/v1/contacts/@m1", body={})
    target = {"contactIds": [contact["id"]]}
    return "/v1/bulk-actions", {"action": {"addTags": ["a"]}, "target": target}, {"action": {"addTags": ["b"]}, "target": target}


async def bulk_undo(api: Api) -> tuple[str, Any, Any]:
    return f"/v1/bulk-actions/{await acted(api)}/undo", None, {"other": 1}


async def archive(api: Api) -> tuple[str, Any, Any]:
    await api.json("PUT", "/v1/contacts/@m1", body={"profile": {"n": 1}})
    return "/v1/fields/profile.n/archive", None, {"other": 1}


async def restore(api: Api) -> tuple[str, Any, Any]:
    path, _, other = await archive(api)
    await api.json("POST", path)
    return "/v1/fields/profile.n/restore", None, other


async def browser_key(api: Api) -> tuple[str, Any, Any]:
    body = {"name": "site", "origins": ["https://shop.example"]}
    return "/v1/browser-keys", body, {**body, "name": "another"}


async def key_rotated(api: Api) -> tuple[str, Any, Any]:
    made = await api.json("POST", "/v1/browser-keys", body=(await browser_key(api))[1])
    return f"/v1/browser-keys/{made['id']}/rotate", {"keepMinutes": 5}, {"keepMinutes": 6}


async def term_set(api: Api) -> tuple[str, Any, Any]:
    await api.json("PUT", "/v1/contacts/@m1", body={"email": "a@example.com"})
    body = {"key": "email", "values": ["a@example.com"]}
    return "/v1/term-sets", body, {**body, "values": ["b@example.com"]}


async def effects(api: Api) -> list[Any]:
    """All that the commands of the table below could have done twice."""
    contact = await api.ask("GET", "/v1/contacts/@m1")
    history = (await api.ask("GET", "/v1/contacts/@m1/history")).json().get("items", [])
    # Contacts are told of an archived field afterwards, by a job: when that comes is no effect of the command's repetition.
    written = [item for item in history if not item["type"].startswith("contact.field_")]
    fields = await api.json("GET", "/v1/fields")
    keys = await api.json("GET", "/v1/browser-keys")
    return [contact.json().get("tags"), contact.json().get("blocked"), written, fields, keys]


@pytest.mark.parametrize("command", [bulk, bulk_undo, archive, restore, browser_key, key_rotated, term_set])
async def test_a_repeated_command_has_one_effect_and_one_answer_and_with_another_body_is_refused(api: Api, command: Any) -> None:
    path, body, other = await command(api)
    key = {"Idempotency-Key": str(uuid4())}
    first = await api.ask("POST", path, body=body, headers=key)
    assert first.is_success, first.text
    if "/bulk-actions" in path:
        job = f"/v1/bulk-actions/{first.json()['id']}"
        await eventually(lambda: api.json("GET", job), lambda found: found["status"] in {"done", "undone"})
    if path.endswith("/restore"):  # the field comes back a little later, once all its values are told

        async def field() -> dict[str, Any]:
            found: dict[str, Any] = await api.json("GET", "/v1/fields/profile.n")
            return found

        await eventually(field, lambda found: not found["restoring"])
    once = await effects(api)
    again = await api.ask("POST", path, body=body, headers=key)
    assert (again.status_code, again.content, again.headers["idempotency-replayed"]) == (first.status_code, first.content, "true")
    assert again.headers.get("dangol-position") == first.headers.get("dangol-position")
    refused = await api.ask("POST", path, body=other, headers=key)
    assert (refused.status_code, refused.json()["code"]) == (409, "idempotencyConflict")
    assert await effects(api) == once


async def test_a_cancelling_that_is_repeated_is_answered_alike(api: Api) -> None:
    contact = await api.json("PUT", "/v1/contacts/@m1", body={})
    body = {"action": {"addTags": ["a"]}, "target": {"contactIds": [contact["id"]]}}

    async def cancelled() -> tuple[str, dict[str, str], httpx.Response]:
        path = f"/v1/bulk-actions/{(await api.json('POST', '/v1/bulk-actions', body=body))['id']}/cancel"
        key = {"Idempotency-Key": str(uuid4())}
        return path, key, await api.ask("POST", path, headers=key)

    path, key, first = await eventually(cancelled, lambda found: found[2].status_code == 200)  # else it was done before
    again = await api.ask("POST", path, headers=key)
    assert (again.status_code, again.content, again.headers["idempotency-replayed"]) == (200, first.content, "true")
    assert (await api.ask("POST", path)).status_code == 409


async def test_a_search_with_a_key_is_answered_anew(stack: Stack) -> None:
    async with caller(stack, fresh_channel()) as api:
        key = {"Idempotency-Key": "k"}
        assert (await api.ask("POST", "/v1/search", body={}, headers=key)).json()["total"] == 0
        await api.json("POST", "/v1/contacts", body={"name": "a"})

        async def total() -> int:
            found: int = (await api.ask("POST", "/v1/search", body={}, headers=key)).json()["total"]
            return found

        await eventually(total, lambda count: count == 1)


async def test_leads_sent_again_while_the_process_dies_are_made_once(stack: Stack) -> None:
    async with caller(stack, fresh_channel()) as api:

        async def send(number: int) -> None:
            # Whatever breaks off is sent again, by the caller that the tests use.
            key = {"Idempotency-Key": f"k{number}"}
            answer = await api.ask("POST", "/v1/contacts", body={"name": f"n{number}"}, headers=key)
            assert answer.status_code == 201, answer.text

        sending = [asyncio.create_task(send(number)) for number in range(60)]
        await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
        await replaced(stack, "contacts-api", kill(stack, "contacts-api"))
        await asyncio.gather(*sending)

        async def names() -> Counter[str]:
            page = await api.json("POST", "/v1/search", body={"limit": 100})
            return Counter(c["name"] for c in page["items"])

        await eventually(names, lambda found: found == Counter(f"n{n}" for n in range(60)), 60)


async def test_neither_password_nor_name_can_be_read_in_the_table(stack: Stack) -> None:
    channel = fresh_channel()
    async with caller(stack, channel) as api:
        key = {"Idempotency-Key": "hong@example.com"}
        for path, body in (("/v1/contacts", await lead(api)), ("/v1/exports", await export(api))):
            assert (await api.ask("POST", path, body=body, headers=key)).is_success
    connection = await asyncpg.connect(stack.postgres_dsn())
    try:
        for schema in ("contacts", "exports"):
            rows = await connection.fetch(f"select * from {schema}.idempotent_request where channel = $1", channel)
            assert len(rows) == 1
            raw = b"".join(v if isinstance(v, bytes) else str(v).encode() for v in rows[0].values())
            assert not any(text.encode() in raw for text in (PASSWORD, "홍길동", "+8210", "hong@example.com", "to try it"))
    finally:
        await connection.close()
