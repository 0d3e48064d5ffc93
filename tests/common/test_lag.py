"""What the metrics say of a consumer: how far it is behind by what it has recorded, also while it reads nothing."""

import asyncio
from uuid import uuid4

import pytest
from aiokafka.errors import KafkaError

from common.envelope import UnreadableMessage
from common.health import Health
from common.kafka import DeadLetters, Producer, Source, create_topics
from common.topics import Topic, dead_letter_topic
from localstack.stack import Stack
from tests.common.relay.conftest import told


async def lags(source: Source) -> list[int]:
    """Of each partition, in their order."""
    readings = [r for r in await source.figures() if r.figure.name == "dangol_consumer_lag_messages"]
    return [int(r.value) for r in sorted(readings, key=lambda r: int(r.labels[1]))]


async def test_what_is_polled_is_behind_until_it_is_recorded(servers: Stack) -> None:
    topic = f"test.{uuid4().hex[:12]}"
    await create_topics(servers.kafka, [Topic(topic, partitions=3), Topic(dead_letter_topic(topic), partitions=1)])
    async with (
        asyncio.timeout(60),
        Producer.open(servers.kafka, client_id="test") as producer,
        Source.open(servers.kafka, topic, [topic]) as source,
    ):
        with pytest.raises(KafkaError):
            await source.figures()
        await producer.send([told(str(n), 1, topic=topic) for n in range(20)], partitions=3)
        polled = 0
        while polled < 20:
            polled += len(await source.poll())
        assert sum(await lags(source)) == 20
        await source.commit()
        assert await lags(source) == [0, 0, 0]
        await producer.send([told(str(n), 2, topic=topic) for n in range(20)], partitions=3)  # and nobody polls
        behind = await lags(source)
        assert (sum(behind), min(behind) > 0) == (20, True)

        (kept,) = await source.letters()
        assert kept.value == 0
        record = (await source.poll(wait_ms=5000))[0]
        await DeadLetters(producer, topic, Health({})).put(record, UnreadableMessage("it says bad"))
        (kept,) = await source.letters()
        assert (kept.labels, kept.value) == ((dead_letter_topic(topic),), 1)
    async with asyncio.timeout(60), Source.open(servers.kafka, topic, [topic]) as another:
        while not await another.poll():  # what the first had recorded is where this one begins
            pass
        assert sum(await lags(another)) == 20
