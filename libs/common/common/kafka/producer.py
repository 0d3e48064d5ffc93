"""Sending: acknowledged, in order, none twice."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from common.envelope import SAFE_BYTES, Message, MessageTooLarge, encode_headers
from common.kafka.away import away_is_unavailable
from common.kafka.connecting import Where, options, start
from common.partition import SHARDS, partition_of

MOST_BYTES = 4 * 1024 * 1024
"""Of one message with its key and headers; the broker's `message.max.bytes` is the same."""
_LEAVE_SECONDS = 3.0


class Producer:
    """Sends messages, acknowledged by all in-sync replicas, in their order per key, none twice by a retry of the client's."""

    def __init__(self, servers: Where, client_id: str) -> None:
        self._servers = servers
        self._client_id = client_id
        self._client: AIOKafkaProducer | None = None
        self._alone = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def open(cls, servers: Where, *, client_id: str) -> AsyncIterator["Producer"]:
        """Connected when it first sends, so that a process starts while Kafka is away; closed at the end."""
        made = cls(servers, client_id)
        try:
            yield made
        finally:
            await made._leave()

    async def send(self, messages: Iterable[Message], *, partitions: int = SHARDS) -> None:
        """Send all, in their order per partition, and wait for every acknowledgement, however long Kafka is away meanwhile.

        Raises MessageTooLarge where Kafka will never take one of them, and Unavailable where it can't be reached at all or gives
        an acknowledgement up; others may have been taken then. What was not acknowledged is not sent by itself any more, nor
        what a cancellation broke off.
        """
        with away_is_unavailable():
            try:
                await self._send(await self._connected(), messages, partitions)
            except (KafkaError, OSError):
                await self._leave()
                raise
            except asyncio.CancelledError:
                await self._break_off()
                raise

    async def _connected(self) -> AIOKafkaProducer:
        async with self._alone:
            if self._client is None:
                client = AIOKafkaProducer(
                    **options(self._servers), client_id=self._client_id, acks="all", enable_idempotence=True,
                    linger_ms=0, max_batch_size=256 * 1024, max_request_size=MOST_BYTES, request_timeout_ms=20_000,
                )  # fmt: skip
                try:
                    await start(client, self._servers)
                except BaseException:
                    await client.stop()
                    raise
                self._client = client
            return self._client

    async def _leave(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await _stop(client)

    async def _break_off(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            requests: asyncio.Task[None] | None = client._sender.sender_task
            if requests is not None:
                requests.cancel()  # none begins any more; there is no other way to say so
            await client.client.close()
            await _stop(client)

    async def _send(self, client: AIOKafkaProducer, messages: Iterable[Message], partitions: int) -> None:
        """Whole batches are handed over, one future each: a future for each message costs more than all the rest."""
        waiting: defaultdict[tuple[str, int], list[Message]] = defaultdict(list)
        for message in messages:
            known = message.partition
            partition = partition_of(message.key, partitions) if known is None else known
            waiting[message.topic, partition].append(message)
        batches = [(topic, partition, batch) for (topic, partition), kept in waiting.items() for batch in _batches(client, kept)]
        acknowledgements: list[Awaitable[Any]] = []
        try:
            for topic, partition, batch in batches:
                acknowledgements.append(await client.send_batch(batch, topic, partition=partition))
        except KafkaError:  # none is left behind that would be sent later, after what is sent next
            await asyncio.gather(*acknowledgements, return_exceptions=True)
            raise
        for error in await asyncio.gather(*acknowledgements, return_exceptions=True):
            if isinstance(error, MessageSizeTooLargeError | RecordListTooLargeError):
                raise MessageTooLarge from error
            if isinstance(error, BaseException):
                raise error

    async def check(self) -> None:
        """Raises where Kafka does not answer."""
        await (await self._connected()).client.fetch_all_metadata()


async def _stop(client: AIOKafkaProducer) -> None:
    # It would wait for what it still holds as long as Kafka is away; who sent that was told that it failed, or ends.
    with suppress(TimeoutError):
        async with asyncio.timeout(_LEAVE_SECONDS):
            await client.stop()


def _batches(client: AIOKafkaProducer, messages: Sequence[Message]) -> Iterator[Any]:
    """The messages in as few batches as hold them; an empty batch takes one of any size. Raises MessageTooLarge."""
    batch = client.create_batch()
    append, now = batch.append, int(time.time() * 1000)
    for _, key, value, headers, _ in messages:
        record = {"timestamp": now, "key": key.encode(), "value": value, "headers": encode_headers(headers)}
        appended = append(**record)
        if appended is None:
            yield batch
            batch = client.create_batch()
            append = batch.append
            appended = append(**record)
            assert appended is not None, "an empty batch takes one of any size"
        # Found before it is sent: a refusal by Kafka would confuse the producer's sequence.
        if appended.size > SAFE_BYTES and batch.size() > MOST_BYTES:
            raise MessageTooLarge
    yield batch
