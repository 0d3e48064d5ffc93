"""What else is asked of an outbox: erasure, waiting until all is sent, an upgrade, and a dump from another cluster."""

import asyncio
from collections.abc import Iterable
from importlib.resources import files

import asyncpg
import pytest

from common import outbox
from common.envelope import Message
from common.errors import Unavailable
from common.health import Health
from common.postgres import Database, migrate
from common.relay import Relay
from localstack.stack import Stack
from tests.common.relay.conftest import (
    KEPT,
    WAITING,
    Kafka,
    buffers,
    number,
    put,
    sending,
    told,
    turned,
)
from tests.support.postgres import fresh_schema


async def test_an_erasure_takes_rows_back_from_every_tray_by_its_index(database: Database) -> None:
    kafka = Kafka()
    async with sending(database, kafka) as relay:
        for version in range(1, 4):
            await put(database, *(told(str(n), version) for n in range(500)), told("7", version, topic="other"))
            await turned(relay)
            if version < 3:
                await relay.all()
        async with database.transaction() as tx:
            await outbox.take_back(tx, ["c/7", "c/8"], ["t"])
            left = await tx.fetch("select topic, count(*) as count from outbox where key = any('{c/7,c/8}') group by topic")
            assert [tuple(row) for row in left] == [("other", 3)]
            assert await tx.fetchval(KEPT) == 1503 - 6
            await tx.execute("set local enable_seqscan = off")
            assert await buffers(tx, outbox._TAKE_BACK, ["c/nobody"], ["t"]) < 60
        await relay.all()
    assert (kafka.of("7").count(3), kafka.of("8"), kafka.of("9")) == (1, [1, 2], [1, 2, 3])


async def test_messages_that_are_copied_in_for_their_number_stand_there_as_few_do(database: Database) -> None:
    """Their transaction has its number before they have ids, though it has written nothing else."""
    made = [told(f"이 \\ {n}", n, None if n % 7 == 0 else b'{"n":"\\\\N\\t%d"}' % n, topic=f"t{n % 3}") for n in range(1, 121)]
    async with database.transaction() as tx:
        await outbox.put(tx, made)
        copied = await tx.fetch("select * from outbox order by id")
        ours, before = await tx.fetchval("select pg_current_xact_id()"), await tx.fetchval("select last_value from outbox_id")
    async with database.transaction() as tx:
        for begin in range(0, 120, 10):
            await outbox.put(tx, made[begin : begin + 10])
        by_tens = await tx.fetch("select * from outbox where id > $1 order by id", before)
    assert [row["key"] for row in copied] == [m.key for m in made]
    assert {row["xid"] for row in copied} == {ours}
    told_of = ("tray", "shard", "topic", "key", "value", "headers")
    assert [[row[n] for n in told_of] for row in copied] == [[row[n] for n in told_of] for row in by_tens]
    kafka = Kafka()
    async with sending(database, kafka) as relay:
        await relay.all()
    assert [m.key for m in kafka.sent] == [m.key for m in made] * 2


async def test_who_waits_for_all_that_was_committed_waits_for_that_alone(database: Database) -> None:
    kafka, stop = Kafka(), asyncio.Event()
    async with database.connection() as long, database.connection() as connection, long.transaction():
        await outbox.put(long, [told("long", 1)])
        await outbox.all_sent(connection)
        await put(database, *(told(str(n), 1) for n in range(100)))
        asked = asyncio.create_task(outbox.all_sent(connection))
        done, _ = await asyncio.wait([asked], timeout=0.2)
        assert not done
        running = asyncio.create_task(Relay(database, kafka, Health({})).run(stop))
        async with asyncio.timeout(5):
            await asked
        assert len(kafka.sent) == 100
        stop.set()
        await running


async def test_rows_and_notes_that_came_by_a_dump_from_another_cluster_are_sent(database: Database) -> None:
    kafka = Kafka()
    await put(database, *(told(str(n), 1) for n in range(10)))
    async with sending(database, kafka) as relay:
        await relay.all()
        await relay.note()
    await put(database, *(told(str(n), 2) for n in range(10)))
    async with database.transaction() as tx:
        await tx.execute("update outbox set xid = '9000000000000000000'")
        await tx.execute("update outbox_sent set cluster = cluster + 1, until = '9000000000000000000:9000000000000000001:'")
    await put(database, *(told(str(n), 3) for n in range(10)))
    async with sending(database, kafka) as relay:
        await relay.all()
        await relay.note()
    assert {n: kafka.of(str(n)) for n in range(10)} == {n: [1, 1, 2, 3] for n in range(10)}
    assert await number(database, WAITING) == 0


async def test_rows_that_wait_are_still_there_after_the_upgrade(servers: Stack) -> None:
    async with fresh_schema(servers.postgres_dsn(None), ()) as dsn:
        connection = await asyncpg.connect(dsn)
        try:
            for name in ("0001_events_and_outbox", "0002_outbox_aside", "0003_outbox_by_key"):
                text = (files("common") / "migrations" / f"{name}.sql").read_text("utf-8")
                await connection.execute(text.partition("-- migrate:down")[0])
                await connection.execute("insert into schema_migrations (version) values ($1)", f"common/{name}")
            await connection.execute(
                "insert into outbox (shard, topic, key, value, headers)"
                " select 3, 't', 'c/x', 'v', jsonb_build_object('ce_version', n::text) from generate_series(1, 50) n"
            )
            await connection.execute("delete from outbox where id <= 20")
        finally:
            await connection.close()
        await migrate(dsn, ["common"])
        kafka = Kafka()
        async with Database.open(dsn) as database:
            assert await number(database, WAITING) == 30
            async with sending(database, kafka) as relay:
                await relay.all()
        assert kafka.of("x") == list(range(21, 51))


class Stuck(Kafka):
    """Takes nothing, and never says so; notes whether it was told to give up."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.given_up = asyncio.Event(), asyncio.Event()

    async def send(self, messages: Iterable[Message]) -> None:
        self.asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.given_up.set()


async def test_a_relay_that_loses_its_connection_gives_up_what_it_sends_and_ends_though_kafka_is_away(database: Database) -> None:
    stuck, kafka = Stuck(), Kafka()
    await put(database, told("x", 1))
    running = asyncio.create_task(Relay(database, stuck, Health({})).run(asyncio.Event()))
    async with asyncio.timeout(10):
        await stuck.asked.wait()
        assert await number(database, "select count(pg_terminate_backend(pid)) from pg_locks where locktype = 'advisory'") >= 16
        with pytest.raises(Unavailable, match="locks"):
            await running
    assert stuck.given_up.is_set()
    async with sending(database, kafka) as other:
        await other.all()
    assert kafka.of("x") == [1]


async def test_a_relay_that_stands_still_while_it_empties_a_tray_is_thrown_out_and_the_others_go_on(database: Database) -> None:
    with pytest.raises(Unavailable):
        async with asyncio.timeout(20), sending(database, Kafka()) as relay:
            await relay.connection.execute("begin")
            await relay.connection.execute("lock table outbox_tray_0, outbox_sent_tray_0 in access exclusive mode")
            await put(database, told("x", 1))
            await relay.connection.execute("commit")
