"""How far topics go and how far a group has read them, asked again and again over one connection."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from common.kafka.away import away_is_unavailable
from common.kafka.connecting import Where, options, start
from common.kafka.reader import Places
from common.topics import Topic

_REQUEST_SECONDS = 5


class Progress:
    """Asks Kafka; connected when first asked, and anew after it did not answer."""

    def __init__(self, servers: Where) -> None:
        self._servers = servers
        self._clients: tuple[AIOKafkaAdminClient, AIOKafkaConsumer] | None = None
        self._alone = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def open(cls, servers: Where) -> AsyncIterator["Progress"]:
        """Closed at the end."""
        made = cls(servers)
        try:
            yield made
        finally:
            await made._close()

    async def ends(self, topics: Sequence[Topic]) -> Places:
        """For each (topic, partition) the next offset that will be written. Raises Unavailable."""
        wanted = [TopicPartition(topic.name, partition) for topic in topics for partition in range(topic.partitions)]
        async with self._asking() as (_, client):
            return {(p.topic, p.partition): end for p, end in (await client.end_offsets(wanted)).items()}

    async def committed(self, group: str) -> Places:
        """For each (topic, partition) the next offset that the group will read. Raises Unavailable."""
        async with self._asking() as (admin, _):
            try:
                offsets = await admin.list_consumer_group_offsets(group)
            except GroupCoordinatorNotAvailableError:  # before any group has ever been there
                return {}
            return {(p.topic, p.partition): o.offset for p, o in offsets.items()}

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[tuple[AIOKafkaAdminClient, AIOKafkaConsumer]]:
        async with self._alone:
            try:
                with away_is_unavailable():
                    if self._clients is None:
                        await self._connect()
                    assert self._clients is not None
                    yield self._clients
            except BaseException:  # whoever gave up waiting leaves a client behind that may be half connected
                await self._close()
                raise

    async def _connect(self) -> None:
        given: dict[str, Any] = options(self._servers) | {"request_timeout_ms": _REQUEST_SECONDS * 1000}
        admin, client = AIOKafkaAdminClient(**given), AIOKafkaConsumer(**given)
        self._clients = admin, client
        await start(admin, self._servers)
        await start(client, self._servers)

    async def _close(self) -> None:
        clients, self._clients = self._clients, None
        if clients is not None:
            admin, client = clients
            await admin.close()
            await client.stop()
