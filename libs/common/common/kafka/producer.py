"""Sending: acknowledged, in order, none twice."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError, RecordListTooLargeError

from common.envelope import Message, MessageTooLarge, encode_headers
from common.partition import SHARDS, partition_of

MOST_BYTES = 4 * 1024 * 1024
"""Of one message with its key and headers; the broker's `message.max.bytes` is the same."""


class Producer:
    """Sends messages, acknowledged by all in-sync replicas, in their order per key, none twice by a retry of the client's."""

    def __init__(self, client: AIOKafkaProducer) -> None:
        self._client = client

    @classmethod
    @asynccontextmanager
    async def open(cls, servers: str, *, client_id: str) -> AsyncIterator["Producer"]:
        """Connected; flushed and closed at the end."""
        client = AIOKafkaProducer(
            bootstrap_servers=servers, client_id=client_id, acks="all", enable_idempotence=True, linger_ms=0,
            max_batch_size=256 * 1024, max_request_size=MOST_BYTES, request_timeout_ms=20_000,
        )  # fmt: skip
        await client.start()
        try:
            yield cls(client)
        finally:
            await client.stop()

    async def send(self, messages: Iterable[Message], *, partitions: int = SHARDS) -> None:
        """Send all, in their order per partition, and wait for every acknowledgement. Raises KafkaError when one is not had,
        and MessageTooLarge where Kafka will never take one of them; others may have been taken then.

        Whole batches are handed over, one future each: a future for each message costs more than all the rest.
        """
        waiting: dict[tuple[str, int], list[Message]] = {}
        for message in messages:
            known = message.partition
            partition = partition_of(message.key, partitions) if known is None else known
            waiting.setdefault((message.topic, partition), []).append(message)
        batches = [(topic, partition, batch) for (topic, partition), kept in waiting.items() for batch in self._batches(kept)]
        acknowledgements = [
            await self._client.send_batch(batch, topic, partition=partition) for topic, partition, batch in batches
        ]
        answers = await asyncio.gather(*acknowledgements, return_exceptions=True)
        for error in answers:
            if isinstance(error, MessageSizeTooLargeError | RecordListTooLargeError):
                raise MessageTooLarge from error
            if isinstance(error, BaseException):
                raise error

    def _batches(self, messages: Sequence[Message]) -> Iterator[Any]:
        """The messages in as few batches as hold them; an empty batch takes one of any size. Raises MessageTooLarge."""
        batch = self._client.create_batch()
        for message in messages:
            record = {"key": message.key.encode(), "value": message.value, "headers": encode_headers(message.headers)}
            if batch.append(timestamp=None, **record) is None:
                yield batch
                batch = self._client.create_batch()
                batch.append(timestamp=None, **record)
            if batch.size() > MOST_BYTES:  # found before it is sent: a refusal by Kafka would confuse the producer's sequence
                raise MessageTooLarge
        yield batch

    async def check(self) -> None:
        """Raises where Kafka does not answer."""
        await self._client.client.fetch_all_metadata()
