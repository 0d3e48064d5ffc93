"""Search that takes connections and answers nothing: whoever waits for it holds up nobody else."""

import asyncio
import time
from uuid import uuid4

import httpx
import psutil

from localstack.stack import Stack
from tests.support.api import fresh_channel

AT_ONCE = 12
"""More than a service has connections to its database."""
SOUGHT = {"filter": {"key": "name", "operator": "eq", "values": ["x"]}, "fingerprint": "seen"}
NOBODYS = {"key": "name", "operator": "in", "termSet": str(uuid4())}
SLOW: dict[str, dict[str, object]] = {
    "/v1/bulk-actions": {"action": {"addTags": ["a"]}, "target": SOUGHT},
    "/v1/exports": {"reason": "r", "password": "abc-123!", "scope": SOUGHT},
    "/v1/segments": {"name": "s", "filter": NOBODYS},
}


async def test_posts_with_keys_that_wait_for_search_leave_the_other_services_answering(stack: Stack) -> None:
    headers = {"Authorization": f"Bearer {stack.token(channel=fresh_channel(), sub='kim')}"}
    pid = stack.pid("search-api")
    assert pid is not None
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=stack.url, timeout=60, headers=headers, limits=limits) as client:
        assert (await client.put("/v1/contacts/@m", json={"name": "x"})).status_code == 201
        search = psutil.Process(pid)
        search.suspend()
        try:
            slow = [
                asyncio.create_task(client.post(path, json=body, headers={"Idempotency-Key": str(uuid4())}))
                for path, body in SLOW.items()
                for _ in range(AT_ONCE)
            ]
            await asyncio.wait(slow, timeout=2)  # long enough for all of them to be asking
            assert not any(task.done() for task in slow)
            for path in SLOW:
                began = time.monotonic()
                assert (await client.get(path)).status_code == 200
                other = await client.post("/v1/contacts", json={}, headers={"Idempotency-Key": str(uuid4())})
                assert other.status_code == 201
                assert time.monotonic() - began < 2
            assert not any(task.done() for task in slow)
        finally:
            search.resume()
        # Search, once it goes on, refuses what it was asked: nobody was told that a service is away.
        assert {answer.json()["code"] for answer in await asyncio.gather(*slow)} == {"unknownTermSet", "fingerprintMismatch"}
