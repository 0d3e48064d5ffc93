"""A channel with contacts in the running system, and exports of a test's own that take them out."""

import hashlib
from collections.abc import AsyncIterator

import httpx
import pytest

from exports.export import Export, Status
from localstack.stack import Stack
from tests.support.api import fresh_channel
from tests.support.workshop import Workshop, workshop

CONTACTS = 1200
MIDWAY = 200_000
"""Bytes of a scan after which some rows are written and many are to come."""
NUMBERS = {f"+82101000{n:04d}" for n in range(CONTACTS)}


@pytest.fixture(scope="session")
def channel(stack: Stack) -> str:
    """A channel with contacts."""
    name = fresh_channel()
    token = stack.token(channel=name, sub="kim")
    with httpx.Client(base_url=stack.url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        for begin in range(0, CONTACTS, 600):
            rows = [{"memberId": f"m-{n}", "mobileNumber": f"+82101000{n:04d}"} for n in range(begin, begin + 600)]
            client.post("/v1/contacts/batch", json={"contacts": rows}).raise_for_status()
        client.patch("/v1/channel", json={"exportMinutes": 30}).raise_for_status()
    return name


@pytest.fixture
async def shop(stack: Stack, channel: str) -> AsyncIterator[Workshop]:
    async with workshop(stack, channel) as made:
        yield made


async def whole(shop: Workshop, export: Export) -> None:
    """The file is there, holds everyone, and agrees with its manifest."""
    assert export.status is Status.READY
    rows = await shop.rows(export.id)
    assert rows[0] == ("id", "mobileNumber")
    assert {row[1] for row in rows[1:]} == NUMBERS
    assert export.manifest is not None
    assert export.manifest.rows == export.rows_done == export.rows_total == len(rows) - 1 == CONTACTS
    assert export.manifest.ids_sha256 == hashlib.sha256("\n".join(sorted(row[0] for row in rows[1:])).encode()).hexdigest()
    content = (shop.folder / f"{export.id}.{export.attempts}.xlsx").read_bytes()
    assert (export.manifest.bytes, export.manifest.file_sha256) == (len(content), hashlib.sha256(content).hexdigest())
