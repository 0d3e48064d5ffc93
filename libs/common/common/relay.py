"""Sends the outbox to Kafka and deletes what is acknowledged; several relays share the shards."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, Protocol

import asyncpg

from common.envelope import Message, MessageTooLarge
from common.errors import Unavailable
from common.health import Health
from common.loop import moving
from common.partition import SHARDS
from common.postgres import Database
from common.telemetry import ASIDE, RELAYED, log

_BATCH, _BYTES = 2000, 16 * 1024 * 1024
# Looks often while rows keep coming, and ever less often, up to a limit that a person does not notice, once they stop.
_BUSY_SECONDS, _IDLE_SECONDS, _SLOWER = 0.002, 0.05, 1.2
_CLAIM_SECONDS, _AWAY_SECONDS = 2.0, 1.0

# Advisory locks are the database's, not the schema's: the service's schema is part of the lock's first half.
_HOLD = "select pg_try_advisory_lock(hashtext('outbox ' || current_schema()), $1)"
_TAKE = """
with first as (
    select id, coalesce(octet_length(value), 0) as size from outbox where shard = any($1::smallint[]) order by id limit $2
), taken as (
    select id from (select id, sum(size) over (order by id) - size as before from first) summed where before < $3
)
delete from outbox o using taken t where o.id = t.id returning o.id, o.shard, o.topic, o.key, o.value, o.headers
"""
_PUT_ASIDE = """
insert into outbox_aside (id, shard, topic, key, value, headers, reason) values ($1, $2, $3, $4, $5, $6, $7)
"""
_FORGET = "delete from outbox_aside where key = any($1::text[])"


class Sink(Protocol):
    """Where messages go: `common.kafka.Producer`, or what a benchmark puts beside it."""

    def send(self, messages: Iterable[Message]) -> Coroutine[Any, Any, None]:
        """Send all, in their order per key; done when every one is acknowledged. Raises MessageTooLarge, Unavailable."""
        ...


class Relay:
    """One relay. It holds shards by advisory lock on one connection, so that a shard's rows are sent by one relay, in order.

    It never goes by a sequence number (transactions commit out of order, and a cursor would lose rows): what is there is
    sent, and deleted after Kafka's acknowledgement. So a kill in between sends again, and readers are idempotent by version.
    A row that Kafka finds too large is put aside, until its key's tombstone: one row must not hold up all the others.
    """

    def __init__(self, database: Database, producer: Sink, health: Health, *, shards: Sequence[int] = range(SHARDS)) -> None:
        self._database = database
        self._producer = producer
        self._health = health
        self._wanted = list(shards)
        self._held: set[int] = set()
        health.beat("relay")

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until told to stop. While Kafka is away the rows stay and it waits.

        Losing the database's connection loses the locks and ends the process, which starts anew.
        """
        loop = asyncio.get_running_loop()
        async with self._database.connection() as connection:
            claim_at, pause = 0.0, _BUSY_SECONDS
            while not stop.is_set():
                self._health.beat("relay")
                if loop.time() >= claim_at and len(self._held) < len(self._wanted):
                    await self.claim(connection)
                    claim_at = loop.time() + _CLAIM_SECONDS
                if await self._send_if_kafka_answers(connection):
                    pause = _BUSY_SECONDS
                else:
                    await asyncio.sleep(pause)
                    pause = min(pause * _SLOWER, _IDLE_SECONDS)

    async def _send_if_kafka_answers(self, connection: "asyncpg.Connection[asyncpg.Record]") -> int:
        try:
            return await self.send_once(connection)
        except Unavailable as error:
            log.warning("waiting for Kafka", reason=error.detail)
            self._health.wait("relay", error.detail)
            await asyncio.sleep(_AWAY_SECONDS)
            return 0

    async def claim(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        """Take the shards that nobody holds."""
        for shard in self._wanted:
            if shard not in self._held and await connection.fetchval(_HOLD, shard):
                self._held.add(shard)
        log.info("shards held", count=len(self._held))

    async def send_once(self, connection: "asyncpg.Connection[asyncpg.Record]") -> int:
        """Send one batch of the held shards; answers how many rows it was."""
        if not self._held:
            return 0
        # Taken in a transaction that is committed after the acknowledgement: one statement instead of two; a kill gives all back.
        async with connection.transaction():
            rows = sorted(await connection.fetch(_TAKE, sorted(self._held), _BATCH, _BYTES), key=lambda r: r["id"])
            if rows:
                try:
                    await moving(self._producer.send(map(_message, rows)), self._health, "relay", "Kafka does not answer")
                except MessageTooLarge:
                    await self._send_one_by_one(connection, rows)
            # Who erases does not see what is put aside here meanwhile; but its tombstone comes after it, the last of its key.
            if ended := [row["key"] for row in rows if row["value"] is None]:
                await connection.execute(_FORGET, ended)
        for topic, count in Counter(row["topic"] for row in rows).items():
            RELAYED.labels(topic).inc(count)
        return len(rows)

    async def _send_one_by_one(self, connection: "asyncpg.Connection[asyncpg.Record]", rows: Iterable[asyncpg.Record]) -> None:
        for row in rows:
            try:
                await moving(self._producer.send([_message(row)]), self._health, "relay", "Kafka does not answer")
            except MessageTooLarge as error:
                size = len(row["value"] or b"")
                await connection.execute(
                    _PUT_ASIDE, row["id"], row["shard"], row["topic"], row["key"], row["value"], row["headers"],
                    f"{type(error).__name__}: {size} bytes",
                )  # fmt: skip
                ASIDE.labels(row["topic"]).inc()
                log.error("a message that Kafka finds too large is put aside", topic=row["topic"], row=row["id"], bytes=size)


def _message(row: asyncpg.Record) -> Message:
    return Message(row["topic"], row["key"], row["value"], row["headers"], row["shard"])
