"""Everything that is committed is sent, in the order of each key, whatever commits when and whoever is killed."""

import asyncio
from collections.abc import Iterable

import pytest
from asyncpg.transaction import Transaction

from common import outbox
from common.envelope import Message
from common.errors import Unavailable
from common.health import Health
from common.postgres import Connection, Database
from common.relay import Relay
from common.relay.rows import BATCH, Wait
from localstack.stack import Stack
from tests.common.relay.conftest import WAITING, Kafka, Sending, buffers_of_a_look, number, put, sending, told
from tests.support.api import eventually
from tests.support.postgres import fresh_schema, over_a_line


async def test_the_very_first_row_is_sent_though_a_relay_looked_and_noted_before_it(database: Database) -> None:
    kafka, something_else = Kafka(), "select count(pg_current_xact_id())"
    async with sending(database, kafka) as relay:
        for _ in range(2):
            await number(database, something_else)
            await relay.all()
            await relay.note()
        await put(database, told("x", 1))
        await relay.all()
    assert kafka.of("x") == [1]


@pytest.mark.parametrize("noted", [False, True], ids=["nothing noted meanwhile", "noted meanwhile"])
async def test_who_wrote_before_a_look_and_commits_after_it_is_sent(database: Database, noted: bool) -> None:
    kafka = Kafka()
    async with sending(database, kafka) as relay, database.connection() as late:
        for _ in range(2):
            async with late.transaction():
                await outbox.put(late, [told("late", len(kafka.of("late")) + 1)])
                for n in range(5):
                    await relay.all()
                    await put(database, *[told(f"early {n}", 1)] * n)
                    await relay.all()
                    if noted:
                        await relay.note()
                await relay.all()
            await relay.all()
            assert len(kafka.of("late")) == len(set(kafka.of("late")))
        assert kafka.of("late") == [1, 2]
        await relay.note()
    assert await number(database, WAITING) == 0


async def test_the_newest_transaction_which_no_snapshot_names_as_running_is_sent_though_an_older_one_ends_meanwhile(
    database: Database,
) -> None:
    kafka = Kafka()
    async with sending(database, kafka) as relay, database.connection() as older, database.connection() as newest:
        ends = [older.transaction(), newest.transaction()]
        for connection, transaction in zip((older, newest), ends, strict=True):
            await transaction.start()
            await outbox.put(connection, [told("x" if connection is older else "y", n) for n in range(1, 4)])
        for transaction in ends:
            for _ in range(3):
                await relay.all()
            await transaction.commit()
        await relay.all()
    assert (kafka.of("x"), kafka.of("y")) == ([1, 2, 3], [1, 2, 3])


async def test_a_key_s_order_is_that_of_its_ids_whatever_the_order_of_the_transactions(database: Database) -> None:
    kafka = Kafka()
    async with sending(database, kafka) as relay, database.connection() as first:
        async with first.transaction():
            await outbox.put(first, [told("other", 1)])
            await put(database, told("x", 1))
            await outbox.put(first, [told("x", 2)])
        await relay.all()
    assert (kafka.of("x"), kafka.of("other")) == ([1, 2], [1])


async def test_a_long_writing_transaction_holds_nobody_up_and_costs_a_look_nothing(database: Database) -> None:
    kafka = Kafka()
    async with sending(database, kafka) as relay, database.connection() as long:
        async with long.transaction():
            await outbox.put(long, [told("long", n) for n in range(1, 5001)])
            await relay.all()
            before = await buffers_of_a_look(relay)
            for n in range(10):
                await put(database, *(told(str(m), n + 1) for m in range(500)))
                assert await relay.all() == [500]
                await relay.note()
            assert await buffers_of_a_look(relay) <= before + 4
        assert await relay.all() == [BATCH, BATCH, 1000]
    assert kafka.of("long") == list(range(1, 5001))


async def test_what_was_rolled_back_is_not_sent(database: Database) -> None:
    kafka = Kafka()
    async with sending(database, kafka) as relay:
        async with database.transaction() as tx:
            await outbox.put(tx, [told("x", 1)])
            with pytest.raises(KeyError):
                async with tx.transaction():
                    await outbox.put(tx, [told("x", 2)])
                    raise KeyError
            async with tx.transaction():
                await outbox.put(tx, [told("x", 3)])
        with pytest.raises(KeyError):
            async with database.transaction() as tx:
                await outbox.put(tx, [told("y", 1)])
                raise KeyError
        await relay.all()
    assert (kafka.of("x"), kafka.of("y")) == ([1, 3], [])


