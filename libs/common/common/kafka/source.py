"""Reading as a member of a consumer group."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from common.envelope import Delivered
from common.figures import Figure, Reading
from common.kafka.connecting import Where, options, start, words
from common.kafka.producer import MOST_BYTES
from common.kafka.reader import delivered
from common.loop import Outage
from common.telemetry import log
from common.topics import dead_letter_topic

Positions = Callable[[Sequence[tuple[str, int]]], Awaitable[Mapping[tuple[str, int], int]]]
"""For (topic, partition) pairs just assigned, the next offset of each that the reader's own store knows."""

_LAG = Figure(
    "dangol_consumer_lag_messages", "Messages of a partition of this process which are not yet applied and noted.",
    ("topic", "partition"),
)  # fmt: skip
_PARTITIONS = Figure("dangol_consumer_partitions", "Partitions that have been given to this process.")
_LETTERS = Figure("dangol_dead_letters_kept", "Messages in the topic of those put aside, looked at or not.", ("topic",))

_WATCH_SECONDS = 15.0
_STALL_SECONDS = 60.0
_AGAIN_SECONDS = 1.0
_ANSWER_SECONDS = 5.0
# Together below the patience of health, which hears of the loop again only after both.
_JOIN_SECONDS, _LEAVE_SECONDS = 30.0, 45.0
_PART_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class _Polled:
    """The next offset of each partition that is polled, and in which assignment of partitions that was."""

    assignment: int
    offsets: Mapping[TopicPartition, int]


