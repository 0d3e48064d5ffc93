"""Members of a group with names of their own: one that was killed goes on at once, one that leaves is not waited for."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from common.kafka import Producer, Source, create_topics
from common.topics import Topic
from localstack.stack import Stack
from tests.common.relay.conftest import told

_KEYS = 20
_AT_ONCE = 4.0
"""Seconds, of which a nameless member's successor waits ten."""


@pytest.fixture
async def topic(servers: Stack) -> str:
    name = f"test.{uuid4().hex[:12]}"
    await create_topics(servers.kafka, [Topic(name, partitions=4)])
    return name


@asynccontextmanager
async def member(servers: Stack, topic: str, name: str) -> AsyncIterator[Source]:
    async with Source.open(servers.kafka, topic, [topic], member=name) as source:
        yield source


async def polled(source: Source, version: int) -> None:
    """Returns when all messages of this version have come to this member, some perhaps twice."""
    there: set[str] = set()
    while len(there) < _KEYS:
        there |= {m.subject for m in await source.poll() if m.version == version}
    await source.commit()


async def sent(servers: Stack, topic: str, version: int) -> None:
    async with Producer.open(servers.kafka, client_id="test") as producer:
        await producer.send([told(str(n), version, topic=topic) for n in range(_KEYS)], partitions=4)


async def test_one_that_was_killed_goes_on_with_its_partitions_as_soon_as_it_is_back(servers: Stack, topic: str) -> None:
    await sent(servers, topic, 1)
    async with asyncio.timeout(30), member(servers, topic, "one") as killed:
        await polled(killed, 1)
        assert killed._client is not None
        await killed._client.stop()  # as the client does it, and a kill: it leaves without a word
        killed._client = None
        await sent(servers, topic, 2)
        began = time.monotonic()
        async with member(servers, topic, "one") as back:
            await polled(back, 2)
            assert time.monotonic() - began < _AT_ONCE


async def test_one_that_ends_leaves_what_it_had_to_the_others_at_once(servers: Stack, topic: str) -> None:
    async with asyncio.timeout(30), member(servers, topic, "one") as one:
        await one.poll()
        async with member(servers, topic, "two") as two:
            while one._client is None or two._client is None or len(one._client.assignment()) != 2:
                await asyncio.gather(one.poll(), two.poll())
        await sent(servers, topic, 1)
        began = time.monotonic()
        await polled(one, 1)
        assert time.monotonic() - began < _AT_ONCE
