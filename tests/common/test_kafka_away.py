"""Clients of a Kafka that is not there, or takes connections and answers nothing: none dies of it or hangs with it."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

import pytest
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from common.envelope import Message
from common.errors import Unavailable
from common.kafka import Producer, Progress, Reader, Source
from common.kafka.away import away_is_unavailable
from common.topics import FIELDS, named

MESSAGE = Message("t", "c/x", b"{}", {})


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An address of which every connection is refused."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
async def mute() -> AsyncIterator[str]:
    """An address that takes connections and says nothing."""

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def test_a_producer_begins_all_the_same_and_what_it_sends_may_be_tried_again(nowhere: str) -> None:
    async with asyncio.timeout(20), Producer.open(nowhere, client_id="p") as producer:
        for _ in range(2):
            with pytest.raises(Unavailable, match="Kafka does not answer"):
                await producer.send([MESSAGE])
        with pytest.raises(KafkaError):
            await producer.check()


async def test_a_member_of_a_group_has_no_messages_and_says_that_it_has_no_partition(nowhere: str) -> None:
    async with asyncio.timeout(20), Source.open(nowhere, "g", ["t"]) as source:
        assert await source.poll() == []
        await source.commit()
        with pytest.raises(KafkaError):
            await source.check()
        assert await source.poll() == []


async def test_how_far_topics_go_cannot_be_told(nowhere: str) -> None:
    async with asyncio.timeout(20), Progress.open(nowhere) as progress:
        for _ in range(2):
            with pytest.raises(Unavailable, match="Kafka does not answer"):
                await progress.ends(named(FIELDS))
            with pytest.raises(Unavailable):
                await progress.committed("search")
    with pytest.raises(Unavailable):
        async with Reader.open(nowhere, [FIELDS]):
            raise AssertionError("there is nothing to read")


@pytest.mark.parametrize("kind", [ClusterAuthorizationFailedError, GroupAuthorizationFailedError, TopicAuthorizationFailedError])
def test_a_right_that_is_missing_is_not_told_as_silence(kind: type[KafkaError]) -> None:
    with pytest.raises(Unavailable) as refused, away_is_unavailable():
        raise kind("a-name")
    assert refused.value.detail == (
        f"Kafka does not give this service a right that it needs ({kind.__name__}). What each needs is in docs/events/README.md."
    )


async def test_who_gave_up_waiting_leaves_nothing_half_done_to_the_next(mute: str) -> None:
    async with asyncio.timeout(20), Progress.open(mute) as progress:
        for _ in range(2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await progress.ends(named(FIELDS))


async def joined(servers: str) -> None:
    async with Source.open(servers, "g", ["t"]) as source:
        await source.poll()


async def sent(servers: str) -> None:
    async with Producer.open(servers, client_id="p") as producer:
        await producer.send([MESSAGE])


@pytest.mark.parametrize("work", [joined, sent])
async def test_who_is_told_to_stop_stops(mute: str, work: Callable[[str], Coroutine[None, None, None]]) -> None:
    working = asyncio.ensure_future(work(mute))
    await asyncio.wait([working], timeout=0.2)
    began = time.monotonic()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert time.monotonic() - began < 10