class Source:
    """A member of a consumer group. While Kafka is away it has no messages; it goes on by itself when that is back."""

    def __init__(self, make: Callable[[], AIOKafkaConsumer], servers: Where, letters: str) -> None:
        self._servers = servers
        self._make = make
        self._letters = letters
        self._client: AIOKafkaConsumer | None = None
        self._assignments = 0
        self._polled = _Polled(0, {})
        self._owed: _Polled | None = None
        self._recorded: dict[TopicPartition, int] = {}
        self._outage = Outage("kafka")
        self._recording = asyncio.Lock()
        self._moved = self._watched = time.monotonic()

    @classmethod
    @asynccontextmanager
    async def open(
        cls, servers: Where, group: str, topics: Sequence[str], *, positions: Positions | None = None, member: str | None = None
    ) -> AsyncIterator["Source"]:
        """A member, joined when it first polls. With `positions` the reader's own store says where each partition goes on.

        `member` is a name that the process has again when it is started anew: after a kill it goes on with the partitions that it
        had as soon as it joins, where a nameless one waits until Kafka gives up the one before it.
        """

        def make() -> AIOKafkaConsumer:
            client = AIOKafkaConsumer(
                **options(servers), group_id=group, group_instance_id=member, client_id=group,
                auto_offset_reset="earliest", enable_auto_commit=False, max_poll_interval_ms=300_000, session_timeout_ms=10_000,
                heartbeat_interval_ms=3_000, fetch_max_wait_ms=500, max_partition_fetch_bytes=MOST_BYTES,
                metadata_max_age_ms=15_000,
            )  # fmt: skip
            client.subscribe(list(topics), listener=_Resume(client, positions, source._partitions_move))
            return client

        source = cls(make, servers, dead_letter_topic(group))
        try:
            yield source
        finally:
            await source._part()

    async def poll(self, *, most: int = 2000, wait_ms: int = 200) -> list[Delivered]:
        """Up to `most` messages, in order per partition; empty after `wait_ms` without any, or while Kafka is away.

        Raises TimeoutError where a client that is to be replaced does not end: it would keep its partitions.
        """
        if self._client is None and not await self._join():
            await asyncio.sleep(_AGAIN_SECONDS)
            return []
        assert self._client is not None
        if self._owed:
            await self._record(self._owed)
        client = self._client
        try:
            batches = await client.getmany(timeout_ms=wait_ms, max_records=most)
            # Of a partition of which nothing has ever come it may not be known yet where it is to be read.
            begun = [each for each in client.assignment() if client.highwater(each) is not None]
            self._polled = _Polled(self._assignments, {each: await client.position(each) for each in begun})
        except KafkaError as error:
            self._outage.met(f"reading failed, the group is joined anew: {type(error).__name__}")
            await self._leave()
            await asyncio.sleep(_AGAIN_SECONDS)
            return []
        now = time.monotonic()
        if batches:  # while Kafka is away there are none, and no error
            self._outage.over()
            self._moved = now
        if now - self._watched > _WATCH_SECONDS:
            await self._watch()
        return delivered(batches)

    def applied(self) -> Callable[[], Awaitable[None]]:
        """What records, whenever it is done, that everything polled until now is applied.

        While Kafka is away this is owed, and done when it is polled next. What is nobody's any more, since the partitions have
        moved, is read and applied again by who has them now.
        """
        return partial(self._record, self._polled)

    async def commit(self) -> None:
        """Record that everything polled until now is applied."""
        await self._record(self._polled)

    async def _record(self, polled: _Polled) -> None:
        async with self._recording:  # one after the other, so that nothing is recorded after what came later
            if self._client is None:
                return
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    if offsets := await self._to_record(self._client, polled):
                        await self._client.commit(offsets)
                        self._recorded |= offsets
                        self._outage.over()
            except (CommitFailedError, IllegalStateError) as error:
                self._owed = None
                log.warning("offsets were not committed; the partitions moved", reason=type(error).__name__)
            except (KafkaError, TimeoutError) as error:
                self._owed = polled
                self._outage.met(f"offsets are not committed yet: {type(error).__name__}")
            else:
                self._owed = None

    def _partitions_move(self) -> None:
        self._assignments += 1
        self._recorded = {}

    async def _to_record(self, client: AIOKafkaConsumer, polled: _Polled) -> dict[TopicPartition, int]:
        if polled.assignment == self._assignments:
            return dict(polled.offsets)
        # Partitions may have come back from another member, who has gone on: what is recorded never goes back.
        ours = client.assignment()
        return {p: to for p, to in polled.offsets.items() if p in ours and to > (await client.committed(p) or 0)}

    async def check(self) -> None:
        """Raises where Kafka does not answer, or no partition is assigned."""
        if self._client is None or not self._client.assignment():
            raise KafkaError("no partition is assigned yet")
        await self._client.topics()

    async def _join(self) -> bool:
        try:
            self._client = self._make()
            async with asyncio.timeout(_JOIN_SECONDS):
                await start(self._client, self._servers)
        except (KafkaError, OSError) as error:  # a time-out is an OSError
            self._outage.met(words(error))
            await self._leave()
            return False
        self._outage.over()
        self._moved = self._watched = time.monotonic()
        return True

    async def _leave(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            if isinstance(client._coordinator, GroupCoordinator):
                # With a name it would not say that it leaves: its partitions would wait for it.
                client._coordinator._group_instance_id = None
            async with asyncio.timeout(_LEAVE_SECONDS):
                await client.stop()

    async def _part(self) -> None:
        """Leave for good. Where Kafka does not answer it finds out by itself that this member is gone."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PART_SECONDS):
                await self._leave()

    async def _watch(self) -> None:
        """A client that gets nothing though messages wait is stuck: another takes its place."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                waiting = await self._not_polled()
        except (KafkaError, OSError) as error:
            self._outage.met(type(error).__name__)
            self._moved = self._watched = time.monotonic()
            return
        self._outage.over()
        self._watched = now = time.monotonic()
        if not waiting:
            self._moved = now
        elif now - self._moved > _STALL_SECONDS:
            log.error("messages wait and none comes; the group is joined anew", waiting=waiting)
            await self._leave()

    async def _not_polled(self) -> int:
        assert self._client is not None
        assigned = list(self._client.assignment())
        ends = await self._client.end_offsets(assigned) if assigned else {}
        return sum([max(0, end - await self._client.position(partition)) for partition, end in ends.items()])

    async def figures(self) -> Sequence[Reading]:
        """How far behind each partition is that this process has, by what is recorded. Raises where Kafka does not answer."""
        client = self._joined()
        assigned = list(client.assignment())
        ends = await client.end_offsets(assigned) if assigned else {}
        recorded = await self._recorded_until(client, assigned)
        lags = [(p, max(0, ends[p] - recorded[p])) for p in assigned]
        return [_PARTITIONS.at(len(lags)), *(_LAG.at(lag, p.topic, str(p.partition)) for p, lag in lags)]

    async def letters(self) -> Sequence[Reading]:
        """How many messages the group has put aside that are still kept. Raises where Kafka does not answer."""
        client, place = self._joined(), TopicPartition(self._letters, 0)
        begins, ends = await client.beginning_offsets([place]), await client.end_offsets([place])
        return [_LETTERS.at(ends[place] - begins[place], self._letters)]

    def _joined(self) -> AIOKafkaConsumer:
        if self._client is None:
            raise KafkaError("this process is no member of its group at the moment")
        return self._client

    async def _recorded_until(self, client: AIOKafkaConsumer, assigned: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        assignment = self._assignments
        asked = [p for p in assigned if p not in self._recorded]
        known = {p: at for p in asked if (at := await client.committed(p)) is not None}
        if new := [p for p in asked if p not in known]:
            known |= await client.beginning_offsets(new)
        if assignment == self._assignments:
            self._recorded = known | self._recorded
        return known | self._recorded


class _Resume(ConsumerRebalanceListener):  # type: ignore[misc]  # the client ships no types
    def __init__(self, client: AIOKafkaConsumer, positions: Positions | None, move: Callable[[], None]) -> None:
        self._client = client
        self._positions = positions
        self._move = move

    async def on_partitions_revoked(  # pyright: ignore[reportIncompatibleMethodOverride] - the client awaits coroutines
        self, revoked: Sequence[TopicPartition]
    ) -> None:
        self._move()
        log.info("partitions revoked", count=len(revoked))

    async def on_partitions_assigned(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, assigned: Sequence[TopicPartition]
    ) -> None:
        self._move()
        log.info("partitions assigned", count=len(assigned))
        if self._positions is not None:
            known = await self._positions([(p.topic, p.partition) for p in assigned])
            for (topic, partition), offset in known.items():
                self._client.seek(TopicPartition(topic, partition), offset)
