"""Kafka, the only module that knows its client: topics, a producer, a consumer-group source, dead letters."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    CommitFailedError,
    GroupCoordinatorNotAvailableError,
    IllegalStateError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAlreadyExistsError,
)

from common.clock import from_millis
from common.envelope import Delivered, Message, MessageTooLarge, UnreadableMessage, decode_headers, encode_headers
from common.partition import SHARDS, partition_of
from common.telemetry import DEAD_LETTERS, LAG, log
from common.topics import TOPICS, Topic, dead_letter_topic

MOST_BYTES = 4 * 1024 * 1024
"""Of one message with its key and headers; the broker's `message.max.bytes` is the same."""


async def create_topics(servers: str, topics: Sequence[Topic] = TOPICS, *, replicas: int = 1) -> None:
    """Make those of the topics that are not there yet."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        there = set(await admin.list_topics())
        new = [NewTopic(t.name, t.partitions, replicas, topic_configs=dict(t.config)) for t in topics if t.name not in there]
        if new:
            try:
                await admin.create_topics(new)
            except TopicAlreadyExistsError:
                log.info("topics were made by another process just now")
    finally:
        await admin.close()


async def answers(servers: str) -> bool:
    """Whether the brokers can be talked to."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers, request_timeout_ms=5000)
    try:
        await admin.start()
        await admin.list_topics()
    except (KafkaError, OSError):
        return False
    finally:
        await admin.close()
    return True


async def bounds(servers: str, topics: Sequence[str]) -> dict[tuple[str, int], tuple[int, int]]:
    """For each (topic, partition) the first offset that is kept and the next that will be written."""
    client = AIOKafkaConsumer(*topics, bootstrap_servers=servers)  # without a group it has every partition at once
    try:
        await client.start()
        partitions = list(client.assignment())
        begins, ends = await client.beginning_offsets(partitions), await client.end_offsets(partitions)
    finally:
        await client.stop()
    return {(p.topic, p.partition): (begins[p], end) for p, end in ends.items()}


async def committed(servers: str, groups: Sequence[str]) -> dict[str, dict[tuple[str, int], int]]:
    """For each group and (topic, partition) the next offset that the group will read, as committed in Kafka."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    found: dict[str, dict[tuple[str, int], int]] = {}
    try:
        await admin.start()
        for group in groups:
            offsets = await admin.list_consumer_group_offsets(group)
            found[group] = {(p.topic, p.partition): o.offset for p, o in offsets.items()}
    except GroupCoordinatorNotAvailableError:  # before any group has ever been there
        return {group: {} for group in groups}
    finally:
        await admin.close()
    return found


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


class Stalled(Exception):
    """Messages wait but none has come for a minute: the client is stuck, and only a new start helps."""


Positions = Callable[[Sequence[tuple[str, int]]], Awaitable[Mapping[tuple[str, int], int]]]
"""For (topic, partition) pairs just assigned, the next offset of each that the reader's own store knows."""

Places = Mapping[tuple[str, int], int]
"""An offset for each (topic, partition)."""

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
        return _delivered(batches)

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


class Reader:
    """Reads topics from their beginning, on its own: no group's place is moved by it, and it has every partition."""

    def __init__(self, client: AIOKafkaConsumer, begins: Places) -> None:
        self._client = client
        self._begins = begins

    @classmethod
    @asynccontextmanager
    async def open(cls, servers: str, topics: Sequence[str]) -> AsyncIterator["Reader"]:
        """At the first message that each partition still holds."""
        client = AIOKafkaConsumer(
            *topics, bootstrap_servers=servers, auto_offset_reset="earliest", enable_auto_commit=False,
            max_partition_fetch_bytes=MOST_BYTES,
        )  # fmt: skip
        await client.start()
        try:
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
        """For each (topic, partition) the next offset that will be written."""
        ends = await self._client.end_offsets(list(self._client.assignment()))
        return {(p.topic, p.partition): end for p, end in ends.items()}

    async def poll(self, *, most: int = 2000, wait_ms: int = 200) -> list[Delivered]:
        """Up to `most` messages, in order per partition; empty after `wait_ms` without any."""
        return _delivered(await self._client.getmany(timeout_ms=wait_ms, max_records=most))

    async def behind(self, ends: Places) -> int:
        """How many offsets lie between what was polled and these ends; compaction leaves fewer messages than offsets."""
        left = 0
        for (topic, partition), end in ends.items():
            left += max(0, end - await self._client.position(TopicPartition(topic, partition)))
        return left


def _delivered(batches: Mapping[TopicPartition, Sequence[Any]]) -> list[Delivered]:
    return [
        Delivered(
            r.topic, r.partition, r.offset, (r.key or b"").decode(errors="replace"), r.value, decode_headers(r.headers),
            from_millis(r.timestamp),
        )
        for records in batches.values()
        for r in records
    ]  # fmt: skip


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


class TooManyDeadLetters(Exception):
    """So many messages are not understood that the reader itself must be at fault; it stops before it drains the topic."""


_ORIGIN = ("dlq_reason", "dlq_topic", "dlq_partition", "dlq_offset")


class DeadLetters:
    """Puts aside what can never be understood, with the reason and where it came from, up to `limit` a minute."""

    def __init__(self, producer: Producer, group: str, *, limit: int = 100) -> None:
        self._producer = producer
        self._topic = dead_letter_topic(group)
        self._limit = limit
        self._recent: deque[float] = deque()

    async def put(self, record: Delivered, reason: UnreadableMessage) -> None:
        """Keep the record. Raises TooManyDeadLetters beyond the limit."""
        now = time.monotonic()
        while self._recent and now - self._recent[0] > 60:
            self._recent.popleft()
        if len(self._recent) >= self._limit:
            raise TooManyDeadLetters(f"more than {self._limit} messages within a minute were not understood")
        self._recent.append(now)
        values = (str(reason), record.topic, str(record.partition), str(record.offset))
        origin = dict(zip(_ORIGIN, values, strict=True))
        letter = Message(self._topic, record.key, record.value, record.headers | origin)
        await self._producer.send([letter], partitions=1)
        DEAD_LETTERS.labels(record.topic).inc()
        log.error("a message was put aside", **origin)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Why a message was put aside, and the message as it had arrived."""

    reason: str
    record: Delivered


def dead_letter(letter: Delivered) -> DeadLetter:
    """Read a message of a dead letters' topic. One that nobody of ours wrote there stands for itself."""
    reason, topic, partition, offset = (letter.headers.get(name, "") for name in _ORIGIN)
    headers = {name: value for name, value in letter.headers.items() if name not in _ORIGIN}
    if not (partition.isdecimal() and offset.isdecimal()):
        return DeadLetter("it does not say where it comes from", letter)
    return DeadLetter(reason, Delivered(topic, int(partition), int(offset), letter.key, letter.value, headers))
