"""Refused through the gateway: answered before the body has come, which then passes by for a while."""

from urllib.parse import urlsplit

import httpx
import pytest

from common.body import MIB
from localstack.stack import Stack
from tests.support.sockets import Stopwatch, connected


@pytest.mark.parametrize(
    ("path", "permissions", "size", "status", "code"),
    [
        ("/v1/contacts", None, 1000, 401, b"unauthorized"),
        ("/v1/imports", None, 100 * MIB, 401, b"unauthorized"),
        ("/v1/imports", ["contacts.edit"], 512 * MIB, 413, b"tooLarge"),
        ("/v1/imports", ["contacts.read"], 100 * MIB, 403, b"forbidden"),
        ("/v1/segments", ["*"], 2 * MIB, 413, b"tooLarge"),
        ("/v1/segments/x/y/z", ["*"], 1000, 404, b"notFound"),
        ("/v1/contacts/x/y", ["*"], 1000, 405, b"methodNotAllowed"),
    ],
)
async def test_who_sends_a_head_alone_is_answered_at_once(
    stack: Stack, channel: str, path: str, permissions: list[str] | None, size: int, status: int, code: bytes
) -> None:
    token = [f"Authorization: Bearer {stack.token(channel=channel, sub='kim', permissions=permissions)}"] if permissions else []
    watch = Stopwatch()
    async with connected(urlsplit(stack.url).port or 80) as line:
        await line.send(f"POST {path}", "Content-Type: multipart/form-data; boundary=b", f"Content-Length: {size}", *token)
        assert await line.status() == status
        await line.until(b'"' + code + b'"')
        await line.until(b"0\r\n\r\n")
    assert watch.seconds < 4


async def test_who_sends_the_whole_body_first_can_read_the_answer_and_a_stranger_is_not_listened_to(
    stack: Stack, channel: str
) -> None:
    port = urlsplit(stack.url).port or 80
    token = f"Authorization: Bearer {stack.token(channel=channel, sub='kim', permissions=['*'])}"
    async with connected(port) as line:
        await line.send("POST /v1/segments", token, f"Content-Length: {20 * MIB}")
        assert await line.pour(20 * MIB) == 20 * MIB
        assert await line.status() == 413
    watch = Stopwatch()
    async with connected(port) as line:
        await line.send("POST /v1/imports", f"Content-Length: {512 * MIB}")
        assert await line.pour(512 * MIB) < 64 * MIB
    assert watch.seconds < 20


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/v1/segments", b'{"name": "s", "filter": {"and": [{"or": []}], "and": []}}', "/filter/and"),
        ("/v1/term-sets", b'{"key": "name", "key": "email", "values": ["a"]}', "/key"),
    ],
)
async def test_a_member_that_is_there_twice_is_refused(stack: Stack, channel: str, path: str, body: bytes, pointer: str) -> None:
    headers = {"Authorization": f"Bearer {stack.token(channel=channel, sub='kim', permissions=['*'])}"}
    async with httpx.AsyncClient(base_url=stack.url) as client:
        answer = await client.post(path, content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"], answer.json()["pointer"]) == (422, "repeatedMember", pointer)
