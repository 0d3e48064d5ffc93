"""Migrations, the event store and the outbox on the real PostgreSQL; the relay and the group source on the real Kafka."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg
import pytest

from common import eventstore, outbox
from common.envelope import Message, UnreadableMessage, message
from common.errors import Unavailable
from common.eventstore import ConcurrentChange
from common.health import Health
from common.kafka import MOST_BYTES, DeadLetters, Producer, Source, TooManyDeadLetters, bounds, create_topics
from common.partition import partition_of
from common.postgres import Database, migrate
from common.recorded import Recorded
from common.relay import Relay
from common.topics import Topic, dead_letter_topic
from localstack.stack import Stack
from tests.support.api import eventually
from tests.support.postgres import fresh_database, fresh_schema, over_a_line

AT = datetime(2026, 11, 24, 3, tzinfo=UTC)


@pytest.fixture
async def database(servers: Stack) -> AsyncIterator[Database]:
    async with fresh_database(servers.postgres_dsn(None)) as made:
        yield made


@pytest.fixture
async def topic(servers: Stack) -> str:
    name = f"test.{uuid4().hex[:12]}"
    await create_topics(servers.kafka, [Topic(name), Topic(dead_letter_topic(name), partitions=1)])
    return name


def told(topic: str, subject: str, version: int) -> Message:
    return message(
        topic, channel="c", subject=subject, source="test", type="test.told", id=uuid4(), version=version, at=AT,
        value=b'{"n":1}', trace={"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
    )  # fmt: skip


def happened(stream: UUID, version: int) -> Recorded:
    return Recorded("c", stream, version, "test.happened", {"name": "홍길동", "n": version}, AT, "kim", "command")


async def test_migrations_are_applied_once_even_by_several_at_a_time(servers: Stack) -> None:
    async with fresh_schema(servers.postgres_dsn(None), ()) as dsn:
        applied = await asyncio.gather(*(migrate(dsn, ["common"]) for _ in range(4)))
        *none, all_of_them = sorted(applied, key=len)
        assert (none, all_of_them[:1]) == ([[], [], []], ["common/0001_events_and_outbox"])


APART = "tests.common.apart"
VALID = "select indisvalid from pg_index where indexrelid = 'thing_by_name'::regclass"
WAITING = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%thing_by_name%'"


async def test_an_index_that_is_built_while_others_write_keeps_nobody_out_and_begins_anew_where_it_failed(servers: Stack) -> None:
    async with fresh_schema(servers.postgres_dsn(None), ()) as dsn, Database.open(dsn) as database:
        with pytest.raises(asyncpg.UniqueViolationError):
            await migrate(dsn, [APART])
        async with database.connection() as connection:
            assert not await connection.fetchval(VALID)
            await connection.execute("update thing set name = 'two' where id = 2")

        async def waiting() -> int:
            async with database.connection() as connection:
                return int(await connection.fetchval(WAITING))

        async with database.transaction() as writer:
            await writer.execute("insert into thing values (3, 'three')")
            building = [asyncio.create_task(migrate(dsn, [APART])) for _ in range(3)]
            await eventually(waiting, lambda count: count == 1, 10)
            async with asyncio.timeout(10), database.connection() as connection:
                await connection.execute("insert into thing values (4, 'four')")
        async with asyncio.timeout(20):
            applied = await asyncio.gather(*building)
        assert sorted(applied) == [[], [], [f"{APART}/0002_thing_by_name"]]
        async with database.connection() as connection:
            assert await connection.fetchval(VALID)


async def test_a_migration_that_waits_for_a_table_lets_those_pass_who_come_meanwhile(servers: Stack) -> None:
    async with fresh_schema(servers.postgres_dsn(None), ()) as dsn, Database.open(dsn) as database:
        async with database.connection() as connection:
            await connection.execute("create table held (id integer)")
        async with database.transaction() as reader:
            await reader.fetch("select * from held")
            migrating = asyncio.create_task(migrate(dsn, ["tests.common.patient"], lock_seconds=0.2))

            async def written() -> int:
                async with asyncio.timeout(2), database.connection() as connection:
                    await connection.execute("insert into held values (1)")
                    return int(await connection.fetchval("select count(*) from held"))

            await eventually(written, lambda count: count >= 20, 10)
            assert not migrating.done()
        async with asyncio.timeout(10):
            assert await migrating == ["tests.common.patient/0001_more"]


@pytest.mark.parametrize("more", [0, 200])
async def test_events_of_many_streams_are_appended_and_read_back(database: Database, more: int) -> None:
    one, other = uuid4(), uuid4()
    written = [happened(one, 1), happened(other, 1), happened(one, 2), *(happened(other, n) for n in range(2, 2 + more))]
    async with database.transaction() as tx:
        await eventstore.append(tx, written)
    async with database.connection() as connection:
        assert await eventstore.read(connection, "c", one) == [written[0], written[2]]
        assert await eventstore.read(connection, "c", one, after=1) == [written[2]]
        assert await eventstore.read(connection, "other", one) == []


@pytest.mark.parametrize("others", [0, 200])
async def test_a_version_taken_by_another_writer_is_a_conflict_and_nothing_is_written(database: Database, others: int) -> None:
    stream, bystander = uuid4(), uuid4()
    async with database.transaction() as tx:
        await eventstore.append(tx, [happened(stream, 1)])
    with pytest.raises(ConcurrentChange):
        async with database.transaction() as tx:
            await outbox.put(tx, [told("t", str(bystander), 1)])
            await eventstore.append(tx, [happened(s, 1) for s in (bystander, stream, *(uuid4() for _ in range(others)))])
    async with database.connection() as connection:
        assert await eventstore.read(connection, "c", bystander) == []
        assert await connection.fetchval("select count(*) from outbox") == 0


async def test_a_database_that_is_away_is_unavailable_and_the_pool_outlives_it(servers: Stack) -> None:
    async with fresh_schema(servers.postgres_dsn(None), ()) as dsn, over_a_line(dsn, size=2) as (line, database):
        with pytest.raises(Unavailable):
            async with database.transaction() as tx:
                await line.cut()
                await tx.fetchval("select 1")
        for ask in (database.transaction, database.connection):
            with pytest.raises(Unavailable):
                async with ask():
                    raise AssertionError("there is no connection")
        await line.mend()
        async with database.connection() as connection:
            assert await connection.fetchval("select 1") == 1


async def test_who_finds_every_connection_in_use_is_told_so_and_does_not_wait_for_ever(servers: Stack) -> None:
    async with (
        fresh_schema(servers.postgres_dsn(None), ()) as dsn,
        Database.open(dsn, size=1, patience=0.2) as database,
    ):
        for ask in (database.transaction, database.connection):
            async with database.connection():
                with pytest.raises(Unavailable, match="Too much is under way"):
                    async with ask():
                        raise AssertionError("there is no connection")
        async with database.connection() as connection:
            assert await connection.fetchval("select 1") == 1


async def drain(database: Database, relays: list[Relay], stop: asyncio.Event) -> None:
    async def watch() -> None:
        async with database.connection() as connection:
            while await connection.fetchval("select count(*) from outbox_waiting"):
                await asyncio.sleep(0)
        stop.set()

    async with asyncio.timeout(30):
        await asyncio.gather(watch(), *(relay.run(stop) for relay in relays))


async def take(servers: Stack, topic: str, count: int) -> list[tuple[str, int, int]]:
    found: list[tuple[str, int, int]] = []
    async with asyncio.timeout(30), Source.open(servers.kafka, f"g-{uuid4().hex[:8]}", [topic]) as source:
        while len(found) < count:
            found += [(m.subject, m.version, m.partition) for m in await source.poll()]
    return found


async def test_what_was_done_to_a_session_is_undone_before_another_has_it(servers: Stack) -> None:
    locks = "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"
    async with fresh_schema(servers.postgres_dsn(None), ()) as dsn, Database.open(dsn, size=1) as database:
        for _ in range(2):
            for _ in range(2):
                row = await database.row(f"select current_setting('statement_timeout') as patience, ({locks}) as locks")
                assert row is not None
                assert (row["patience"], row["locks"]) == ("0", 0)
            async with database.connection() as connection:
                await connection.execute("set statement_timeout = 12345")
                await connection.fetchval("select pg_advisory_lock(4711)")
                assert await connection.fetchval(locks) == 1
        with pytest.raises(asyncpg.UndefinedTableError):
            await database.row("select * from nowhere")
        assert await database.row("select 1 where false") is None


async def test_a_statement_that_was_given_up_is_one_that_may_be_tried_again(database: Database) -> None:
    with pytest.raises(Unavailable):
        async with database.transaction() as tx:
            await tx.execute("select pg_sleep(60)", timeout=0.2)
    async with database.connection() as connection:
        assert await connection.fetchval("select 1") == 1


async def test_a_row_that_kafka_finds_too_large_is_put_aside_and_the_others_go_on(
    servers: Stack, database: Database, topic: str
) -> None:
    large = told(topic, "large", 1)._replace(value=b'"' + b"x" * MOST_BYTES + b'"')
    async with database.transaction() as tx:
        await outbox.put(tx, [told(topic, "small", 1), large, told(topic, "small", 2), told(topic, "large", 2)])
    async with Producer.open(servers.kafka, client_id="one") as producer:
        await drain(database, [Relay(database, producer, Health({}))], asyncio.Event())
        async with database.transaction() as tx:
            await outbox.put(tx, [told(topic, "small", 3)])
        await drain(database, [Relay(database, producer, Health({}))], asyncio.Event())
    found = [(subject, version) for subject, version, _ in await take(servers, topic, 4)]
    assert sorted(set(found)) == [("large", 2), ("small", 1), ("small", 2), ("small", 3)]
    async with database.connection() as connection:
        aside = await connection.fetch("select key, octet_length(value) as size, reason from outbox_aside")
    assert [(row["key"], row["size"]) for row in aside] == [("c/large", MOST_BYTES + 2)]
    assert str(MOST_BYTES + 2) in aside[0]["reason"]


class Away:
    """Where messages go, away for so many times it is asked."""

    def __init__(self, times: int) -> None:
        self.left = times
        self.taken: list[int] = []

    async def send(self, messages: Iterable[Message]) -> None:
        if self.left:
            self.left -= 1
            raise Unavailable("Kafka does not answer.")
        self.taken += [int(m.headers["ce_version"]) for m in messages]


async def test_while_kafka_is_away_a_relay_waits_with_every_row_and_goes_on(database: Database) -> None:
    async with database.transaction() as tx:
        await outbox.put(tx, [told("t", "x", version) for version in range(1, 6)])
    health, away = Health({}), Away(1)
    health.started = True
    relay = Relay(database, away, health)
    running = asyncio.create_task(drain(database, [relay], asyncio.Event()))
    await eventually(health.problems, lambda told: told == {"relay": "Kafka does not answer."})
    async with database.connection() as connection:
        assert await connection.fetchval("select count(*) from outbox_waiting") == 5
    await running
    assert away.taken == [1, 2, 3, 4, 5]
    assert await health.problems() == {}


async def test_what_a_relay_takes_at_once_is_bounded_in_bytes(servers: Stack, database: Database, topic: str) -> None:
    async with database.transaction() as tx:
        await outbox.put(tx, [told(topic, str(n), 1)._replace(value=b"x" * 3_000_000) for n in range(8)])
    async with Producer.open(servers.kafka, client_id="one") as producer, database.connection() as connection:
        relay = Relay(database, producer, Health({}))
        await relay.claim(connection)
        assert [await relay.send_once(connection) for _ in range(3)] == [6, 2, 0]


async def test_two_relays_send_everything_in_order_per_key(servers: Stack, database: Database, topic: str) -> None:
    subjects = [str(uuid4()) for _ in range(40)]
    for version in range(1, 11):
        async with database.transaction() as tx:
            await outbox.put(tx, [told(topic, subject, version) for subject in subjects])
    async with Producer.open(servers.kafka, client_id="one") as one, Producer.open(servers.kafka, client_id="two") as two:
        relays = [Relay(database, producer, Health({})) for producer in (one, two)]
        await drain(database, relays, asyncio.Event())
    found = await take(servers, topic, 400)
    for subject in subjects:
        assert [version for key, version, _ in found if key == subject] == list(range(1, 11))
        assert {partition for key, _, partition in found if key == subject} == {partition_of(f"c/{subject}")}


async def test_rows_of_a_transaction_that_commits_late_are_sent_all_the_same(
    servers: Stack, database: Database, topic: str
) -> None:
    stop = asyncio.Event()
    async with Producer.open(servers.kafka, client_id="late") as producer, database.connection() as late:
        relay = asyncio.create_task(Relay(database, producer, Health({})).run(stop))
        transaction = late.transaction()
        await transaction.start()
        await outbox.put(late, [told(topic, "early id, late commit", 1)])
        async with database.transaction() as tx:
            await outbox.put(tx, [told(topic, "late id, early commit", 1)])
        assert [subject for subject, _, _ in await take(servers, topic, 1)] == ["late id, early commit"]
        await transaction.commit()
        assert len(await take(servers, topic, 2)) == 2
        stop.set()
        await relay


async def test_a_group_goes_on_where_it_committed_and_a_stored_position_overrides(servers: Stack, topic: str) -> None:
    group = f"g-{uuid4().hex[:8]}"
    async with Producer.open(servers.kafka, client_id="p") as producer:
        await producer.send([told(topic, "x", version) for version in range(1, 6)])
    partition = partition_of("c/x")
    async with asyncio.timeout(30), Source.open(servers.kafka, group, [topic]) as source:
        polled = 0
        while polled < 3:
            polled += len(await source.poll(most=3 - polled))
        await source.commit()
    async with asyncio.timeout(30), Source.open(servers.kafka, group, [topic]) as source:
        versions: list[int] = []
        while len(versions) < 2:
            versions += [m.version for m in await source.poll()]
        assert versions == [4, 5]

    async def stored(assigned: object) -> dict[tuple[str, int], int]:
        return {(topic, partition): 1}

    async with asyncio.timeout(30), Source.open(servers.kafka, group, [topic], positions=stored) as source:
        versions = []
        while len(versions) < 4:
            versions += [m.version for m in await source.poll()]
        assert versions == [2, 3, 4, 5]


async def test_dead_letters_keep_the_message_its_reason_and_origin_up_to_a_limit(servers: Stack, topic: str) -> None:
    async with Producer.open(servers.kafka, client_id="p") as producer:
        await producer.send([told(topic, "x", 1)])
        async with asyncio.timeout(30), Source.open(servers.kafka, f"g-{uuid4().hex[:8]}", [topic]) as source:
            while not (records := await source.poll()):
                pass
        letters = DeadLetters(producer, topic, Health({}), limit=1)
        await letters.put(records[0], UnreadableMessage("it says bad"))
        with pytest.raises(TooManyDeadLetters):
            await letters.put(records[0], UnreadableMessage("it says bad"))
    async with asyncio.timeout(30), Source.open(servers.kafka, f"g-{uuid4().hex[:8]}", [dead_letter_topic(topic)]) as source:
        while not (kept := await source.poll()):
            pass
    assert kept[0].value == records[0].value
    assert kept[0].headers["dlq_reason"] == "it says bad"
    assert (kept[0].headers["dlq_topic"], kept[0].headers["dlq_offset"]) == (topic, "0")
    assert kept[0].headers["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c")


async def test_what_cannot_be_taken_back_is_done_after_the_commit_and_not_without_one(database: Database) -> None:
    stream = uuid4()
    seen: list[int] = []

    async def look() -> None:
        async with database.connection() as connection:
            seen.append(len(await eventstore.read(connection, "c", stream)))

    await database.afterwards(look)
    assert seen == [0]
    with pytest.raises(RuntimeError):
        async with database.whole():
            await database.afterwards(look)
            raise RuntimeError("broken in the middle")
    assert seen == [0]
    async with database.whole():
        await database.afterwards(look)
        async with database.transaction() as tx:
            await eventstore.append(tx, [happened(stream, 1)])
        assert seen == [0]
    assert seen == [0, 1]


async def test_a_service_role_reads_no_other_schema(servers: Stack) -> None:
    connection = await asyncpg.connect(servers.postgres_dsn("notify"))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("create table contacts.intruder (id int)")
    finally:
        await connection.close()


async def test_what_was_broken_off_is_not_sent_any_more(servers: Stack, topic: str) -> None:
    many = [told(topic, "x", version)._replace(value=b'"' + b"x" * 300_000 + b'"') for version in range(1, 6)]
    kafka = servers.pid("kafka")
    assert kafka is not None
    async with Producer.open(servers.kafka, client_id="p") as producer:
        await producer.send([told(topic, "x", 0)])
        os.kill(kafka, signal.SIGSTOP)
        try:
            sending = asyncio.create_task(producer.send(many))
            await asyncio.wait([sending], timeout=0.2)
            sending.cancel()
            await asyncio.wait([sending])
        finally:
            os.kill(kafka, signal.SIGCONT)
        assert sending.cancelled()
    # The first of them was on its way.
    ends = await bounds(servers.kafka, [topic])
    assert sum(end for _, end in ends.values()) <= 2
