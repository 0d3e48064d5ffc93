"""Every service's POSTs with an `Idempotency-Key`, through the gateway."""

import asyncio
from collections import Counter
from typing import Any
from uuid import uuid4

import asyncpg
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