async def test_a_backlog_is_sent_in_batches_by_whoever_comes_and_goes_on_in_its_middle(database: Database) -> None:
    kafka, small = Kafka(), [told(str(n % 7), n // 7 + 1) for n in range(2 * BATCH + 100)]
    async with database.connection() as late:
        transaction = late.transaction()
        await transaction.start()
        await outbox.put(late, [told("late", n) for n in range(1, BATCH + 101)])
        async with sending(database, kafka) as relay:
            assert await relay.all() == []
            await relay.note()
        await put(database, *small)
        await transaction.commit()
    async with sending(database, kafka) as relay:
        assert await relay.relay.send_once(relay.connection) == BATCH
        await relay.note()
    assert await number(database, WAITING) == 2 * BATCH + 200
    async with sending(database, kafka) as relay:
        await put(database, told("0", 10_000))
        assert await relay.all() == [BATCH, BATCH, 200, 1]
        await relay.note()
    assert await number(database, WAITING) == 0
    assert len(kafka.sent) == len(small) + BATCH + 101
    assert kafka.of("late") == list(range(1, BATCH + 101))
    for n in range(7):
        assert kafka.of(str(n)) == sorted(kafka.of(str(n)))


async def test_a_killed_relay_s_shards_are_taken_over_and_what_it_had_not_noted_is_sent_again(database: Database) -> None:
    kafka = Kafka()
    await put(database, *(told(str(n), 1) for n in range(100)))
    async with sending(database, kafka) as relay:
        await relay.all()
        await relay.note()
        await put(database, *(told(str(n), 2) for n in range(100)))
        await relay.all()
        async with sending(database, Kafka()) as second:
            assert await second.all() == []
    async with sending(database, kafka) as relay:
        await relay.all()
    assert {str(n): kafka.of(str(n)) for n in range(100)} == {str(n): [1, 2, 2] for n in range(100)}


async def test_shards_of_several_relays_come_together_in_one_that_is_left(database: Database) -> None:
    kafka = Kafka()
    async with sending(database, kafka, range(8)) as one:
        async with sending(database, kafka, range(8, 16)) as other:
            for version in range(1, 6):
                await put(database, *(told(str(n), version) for n in range(50)))
                await one.all()
                await one.note()
                if version < 4:
                    await other.all()
                    await other.note()
        left = Sending(database, one.connection, kafka)
        await left.relay.claim(one.connection)
        await left.all()
        await put(database, *(told(str(n), 6) for n in range(50)))
        assert await left.all() == [50]
    for n in range(50):
        assert kafka.of(str(n)) == [1, 2, 3, 4, 5, 6]


class Disturbed(Relay):
    """Before each of its looks somebody commits who ran at the last."""

    looks = 0
    others: Connection
    transaction: Transaction | None = None

    async def _set_out(self, connection: Connection, wait: Wait) -> bool:
        self.looks += 1
        if self.transaction is not None:
            await self.transaction.commit()
        self.transaction = self.others.transaction()
        await self.transaction.start()
        await self.others.execute("select pg_current_xact_id()")
        await number(
            self._database, "select count(pg_current_xact_id())"
        )  # a later one that is over: the snapshot names the first
        return await super()._set_out(connection, wait)


async def test_a_relay_that_has_nothing_to_send_looks_seldom_though_others_commit_all_the_time(database: Database) -> None:
    stop = asyncio.Event()
    async with database.connection() as others:
        relay = Disturbed(database, Kafka(), Health({}))
        relay.others = others
        running = asyncio.create_task(relay.run(stop))
        await asyncio.wait([running], timeout=1.5)  # by then it knows that nothing comes
        before = relay.looks
        await asyncio.wait([running], timeout=1)
        assert 0 < relay.looks - before <= 25
        stop.set()
        await running
        assert relay.transaction is not None
        await relay.transaction.rollback()


class Hesitant(Kafka):
    """Acknowledges nothing."""

    asked = broken_off = False

    async def send(self, messages: Iterable[Message]) -> None:
        self.asked = True
        try:
            await asyncio.Event().wait()
        finally:
            self.broken_off = True


async def test_a_relay_that_hears_nothing_of_its_database_any_more_breaks_off_what_kafka_has_not_taken(servers: Stack) -> None:
    kafka = Hesitant()
    async with fresh_schema(servers.postgres_dsn(None)) as dsn, over_a_line(dsn) as (line, database):
        await put(database, told("x", 1))
        running = asyncio.create_task(Relay(database, kafka, Health({}), ask_seconds=0.3).run(asyncio.Event()))
        try:
            await eventually(lambda: asyncio.sleep(0, kafka.asked), bool)
            await asyncio.wait([running], timeout=1.0)
            assert not kafka.broken_off, "it waits for Kafka as long as the database answers"
            line.hush()
            await asyncio.wait([running], timeout=5)
            assert (running.done(), kafka.broken_off) == (True, True)
            with pytest.raises(Unavailable, match="connection"):
                await running
        finally:
            line.speak()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
