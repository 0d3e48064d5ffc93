"""Reading topics from their beginning, on one's own."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from common.clock import from_millis
from common.envelope import Delivered, decode_headers
from common.kafka.away import away_is_unavailable
from common.kafka.connecting import Where, options, start
from common.kafka.producer import MOST_BYTES

Places = Mapping[tuple[str, int], int]
"""An offset for each (topic, partition)."""


class Reader:
    """Reads topics from their beginning, on its own: no group's place is moved by it, and it has every partition."""

    def __init__(self, client: AIOKafkaConsumer, begins: Places) -> None:
        self._client = client
        self._begins = begins

    @classmethod
    @asynccontextmanager
    async def open(cls, servers: Where, topics: Sequence[str]) -> AsyncIterator["Reader"]:
        """At the first message that each partition still holds. Raises Unavailable."""
        with away_is_unavailable():
            given = options(servers)
        client = AIOKafkaConsumer(
            *topics, **given, auto_offset_reset="earliest", enable_auto_commit=False, max_partition_fetch_bytes=MOST_BYTES
        )
        try:
            with away_is_unavailable():
                await start(client, servers)
                partitions = list(client.assignment())
                begins = await client.beginning_offsets(partitions)
            yield cls(client, {(p.topic, p.partition): begins[p] for p in partitions})
        finally:
            await client.stop()

    @property
    def begins(self) -> Places:
        """The first offset of each (topic, partition)."""
        return self._begins

    async def ends(self) -> Places:
        """For each (topic, partition) the next offset that will be written. Raises Unavailable."""
        with away_is_unavailable():
            ends = await self._client.end_offsets(list(self._client.assignment()))
        return {(p.topic, p.partition): end for p, end in ends.items()}

    async def poll(self, *, most: int = 2000, wait_ms: int = 200) -> list[Delivered]:
        """Up to `most` messages, in order per partition; empty after `wait_ms` without any."""
        return delivered(await self._client.getmany(timeout_ms=wait_ms, max_records=most))

    async def behind(self, ends: Places) -> int:
        """How many offsets lie between what was polled and these ends; compaction leaves fewer messages than offsets."""
        left = 0
        for (topic, partition), end in ends.items():
            left += max(0, end - await self._client.position(TopicPartition(topic, partition)))
        return left


def delivered(batches: Mapping[TopicPartition, Sequence[Any]]) -> list[Delivered]:
    """What the client has read, in order per partition."""
    return [
        Delivered(
            r.topic, r.partition, r.offset, (r.key or b"").decode(errors="replace"), r.value, decode_headers(r.headers),
            from_millis(r.timestamp),
        )
        for records in batches.values()
        for r in records
    ]  # fmt: skip
