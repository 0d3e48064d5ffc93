"""Reading as a member of a consumer group."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from common.envelope import Delivered
from common.kafka.producer import MOST_BYTES
from common.kafka.reader import delivered
from common.telemetry import LAG, log


class Stalled(Exception):
    """Messages wait but none has come for a minute: the client is stuck, and only a new start helps."""


Positions = Callable[[Sequence[tuple[str, int]]], Awaitable[Mapping[tuple[str, int], int]]]
"""For (topic, partition) pairs just assigned, the next offset of each that the reader's own store knows."""

_WATCH_SECONDS = 15.0
_STALL_SECONDS = 60.0


class Source:
    """A member of a consumer group."""

    def __init__(self, client: AIOKafkaConsumer) -> None:
        self._client = client
        self._moved = self._watched = time.monotonic()

    @classmethod
    @asynccontextmanager
    async def open(
        cls, servers: str, group: str, topics: Sequence[str], *, positions: Positions | None = None
    ) -> AsyncIterator["Source"]:
        """Join the group. With `positions` the reader's own store says where each partition goes on."""
        client = AIOKafkaConsumer(
            bootstrap_servers=servers, group_id=group, client_id=group, auto_offset_reset="earliest",
            enable_auto_commit=False, max_poll_interval_ms=300_000, session_timeout_ms=10_000, heartbeat_interval_ms=3_000,
            fetch_max_wait_ms=500, max_partition_fetch_bytes=MOST_BYTES, metadata_max_age_ms=60_000,
        )  # fmt: skip
        client.subscribe(list(topics), listener=_Resume(client, positions))
        await client.start()
        try:
            yield cls(client)
        finally:
            await client.stop()

    async def poll(self, *, most: int = 2000, wait_ms: int = 200) -> list[Delivered]:
        """Up to `most` messages, in order per partition; empty after `wait_ms` without any. Raises Stalled."""
        batches = await self._client.getmany(timeout_ms=wait_ms, max_records=most)
        now = time.monotonic()
        if batches:
            self._moved = now
        if now - self._watched > _WATCH_SECONDS:
            self._watched = now
            await self._watch(now)
        return delivered(batches)

    async def commit(self) -> None:
        """Record that everything polled so far is applied. A lost partition is not an error: its next owner repeats."""
        try:
            await self._client.commit()
        except (CommitFailedError, IllegalStateError) as error:
            log.warning("offsets were not committed; the partitions moved", exc_info=error)

    @property
    def assigned(self) -> bool:
        """Whether the group has given this member its partitions (possibly none, with more members than partitions)."""
        return bool(self._client.assignment())

    async def check(self) -> None:
        """Raises where Kafka does not answer, or no partition is assigned."""
        if not self.assigned:
            raise KafkaError("no partition is assigned yet")
        await self._client.topics()

    async def lag(self) -> dict[str, int]:
        """Messages not yet polled, by topic."""
        assigned = list(self._client.assignment())
        ends = await self._client.end_offsets(assigned) if assigned else {}
        lag: dict[str, int] = {}
        for partition, end in ends.items():
            behind = max(0, end - await self._client.position(partition))
            lag[partition.topic] = lag.get(partition.topic, 0) + behind
        return lag

    async def _watch(self, now: float) -> None:
        lag = await self.lag()
        for topic, behind in lag.items():
            LAG.labels(topic).set(behind)
        if not any(lag.values()):
            self._moved = now
        elif now - self._moved > _STALL_SECONDS:
            raise Stalled(f"{sum(lag.values())} messages wait and none came for {_STALL_SECONDS:.0f} s")


class _Resume(ConsumerRebalanceListener):  # type: ignore[misc]  # the client ships no types
    def __init__(self, client: AIOKafkaConsumer, positions: Positions | None) -> None:
        self._client = client
        self._positions = positions

    async def on_partitions_revoked(  # pyright: ignore[reportIncompatibleMethodOverride] - the client awaits coroutines
        self, revoked: Sequence[TopicPartition]
    ) -> None:
        log.info("partitions revoked", count=len(revoked))

    async def on_partitions_assigned(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, assigned: Sequence[TopicPartition]
    ) -> None:
        log.info("partitions assigned", count=len(assigned))
        if self._positions is not None:
            known = await self._positions([(p.topic, p.partition) for p in assigned])
            for (topic, partition), offset in known.items():
                self._client.seek(TopicPartition(topic, partition), offset)
